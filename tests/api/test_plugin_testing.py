"""The fakes and contract checks of ``moodstream.testing``."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.media import read_frames

from moodstream import EMOTIONS, Detections, EmotionPredictions
from moodstream.realtime.errors import EndOfSourceError, SourceGoneError
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog, SourceSpec
from moodstream.testing import (
    ContractError,
    PaintedFaceClassifier,
    PaintedFaceDetector,
    Person,
    ScriptedClassifier,
    ScriptedDetector,
    ScriptedSource,
    check_classifier,
    check_detector,
    paint_face,
)
from moodstream.testing.contracts import check_classifier_protocol, check_detector_protocol

BOX = np.array([[10, 20, 60, 80]], np.float32)
CAMERA = SourceSpec("camera", 0, "camera 0")
FILE = SourceSpec("file", "a.mp4", "a.mp4")
IMAGE = np.zeros((120, 160, 3), np.uint8)


# --- the source ----------------------------------------------------------------------------------


def test_people_come_move_and_go():
    source = ScriptedSource(
        [
            Person((0, 0, 20, 20), start=1, end=2),
            Person(
                lambda t: (50 + 10 * t, 50, 80 + 10 * t, 90), lambda t: "sad" if t < 1 else "fear"
            ),
        ]
    )
    assert source.boxes(0.5).tolist() == [[55, 50, 85, 90]]
    assert source.emotions(0.5) == ["sad"]
    assert source.boxes(1).tolist() == [[0, 0, 20, 20], [60, 50, 90, 90]]
    assert source.emotions(1) == ["happy", "fear"]
    assert len(source.boxes(2)) == 1
    assert ScriptedSource([]).boxes(0).shape == (0, 4)


def test_an_emotion_that_is_none_is_told():
    with pytest.raises(ValueError, match=r"expected one of angry, .*, got 'joy'"):
        ScriptedSource([Person((0, 0, 20, 20), "joy")]).image(0)


def test_frames_have_their_times():
    frames = list(ScriptedSource(fps=10, seconds=0.5).frames())
    assert [frame.t for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    with pytest.raises(ValueError, match="without an end"):
        next(ScriptedSource(seconds=None).frames())


def test_every_emotion_is_seen_through_a_video_codec(tmp_path):
    people = [
        Person((10 + 45 * k, 40, 45 + 45 * k, 80), emotion) for k, emotion in enumerate(EMOTIONS)
    ]
    source = ScriptedSource(people, size=(340, 120), seconds=0.4)
    _, image = read_frames(source.write(tmp_path / "all.mp4"))[-1]
    (found,) = PaintedFaceDetector().detect([image], 0.5)
    order = np.argsort(found.boxes[:, 0])
    assert np.abs(found.boxes[order] - source.boxes(0)).max() <= 2
    read = PaintedFaceClassifier().classify([image], [found.boxes[order]])
    assert [EMOTIONS[k] for k in read.probs.argmax(1)] == list(EMOTIONS)
    assert read.probs.max(1).tolist() == pytest.approx([0.9] * 7)


def test_a_live_source_plays_its_script_over_its_openings():
    events = [(2, SourceGoneError("unplugged")), (2, SourceGoneError("still gone"))]
    source = ScriptedSource(fps=1000, seconds=0.004, events=events)
    reader = source(FILE, OpenSettings(), ReaderWatchdog())
    assert [reader.read()[1] for _ in range(2)] == pytest.approx([0, 0.001])
    for reason in ("unplugged", "still gone"):
        with pytest.raises(SourceGoneError, match=reason):
            reader.read()
        reader.close()
        reader = source(FILE, OpenSettings(), ReaderWatchdog())
    assert [reader.read()[1] for _ in range(2)] == pytest.approx([0.002, 0.003])
    with pytest.raises(EndOfSourceError):
        reader.read()
    assert (source.opened, source.closed) == (3, 2)


def test_a_camera_has_no_media_time_and_goes_on_for_ever():
    reader = ScriptedSource(fps=1000, seconds=None)(CAMERA, OpenSettings(), ReaderWatchdog())
    assert {reader.read()[1] for _ in range(20)} == {None}


def test_a_live_source_that_is_stopped_leaves_but_one_that_hangs_does_not():
    class Hang(threading.Event):
        def wait(self, timeout=None):
            entered.set()
            return super().wait(timeout)

    control, hanging, entered = ReaderWatchdog(), Hang(), threading.Event()
    control.stop()
    with pytest.raises(SourceGoneError):
        ScriptedSource()(CAMERA, OpenSettings(), control).read()
    source = ScriptedSource(events=[(0, hanging)])
    reader, came = source(CAMERA, OpenSettings(), control), []

    def read():
        with pytest.raises(SourceGoneError):
            reader.read()
        came.append(True)

    thread = threading.Thread(target=read)
    thread.start()
    assert entered.wait(30)
    assert not came
    hanging.set()
    thread.join(30)
    assert came


def test_black_spans_are_black():
    source = ScriptedSource([Person((0, 0, 20, 20))], black=[(1, 2)])
    assert source.image(0.9).any()
    assert not source.image(1.0).any()
    assert source.image(2.0).any()


# --- what says what it is told -------------------------------------------------------------------


@pytest.mark.parametrize("script", [BOX, BOX.tolist(), [BOX, BOX], lambda image: BOX])
def test_a_scripted_detector_says_boxes(script: Any) -> None:
    for found in ScriptedDetector(script).detect([IMAGE] * 3, 0.5):
        assert np.array_equal(found.boxes, BOX)


def test_a_scripted_detector_goes_through_its_script_and_stays_at_its_end():
    script: list[npt.ArrayLike] = [np.zeros((0, 4)), BOX, np.vstack([BOX, BOX + 60])]
    detector = ScriptedDetector(script, score=0.8)
    counts = [len(found) for found in detector.detect([IMAGE] * 2, 0.5)]
    counts += [len(found) for _ in range(2) for found in detector.detect([IMAGE], 0.5)]
    assert counts == [0, 1, 2, 2]
    assert detector.shapes == [IMAGE.shape] * 4
    assert len(detector.detect([IMAGE], 0.9)[0]) == 0  # not so sure


def test_a_scripted_detector_may_have_landmarks():
    (found,) = ScriptedDetector(BOX, landmarks=True).detect([IMAGE], 0.5)
    assert found.landmarks.shape == (1, 5, 2)
    assert (found.landmarks > BOX[0, :2]).all()
    assert (found.landmarks < BOX[0, 2:]).all()


SAD = np.eye(7)[4]


@pytest.mark.parametrize("script", ["sad", {"sad": 1.0}, SAD, SAD.tolist(), ["sad"], [SAD]])
def test_a_scripted_classifier_says_one_thing(script):
    read = ScriptedClassifier(script).classify([IMAGE] * 2, [BOX, np.vstack([BOX, BOX])])
    assert read.probs.tolist() == [SAD.tolist()] * 3
    assert read.affect is None


def test_a_scripted_classifier_goes_on_with_each_call_that_has_faces():
    classifier = ScriptedClassifier(["happy", {"sad": 0.5, "fear": 0.5}, SAD], affect=(0.5, -0.5))
    nobody = np.zeros((0, 4), np.float32)
    said = [classifier.classify([IMAGE], [b]).probs for b in (BOX, nobody, BOX, BOX, BOX)]
    tops = [row[0].argmax() for row in said if len(row)]
    assert [EMOTIONS[k] for k in tops] == ["happy", "fear", "sad", "sad"]
    assert classifier.batches == [1, 0, 1, 1, 1]
    assert classifier.classify([IMAGE], [BOX]).affect.tolist() == [[0.5, -0.5]]


def test_a_script_that_is_no_distribution_is_told():
    with pytest.raises(ValueError, match="expected probabilities"):
        ScriptedClassifier({"happy": 0.4})


def test_where_no_face_is_painted_nothing_is_read():
    image = IMAGE.copy()
    paint_face(image, (10, 20, 60, 80), "fear")
    read = PaintedFaceClassifier().classify([image], [np.vstack([BOX, BOX + 200])])
    assert EMOTIONS[read.probs[0].argmax()] == "fear"
    assert np.isnan(read.probs[1]).all()


# --- contract checks -----------------------------------------------------------------------------


@pytest.mark.parametrize("good", [PaintedFaceDetector(), ScriptedDetector(BOX, score=0.5)])
def test_good_detectors_pass(good):
    check_detector(good)
    check_detector_protocol(good)


@pytest.mark.parametrize("good", [PaintedFaceClassifier(), ScriptedClassifier("happy")])
def test_good_classifiers_pass(good):
    check_classifier(good)
    check_classifier_protocol(good)


def test_our_own_networks_pass(networks):
    check_detector_protocol(networks.detector)
    check_classifier_protocol(networks.classifier)


def upper_half(image):
    height, width = image.shape[:2]
    return [[0, 0, width, height]] if min(height, width) > 1 else []


class PlainRows:
    """A classifier whose answer is a plain array."""

    name = "plain"

    def classify(self, images, boxes):
        return np.full((sum(map(len, boxes)), 7), 1 / 7)


def test_detectors_pass_in_every_form_that_a_pipeline_takes():
    for good in (upper_half, Bad(each(boxes=lambda f: f.boxes.astype(float))), "haar"):
        check_detector(good)


def test_classifiers_pass_in_every_form_that_a_pipeline_takes():
    plain: Any = PlainRows()
    for good in (plain, lambda faces: [{"sad": 1}] * len(faces), "embedded"):
        check_classifier(good)


def test_what_a_pipeline_would_refuse_breaks_the_contract():
    with pytest.raises(ContractError, match=r"forgetful: expected boxes \(N, 4\), got nothing"):
        check_detector(forgetful)
    with pytest.raises(ContractError, match=r"forgetful: expected probabilities"):
        check_classifier(forgetful)
    with pytest.raises(ContractError, match="--detector eagle: expected one of"):
        check_detector("eagle")
    nothing: Any = 7
    with pytest.raises(ContractError, match="expected a classifier"):
        check_classifier(nothing)
    with pytest.raises(ContractError, match="the same boxes for a picture alone"):
        check_detector(Bad(each(boxes=lambda f: f.boxes + 5 * (next(NUMBERS) % 3))))


def forgetful(given):
    """Does its work and returns nothing."""


class Bad(PaintedFaceDetector):
    """A detector whose answers are changed by ``change``."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def detect(self, images, min_confidence):
        return self.change(images, super().detect(images, min_confidence))


def each(**changed):
    """Detections with other boxes or scores."""
    return lambda images, found: [
        dataclasses.replace(f, **{name: make(f) for name, make in changed.items()}) for f in found
    ]


NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images, found: found or None, "an empty list for no pictures"),
        (lambda images, found: found[:1], "5 Detections for as many pictures, got 1"),
        (lambda images, found: [f.boxes for f in found], "Detections, got ndarray"),
        (each(boxes=lambda f: f.boxes.astype(float)), "boxes of float32, got float64"),
        (each(boxes=lambda f: f.boxes * np.nan), "finite boxes"),
        (each(boxes=lambda f: f.boxes[:, [2, 1, 0, 3]]), "x1 < x2 and y1 < y2"),
        (each(scores=lambda f: f.scores * 2), "scores from 0.3 to 1"),
        (each(scores=lambda f: f.scores * 0.5), "scores from 0.99 to 1"),
        (each(boxes=lambda f: f.boxes + 5 * next(NUMBERS)), "the same boxes for a picture alone"),
        (lambda images, found: [i.fill(7) for i in images] and found, "left as they were"),
    ],
)
def test_a_detector_that_breaks_its_contract_is_found_out(change, message):
    with pytest.raises(ContractError, match=message):
        check_detector_protocol(Bad(change))


class BadClassifier(PaintedFaceClassifier):
    """A classifier whose probabilities are changed by ``change``."""

    def __init__(self, change, classes=EMOTIONS):
        super().__init__()
        self.change, self.classes = change, classes

    def classify(self, images, boxes):
        return self.change(super().classify(images, boxes))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (BadClassifier(lambda r: r, ("happy",)), "missing: angry, disgust"),
        (BadClassifier(lambda r: r, list(EMOTIONS)), "classes, a tuple"),
        (BadClassifier(lambda r: r.probs), "EmotionPredictions, got ndarray"),
        (
            BadClassifier(lambda r: EmotionPredictions(r.probs[:3])),
            r"probs \(15, 7\), got \(3, 7\)",
        ),
        (
            BadClassifier(lambda r: EmotionPredictions(r.probs.astype(float))),
            "float32, got float64",
        ),
        (BadClassifier(lambda r: EmotionPredictions(r.probs * np.float32(2))), "sum to 1"),
        (
            BadClassifier(lambda r: EmotionPredictions(np.roll(r.probs, next(NUMBERS), axis=1))),
            "the same probabilities for a face alone",
        ),
    ],
)
def test_a_classifier_that_breaks_its_contract_is_found_out(bad, message):
    with pytest.raises(ContractError, match=message):
        check_classifier_protocol(bad)


def test_a_broken_contract_fails_a_test():
    assert issubclass(ContractError, AssertionError)
    assert Detections.none().boxes.dtype == np.float32
