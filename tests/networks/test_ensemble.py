"""Networks that vote: their average, how far they are apart, and how they are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.fakes import Says

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks import load as models
from moodstream.realtime.networks.classifiers.calibration import Calibrated
from moodstream.realtime.networks.classifiers.ensemble import Ensemble
from moodstream.realtime.networks.classifiers.hsemotion import CLASSES
from moodstream.realtime.networks.engines import openvino as engine
from moodstream.realtime.networks.models import ModelSettings
from moodstream.realtime.networks.weights import packaged

PICTURE = np.zeros((40, 40, 3), np.uint8)
FACE = np.array([[0, 0, 40, 40]], np.float32)
HAPPY, SAD = np.eye(7)[3], np.eye(7)[4]


def ask(*members: Says, faces: int = 1) -> EmotionPredictions:
    return Ensemble(members).classify([PICTURE], [np.tile(FACE, (faces, 1))])


@st.composite
def opinions(draw, least: int = 2):
    """Distributions (M, 7) of M members."""
    m = draw(st.integers(least, 5))
    raw = draw(hnp.arrays(np.float64, (m, 7), elements=st.floats(0, 1)))
    raw[raw.sum(1) < 1e-3] = 1.0
    return raw / raw.sum(1, keepdims=True)


@given(opinions())
def test_probabilities_are_the_plain_average(probs):
    predictions = ask(*map(Says, probs), faces=3)
    np.testing.assert_allclose(predictions.probs, np.tile(probs.mean(0), (3, 1)), atol=1e-6)
    assert predictions.probs.dtype == np.float32


@given(opinions())
def test_disagreement_is_bounded_whatever_the_members_say(probs):
    (disagreement,) = ask(*map(Says, probs)).disagreement
    assert 0 <= disagreement <= np.log(2) + 1e-6


@given(opinions(1), st.integers(2, 4))
def test_members_that_say_the_same_do_not_disagree(probs, n):
    (disagreement,) = ask(*[Says(probs[0])] * n).disagreement
    assert disagreement == pytest.approx(0, abs=1e-6)


# Of (1, 0) and (0, 1) to their average (½, ½): JSD = H(¾, ¼) - ½ ln 2.
APART = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) - np.log(2) / 2
# Two say (1, 0), one (0, 1); the average is (⅔, ⅓).
TWO_TO_ONE = (
    2 * (-(5 / 6 * np.log(5 / 6) + 1 / 6 * np.log(1 / 6)))
    - (1 / 3 * np.log(1 / 3) + 2 / 3 * np.log(2 / 3))
    - 3 / 2 * -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
) / 3


@pytest.mark.parametrize(
    ("members", "nats"),
    [([HAPPY, SAD], APART), ([HAPPY, SAD] * 2, APART), ([HAPPY, HAPPY, SAD], TWO_TO_ONE)],
)
def test_disagreement_is_the_mean_jsd_to_the_average(members, nats):
    predictions = ask(*map(Says, members), faces=2)
    np.testing.assert_allclose(predictions.disagreement, [nats, nats], atol=1e-6)
    assert predictions.disagreement.dtype == np.float32


def test_disagreement_is_each_faces_own():
    """One member turns with the face, the other does not."""

    class Turns(Says):
        def classify(self, images, boxes):
            return EmotionPredictions(np.stack([HAPPY, SAD]).astype(np.float32))

    predictions = ask(Says(HAPPY), Turns(HAPPY), faces=2)
    np.testing.assert_allclose(predictions.disagreement, [0, APART], atol=1e-6)


def test_contempt_is_left_out_and_classes_are_matched_by_name():
    eight = dict.fromkeys(CLASSES, 0.0) | {"contempt": 0.5, "happy": 0.4, "sad": 0.1}
    predictions = ask(Says(list(eight.values()), classes=CLASSES), Says(SAD))
    want = np.zeros(7)
    want[EMOTIONS.index("happy")], want[EMOTIONS.index("sad")] = 0.8 / 2, (0.2 + 1) / 2
    np.testing.assert_allclose(predictions.probs, [want], atol=1e-6)
    assert Ensemble([Says(HAPPY), Says(SAD)]).classes == EMOTIONS


@pytest.mark.parametrize(
    ("affects", "want"),
    [
        ([None, None], None),
        ([(0.5, -0.25), None], (0.5, -0.25)),
        ([(0.5, -0.25), None, (-0.1, 0.75)], (0.2, 0.25)),
    ],
)
def test_valence_and_arousal_are_averaged_over_those_that_read_them(affects, want):
    predictions = ask(*(Says(HAPPY, affect) for affect in affects), faces=2)
    if want is None:
        assert predictions.affect is None
    else:
        np.testing.assert_allclose(predictions.affect, [want, want], atol=1e-6)
        assert predictions.affect.dtype == np.float32


def test_nobody():
    predictions = ask(Says(HAPPY, (0.1, 0.2)), Says(SAD), faces=0)
    shapes = predictions.probs.shape, predictions.affect.shape, predictions.disagreement.shape
    assert shapes == ((0, 7), (0, 2), (0,))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_are_no_ensemble(n):
    with pytest.raises(MoodstreamError, match=f"two or more members in room, got {n}"):
        Ensemble([Says(HAPPY)] * n, "room")


@pytest.fixture(scope="module")
def face(footage, networks):
    import cv2

    image = cv2.imread(str(footage["single_face.jpg"]))
    return [image], [networks.detector.detect([image], 0.5)[0].boxes]


def load(emotion: str, **more: Any):
    return models.load_classifier(ModelSettings("embedded", emotion=emotion, device="cpu", **more))


def test_the_ensemble_of_the_package_is_its_calibrated_members(face):
    card = packaged.network_manifest()
    classifier, info, reason = load("ensemble")
    assert (classifier.name, classifier.classes, reason) == ("ensemble", EMOTIONS, None)
    assert isinstance(classifier, Calibrated)
    assert (classifier.temperature, classifier.prior) == card.calibration("ensemble")
    assert info.temperature == classifier.temperature
    predictions = classifier.inner.classify(*face)
    members = [load(name)[0] for name in card.members]
    alone = [fold_to(m.classify(*face).probs, m.classes, EMOTIONS) for m in members]
    np.testing.assert_allclose(predictions.probs, np.mean(alone, axis=0), atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-4  # they are not the same network twice
    np.testing.assert_array_equal(classifier.classify(*face).disagreement, predictions.disagreement)
    assert (predictions.disagreement > 0).all()


def test_what_ran_names_every_member():
    card = packaged.network_manifest()
    _, info, _ = load("ensemble", precision="f32")
    assert info.file.split() == [f"{name}.onnx" for name in card.members]
    assert info.sha256.split() == [card.networks[name]["sha256"] for name in card.members]
    assert (info.name, info.device, info.engine) == ("ensemble", "cpu", "openvino f32")


def test_what_ran_names_the_files_of_members_in_int8(monkeypatch):
    monkeypatch.setattr(engine, "has_vnni", lambda: True)
    card = packaged.network_manifest()
    _, info, _ = load("ensemble", precision="int8")
    files = [f"{name}_int8{ending}" for name in card.members for ending in (".xml", ".bin")]
    assert info.file.split() == files
    assert info.sha256.split() == [s for name in card.members for s in card.networks[name]["int8"]]
    assert info.engine == "openvino int8"


def test_a_list_of_the_members_is_the_ensemble(face):
    card = packaged.network_manifest()
    whole, info, _ = load(", ".join(reversed(card.members)))
    assert (info.name, info.temperature) == ("ensemble", card.calibration("ensemble")[0])
    want = load("ensemble")[0].classify(*face).probs
    np.testing.assert_allclose(whole.classify(*face).probs, want, atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("embedded,nobody", "--emotion nobody: expected one of embedded, embedded_b"),
        ("embedded,", "--emotion embedded,: expected names that differ"),
        ("embedded,embedded", "--emotion embedded,embedded: expected names that differ"),
        ("ensemble,embedded", "--emotion ensemble,embedded: in a list, write embedded,"),
        ("embedded,/nowhere/enet_b2_8.onnx", "--emotion /nowhere/enet_b2_8.onnx: no such file"),
    ],
)
def test_a_list_that_cannot_be_had_is_one_line(asked, said):
    with pytest.raises(MoodstreamError) as caught:
        load(asked)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
