"""`moodstream evaluate emotions`: the loop over faces and the files it writes."""

from __future__ import annotations

import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from support.fakes import direct

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.detect import around, largest_faces
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.datasets.listing import Listing
from moodstream.realtime.evaluation.emotions import metrics, report
from moodstream.realtime.evaluation.emotions.calibrate import cross_entropy, fit_temperature
from moodstream.realtime.evaluation.emotions.evaluate import (
    EmotionSettings,
    evaluate,
    without_temperature,
)
from moodstream.realtime.evaluation.emotions.terminal import lines
from moodstream.realtime.frames import Detections, EmotionPredictions
from moodstream.realtime.networks.classifiers.calibration import Calibrated, rescale
from moodstream.realtime.networks.classifiers.ensemble import Ensemble
from moodstream.realtime.networks.classifiers.hsemotion import CLASSES
from moodstream.realtime.networks.models import ModelInfo

FIVE = ("accuracy", "balanced_accuracy", "macro_f1", "cross_entropy", "ece")


class Bright:
    """Predicts a class by the mean of the box: a made-up network with contempt."""

    classes: tuple[str, ...] = CLASSES

    def __init__(self, name: str = "bright", sharpness: float = 4.0) -> None:
        self.name, self.sharpness = name, sharpness
        self.seen: list[tuple[int, ...]] = []

    def classify(self, images, boxes):
        rows = []
        for image, where in zip(images, boxes, strict=True):
            for x1, y1, x2, y2 in np.rint(where).astype(int):
                inside = image[y1:y2, x1:x2]
                self.seen.append(inside.shape[:2])
                place = inside.mean() / 255 * (len(self.classes) - 1)
                z = -self.sharpness * (np.arange(len(self.classes)) - place) ** 2
                rows.append(np.exp(z) / np.exp(z).sum())
        return EmotionPredictions(np.array(rows, np.float32).reshape(-1, len(self.classes)))


INFO = {"emotion": ModelInfo("bright", "bright.onnx", "0" * 64, "made up", "cpu", 2.0)}


@pytest.fixture
def faces() -> LabelledFaces:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 40)
    # some are labelled otherwise than they look
    looks = np.where(rng.random(40) < 0.7, labels, rng.integers(0, 7, 40))
    images = []
    for look, side in zip(looks, rng.choice([24, 60, 100], 40), strict=True):
        bright = CLASSES.index(EMOTIONS[look]) / 7 * 255
        noise = rng.normal(0, 12, (side, side + 10, 3))
        images.append(np.clip(bright + noise, 0, 255).astype(np.uint8))
    names = [f"face {i}.png" for i in range(40)]
    return LabelledFaces(images, labels, names, [("x.png", "not a picture")], "made up")


# --- the loop


def test_figures_are_those_of_the_classifier_itself(faces):
    calibrated = Calibrated(Bright(), 2.0)
    done = evaluate(calibrated, faces)
    np.testing.assert_allclose(done.probs, direct(calibrated, faces), atol=1e-5)
    np.testing.assert_allclose(done.uncalibrated, direct(Bright(), faces), atol=1e-5)
    assert done.disagreement is None
    assert done.figures.n == 40
    assert done.confusion.sum() == 40


def test_one_pass_gives_the_figures_before_and_after_calibration(faces):
    inner = Bright()
    evaluate(Calibrated(inner, 2.0), faces, EmotionSettings((), ()))
    assert len(inner.seen) == len(faces)


def test_only_larger_faces_are_shrunk(faces):
    classifier = Bright()
    sides = faces.sides()
    done = evaluate(classifier, faces, EmotionSettings((64, 24), ()))
    assert done.by_size[64].unchanged == (sides <= 64).sum()
    assert done.by_size[24].unchanged == (sides <= 24).sum()
    again = classifier.seen[len(faces) :]
    assert {min(shape) for shape in again} == {64, 24}
    assert len(again) == (sides > 64).sum() + (sides > 24).sum()
    whole = evaluate(Bright(), faces, EmotionSettings((200,), ()))
    assert whole.by_size[200].as_is
    assert whole.by_size[200].figures == whole.figures


def test_blur_reads_every_face_again(faces):
    classifier = Bright()
    done = evaluate(classifier, faces, EmotionSettings((), (0.02, 0.08)))
    assert list(done.by_blur) == [0.02, 0.08]
    assert len(classifier.seen) == 3 * len(faces)
    assert all(step.unchanged == 0 for step in done.by_blur.values())


def test_a_box_is_shrunk_with_its_picture():
    image = np.full((300, 400, 3), 200, np.uint8)
    image[100:180, 50:150] = 20
    one = LabelledFaces(
        [image],
        np.zeros(1, np.int64),
        ["a"],
        [],
        "made up",
        np.array([[50, 100, 150, 180]], np.float32),
    )
    classifier = Bright()
    done = evaluate(classifier, one, EmotionSettings((40,), ()))
    assert classifier.seen == [(80, 100), (40, 50)]
    assert done.by_size[40].figures.cross_entropy == pytest.approx(done.figures.cross_entropy)


def test_every_temperature_is_taken_off(faces):
    a, b = Bright("a", 3.0), Bright("b", 5.0)
    assert without_temperature(a) is a
    plain = Ensemble([a, b])
    assert without_temperature(plain) is plain
    assert without_temperature(Calibrated(plain, 2.0)) is plain
    nested = Calibrated(Ensemble([Calibrated(a, 0.5), Calibrated(b, 0.5)]), 2.0)
    done = evaluate(nested, faces, EmotionSettings((), ()))
    np.testing.assert_allclose(done.probs, direct(nested, faces), atol=1e-5)
    np.testing.assert_allclose(done.uncalibrated, direct(plain, faces), atol=1e-5)
    assert done.disagreement.shape == (40,)


def test_doubt_tells_mistakes(faces):
    done = evaluate(Ensemble([Bright("a", 3.0), Bright("b", 1.0)]), faces, EmotionSettings((), ()))
    got = done.uncertainty()
    wrong = ~done.right
    assert got["disagreement_wrong"] == pytest.approx(done.disagreement[wrong].mean(), rel=1e-5)
    assert got["auroc_disagreement"] == metrics.auroc(done.disagreement, wrong)
    mistakes = done.mistakes()
    assert wrong[mistakes].all()
    assert len(mistakes) == wrong.sum()
    assert (np.diff(done.probs[mistakes].max(1)) <= 0).all()


def test_the_saved_temperature_is_the_best_one(faces):
    done = evaluate(Calibrated(Bright(), 2.0), faces, EmotionSettings((), ()))
    fitted = fit_temperature(done.uncalibrated, done.labels)
    best = cross_entropy(rescale(done.uncalibrated, fitted), done.labels)
    for factor in (0.9, 1.1):
        other = cross_entropy(rescale(done.uncalibrated, fitted * factor), done.labels)
        assert best <= other


# --- whole photos


class Corners:
    """Finds two boxes in bright pictures and none in others."""

    name = "corners"

    def detect(self, images, min_confidence):
        boxes = np.array([[10, 10, 30, 30], [100, 50, 180, 170]], np.float32)
        bright = Detections(boxes, np.ones(2, np.float32))
        return [bright if image.mean() > 100 else Detections.none() for image in images]


def listing(images) -> Listing:
    names = [f"{i}.jpg" for i in range(len(images))]
    return Listing(names, np.zeros(len(images), np.int64), lambda i, _: images[i], "made up")


def test_the_largest_face_of_each_photo_is_read():
    photo = np.random.default_rng(0).integers(100, 256, (400, 600, 3), np.uint8)
    got = largest_faces(listing([np.zeros_like(photo), photo]), Corners())
    assert got.names == ["1.jpg"]
    assert got.skipped == [("0.jpg", "no face found")]
    x1, y1, x2, y2 = got.box(0).astype(int)
    np.testing.assert_array_equal(got.images[0][y1:y2, x1:x2], photo[50:170, 100:180])
    assert got.images[0].shape[0] < 400


def test_photos_without_any_face_are_refused():
    with pytest.raises(MoodstreamError, match="no face"):
        largest_faces(listing([np.zeros((50, 50, 3), np.uint8)]), Corners())


def test_a_very_large_face_is_shrunk():
    image, box = around(
        np.zeros((3000, 4000, 3), np.uint8), np.array([1000, 500, 2024, 1700], np.float32)
    )
    assert max(box[2:] - box[:2]) == pytest.approx(512, abs=1)
    assert max(image.shape) <= 3 * 512 + 2


# --- the folder of results


@pytest.fixture
def written(faces, tmp_path):
    done = evaluate(Calibrated(Bright(), 2.0), faces)
    found = report.metrics(done, faces, INFO)
    report.write(tmp_path, found, done, faces)
    return tmp_path, done, found


def test_every_file_is_there_and_the_figures_agree(written):
    folder, done, found = written
    assert sorted(p.name for p in folder.iterdir()) == sorted(report.OUTPUTS)
    kept = json.loads((folder / "metrics.json").read_text())
    assert kept == json.loads(json.dumps(found))
    labels = done.labels
    for probs, figures in ((done.probs, kept), (done.uncalibrated, kept["uncalibrated"])):
        for name in FIVE:
            want = getattr(metrics.figures(probs, labels), name)
            assert figures[name] == pytest.approx(want, abs=1e-6)
    assert kept["n"] == 40
    assert kept["temperature"] == 2.0
    assert list(kept["by_size"]) == ["64", "48", "32", "24", "16"]
    assert list(kept["by_blur"]) == ["0.02", "0.04", "0.08"]
    for step in [*kept["by_size"].values(), *kept["by_blur"].values()]:
        assert {*FIVE, "n", "unchanged", "as_is", "votes"} == set(step)
    assert kept["confusion"] == {"classes": list(EMOTIONS), "counts": done.confusion.tolist()}
    assert sum(part["said"] for part in kept["mix"].values()) == pytest.approx(1, abs=1e-5)
    assert sum(part["support"] for part in kept["per_class"].values()) == 40
    for place, part in enumerate(kept["per_class"].values()):
        rows = labels == place
        want = asdict(metrics.figures(done.probs[rows], labels[rows]))
        assert {name: part[name] for name in (*FIVE, "n")} == pytest.approx(want, abs=1e-6)
        assert part["recall"] == part["accuracy"]
        assert part["n"] == part["support"]
    assert kept["reliability"]["after"]["ece"] == kept["ece"]
    assert kept["reliability"]["before"]["ece"] == kept["uncalibrated"]["ece"]
    assert kept["model"]["name"] == "bright"
    assert kept["skipped"] == [{"what": "x.png", "why": "not a picture"}]
    assert "python" in kept["versions"]


def test_charts_are_pictures_and_the_report_shows_them(written):
    folder, _, found = written
    text = (folder / "report.md").read_text()
    for path in folder.glob("*.png"):
        assert cv2.imread(str(path)).std() > 5
        assert f"({path.name})" in text
    assert f"{found['accuracy']:.1%}" in text
    assert "x.png" in text
    assert all(line.count("|") == 11 for line in text.splitlines() if line.startswith("| angry |"))


def test_a_class_without_faces_has_no_figures(faces, tmp_path):
    rows = np.flatnonzero(faces.labels != 3)
    part = LabelledFaces(
        [faces.images[i] for i in rows], faces.labels[rows], list(map(str, rows)), [], "no happy"
    )
    found = report.metrics(evaluate(Bright(), part, EmotionSettings((), ())), part, INFO)
    happy = found["per_class"]["happy"]
    assert happy["n"] == happy["support"] == 0
    assert {happy[name] for name in FIVE} == {None}


def test_without_pictures_no_face_is_written(faces, written):
    folder, done, found = written
    assert (folder / "mistakes.png").exists()
    report.write(folder, found, done, faces, pictures=False)
    assert sorted(p.name for p in folder.iterdir()) == sorted({*report.OUTPUTS} - {"mistakes.png"})
    assert "mistake" not in (folder / "report.md").read_text()


@pytest.mark.parametrize("kind", ["one face", "all right", "one class, no settings"])
def test_odd_results_make_a_report_too(faces, tmp_path, kind):
    done = evaluate(Bright(), faces, EmotionSettings((), ()))
    rows = [0] if kind == "one face" else np.flatnonzero(done.right)
    if kind.startswith("one class"):
        rows = np.flatnonzero(faces.labels == 3)
    part = LabelledFaces(
        [faces.images[i] for i in rows],
        faces.labels[rows],
        [faces.names[i] for i in rows],
        [],
        "odd | one",
    )
    done = evaluate(Ensemble([Bright("a"), Bright("b", 2.0)]), part, EmotionSettings((), ()))
    found = report.metrics(done, part, INFO)
    report.write(tmp_path, found, done, part)
    assert "NaN" not in (tmp_path / "metrics.json").read_text()
    assert lines(found)
