from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
from support.paths import DATA as SHARED

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.maths import fold_to, row_jsd
from moodstream.realtime.networks.classifiers.embedded import SIZE, EmbeddedClassifier, square_crop
from moodstream.realtime.networks.weights import packaged
from moodstream.realtime.networks.weights.store import WeightsError


@pytest.fixture(scope="module")
def classifier() -> EmbeddedClassifier:
    return EmbeddedClassifier()


@pytest.fixture(scope="module")
def face(footage, networks):
    """A picture with one face, and its box."""
    image = cv2.imread(str(footage["single_face.jpg"]))
    detected = networks.detector.detect([image], 0.5)[0]
    assert len(detected) == 1
    return image, detected.boxes


@pytest.mark.parametrize("box", [[30, 20, 80, 90], [-20, -10, 30, 40], [150, 100, 260, 190]])
def test_square_crop_is_the_square_around_the_box_with_its_edge_repeated(box):
    grey = np.random.default_rng(0).integers(0, 256, (120, 160), np.uint8)
    padded = cv2.copyMakeBorder(grey, 300, 300, 300, 300, cv2.BORDER_REPLICATE)
    x1, y1, x2, y2 = box
    side = max(x2 - x1, y2 - y1)
    left, top = round((x1 + x2 - side) / 2) + 300, round((y1 + y2 - side) / 2) + 300
    whole = padded[top : top + side, left : left + side]
    way = cv2.INTER_AREA if side > SIZE else cv2.INTER_LINEAR
    want = cv2.resize(whole, (SIZE, SIZE), interpolation=way)
    np.testing.assert_array_equal(square_crop(grey, np.array(box, np.float32)), want)


def test_a_box_outside_the_picture_is_grey_and_not_an_error():
    grey = np.zeros((50, 50), np.uint8)
    crop = square_crop(grey, np.array([200, 200, 240, 240], np.float32))
    assert crop.shape == (SIZE, SIZE)


def test_nobody(classifier):
    image, nobody = np.zeros((50, 50, 3), np.uint8), np.zeros((0, 4), np.float32)
    for images, boxes in (([], []), ([image], [nobody]), ([image] * 2, [nobody] * 2)):
        predictions = classifier.classify(images, boxes)
        assert predictions.probs.shape == (0, len(classifier.classes))
        assert (predictions.affect, predictions.disagreement) == (None, None)


def test_rows_are_distributions_and_do_not_depend_on_the_batch(classifier, face):
    image, boxes = face
    jitter = np.random.default_rng(0).uniform(-15, 15, (37, 4)).astype(np.float32)
    many = boxes + jitter
    together = classifier.classify([image], [many]).probs
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-5)
    alone = [classifier.classify([image], [box[None]]).probs for box in many]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-4)


def test_faces_of_several_pictures_follow_each_other(classifier, face):
    image, boxes = face
    dark, nobody = (image * 0.3).astype(np.uint8)[:, ::-1], np.zeros((0, 4), np.float32)
    flipped = image.shape[1] - boxes[:, [2, 1, 0, 3]]
    flipped[:, [1, 3]] = boxes[:, [1, 3]]
    beside = boxes + np.float32(120)
    together = classifier.classify([image, image, dark], [boxes, nobody, np.r_[flipped, beside]])
    pairs = ((image, boxes), (dark, flipped), (dark, beside))
    alone = [classifier.classify([i], [b]).probs for i, b in pairs]
    np.testing.assert_allclose(together.probs, np.concatenate(alone), atol=1e-4)
    assert np.abs(alone[0] - alone[2]).max() > 0.05  # the rows can be told apart


def test_exposure_and_contrast_hardly_matter(classifier, face):
    image, boxes = face
    dark = (image * 0.5 + 20).astype(np.uint8)
    plain, other = (classifier.classify([i], [boxes]).probs for i in (image, dark))
    assert np.abs(plain - other).max() < 0.12


def test_a_smile_is_read_as_happy_and_only_while_it_lasts(footage, networks):
    """single_face.mp4: neutral, then a smile, then neutral again."""
    from moodstream.realtime.sources.files import FileSource

    source = FileSource(footage["single_face.mp4"])
    happy = []
    for frame in source.frames():
        if frame.index % 5 == 1:  # 72 frames: the last one is among them
            boxes = networks.detector.detect([frame.image], 0.5)[0].boxes
            probs = networks.classifier.classify([frame.image], [boxes[:1]]).probs
            happy.append(probs[0, EMOTIONS.index("happy")])
    source.close()
    third = len(happy) // 3
    assert max(happy[third : 2 * third]) > 0.5
    assert happy[0] < 0.4
    assert happy[-1] < 0.4


@pytest.mark.skipif(
    not (SHARED / "ferplus_votes.npz").is_file(), reason="the votes are not beside the checkout"
)
def test_it_agrees_with_ten_people_about_fer2013s_private_test(classifier):
    data, votes = np.load(SHARED / "fer2013.npz"), np.load(SHARED / "ferplus_votes.npz")["votes"]
    named = votes[:, :7].astype(float)
    chosen = (data["usage"] == 2) & (named.sum(1) >= 5) & (votes[:, 9] < 5)
    images, shares = data["images"][chosen], named[chosen] / named[chosen].sum(1, keepdims=True)
    whole = [np.array([[0, 0, 48, 48]], np.float32)] * len(images)
    probs = classifier.classify([cv2.cvtColor(i, cv2.COLOR_GRAY2BGR) for i in images], whole).probs
    seven = fold_to(probs, classifier.classes, EMOTIONS)
    assert (seven.argmax(1) == shares.argmax(1)).mean() >= 0.81
    assert row_jsd(seven, shares).mean() <= 0.086


def test_a_damaged_network_is_not_run(tmp_path, monkeypatch):
    copies = tmp_path / "networks"
    shutil.copytree(packaged.classifier_folder(), copies)
    monkeypatch.setattr(packaged, "classifier_folder", lambda: copies)
    EmbeddedClassifier(precision="f32")
    with (copies / "embedded.onnx").open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    with pytest.raises(WeightsError, match=r"embedded\.onnx: wrong checksum"):
        EmbeddedClassifier(precision="f32")
