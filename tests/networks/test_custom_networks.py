"""Detectors, filters, transforms, classifiers and votes of one's own."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from support.two_people import BOXES, IMAGE, K, raw

from moodstream import EMOTIONS, Detections, EmotionPredictions, MoodstreamError, Pipeline
from moodstream.realtime.networks.custom import (
    as_classifier,
    as_detector,
    as_filter,
    as_transform,
    as_vote,
)
from moodstream.testing import (
    PaintedFaceDetector,
)

# --- functions in every form ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        BOXES,
        BOXES.tolist(),
        BOXES.astype(int),
        (BOXES, np.ones(2)),
        (BOXES.tolist(), [1, 1]),
        Detections(BOXES, np.ones(2, np.float32)),
    ],
)
def test_a_detecting_function_may_answer_in_several_ways(answer):
    (found,) = as_detector(lambda image: answer).detect([IMAGE], 0.5)
    assert np.array_equal(found.boxes, BOXES)
    assert found.boxes.dtype == found.scores.dtype == np.float32


@pytest.mark.parametrize(
    "answer", [[], (), np.zeros((0, 4)), (np.zeros((0, 4)), []), ([], []), Detections.none()]
)
def test_nobody_may_be_said_in_several_ways(answer):
    (found,) = as_detector(lambda image: answer).detect([IMAGE], 0.5)
    assert len(found) == 0


def test_two_boxes_in_a_tuple_are_two_boxes():
    (found,) = as_detector(lambda image: tuple(map(tuple, BOXES.tolist()))).detect([IMAGE], 0.5)
    assert np.array_equal(found.boxes, BOXES)


def test_what_is_less_sure_than_asked_for_is_left_out():
    detector = as_detector(lambda image: (BOXES, [0.9, 0.4]))
    assert len(detector.detect([IMAGE], 0.5)[0]) == 1
    assert detector.detect([], 0.5) == []


HALF = {"happy": 0.5, "sad": 0.5}


@pytest.mark.parametrize(
    "answer",
    [
        [HALF, HALF],
        [{"happy": 50, "sad": 50, "contempt": 7}] * 2,
        np.tile([0, 0, 0, 0.5, 0.5, 0, 0], (2, 1)),
        [[0, 0, 0, 0.5, 0.5, 0, 0]] * 2,
        EmotionPredictions(np.tile([0, 0, 0, 0.5, 0.5, 0, 0], (2, 1)).astype(np.float32)),
    ],
)
def test_a_classifying_function_may_answer_in_several_ways(answer):
    read = as_classifier(lambda faces: answer).classify([IMAGE], [BOXES])
    assert read.probs[:, 3:5].tolist() == [[0.5, 0.5]] * 2
    assert read.probs.dtype == np.float32


def test_a_classifying_function_gets_the_crops_of_all_pictures():
    shapes: list[tuple[int, ...]] = []

    def note(faces):
        shapes.extend(face.shape for face in faces)
        return [HALF] * len(faces)

    over = np.array([[-10, -10, 5, 5], [315, 235, 400, 400], [900, 900, 950, 950]], np.float32)
    classifier = as_classifier(note)
    assert len(classifier.classify([IMAGE, IMAGE], [BOXES, over])) == 5
    assert shapes == [(80, 70, 3), (80, 70, 3), (5, 5, 3), (5, 5, 3), (1, 1, 3)]
    assert classifier.classify([IMAGE], [np.zeros((0, 4), np.float32)]).probs.shape == (0, K)
    assert len(shapes) == 5  # it is not called for nobody


def test_a_function_may_have_classes_of_its_own():
    def eight(faces):
        return np.tile([0.0] * 7 + [1.0], (len(faces), 1))

    function: Any = eight
    function.classes = (*EMOTIONS, "contempt")
    assert as_classifier(function).classify([IMAGE], [BOXES]).probs.shape == (2, 8)


# --- what is wrong is one line that names it -----------------------------------------------------


def detecting(answer):
    def mine(image):
        return answer

    return lambda: as_detector(mine).detect([IMAGE], 0.5)


def classifying(answer, classes=EMOTIONS):
    def mine(faces):
        return answer

    function: Any = mine
    function.classes = classes
    return lambda: as_classifier(function).classify([IMAGE], [BOXES])


def filtering(answer):
    def mine(image, faces):
        return answer

    return lambda: as_filter(mine)(IMAGE, Detections(BOXES, np.ones(2, np.float32)))


def transforming(answer):
    def mine(image):
        return answer

    return lambda: as_transform(mine)(IMAGE, BOXES[0])


def transforming_both(answer):
    def mine(image, box):
        return answer

    return lambda: as_transform(mine)(IMAGE, BOXES[0])


def voting(answer):
    def mine(probs):
        return answer

    return lambda: as_vote(mine)(np.zeros((3, 2, K), np.float32))


class OneTooFew:
    name = "mine"

    def detect(self, images, min_confidence):
        return []


class NoDetections:
    name = "mine"

    def detect(self, images, min_confidence):
        return "nothing"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (detecting(np.zeros((3, 5))), "expected boxes (N, 4), got an array (3, 5) of float64"),
        (detecting([[1, 2, 3]]), "expected boxes (N, 4), got a list of 1 of shape (1, 3)"),
        (detecting([[1, 2], [3]]), "expected boxes (N, 4), got a list of 2"),
        (detecting(None), "expected boxes (N, 4), got nothing; return [] where there is nobody"),
        (detecting((None, [1.0])), "expected boxes (N, 4), got nothing"),
        (
            detecting([[10, 10, 60, 70], [180, 40, 70, 80]]),
            "with x1 < x2 and y1 < y2, got (180, 40, 70, 80); are these width and height",
        ),
        (detecting([[20, 60, 50, 60]]), "with x1 < x2 and y1 < y2, got (20, 60, 50, 60)"),
        (
            detecting([[320, 10, 400, 90]]),
            "in px of the picture, 320 wide and 240 high, got (320, 10, 400, 90), which is outside",
        ),
        (detecting([[-9, -9, 0, 5]]), "got (-9, -9, 0, 5), which is outside of it"),
        (detecting([[0.2, 0.1, 0.5, 0.6]]), "got (0.2, 0.1, 0.5, 0.6); are these shares"),
        (detecting("face"), "expected boxes (N, 4), got str"),
        (detecting(7), "expected boxes (N, 4), got int"),
        (detecting((BOXES, [1.0])), "expected scores (2,), got a list of 1"),
        (detecting([[np.nan, 0, 1, 1]]), "expected finite boxes and scores"),
        (lambda: as_detector(OneTooFew()).detect([IMAGE], 0.5), "expected a list of 1 Detections"),
        (lambda: as_detector(NoDetections()).detect([IMAGE], 0.5), "expected a list of 1"),
        (classifying(np.zeros((1, K))), "expected probabilities (2, 7), got an array (1, 7)"),
        (classifying(np.ones((2, K))), "that sum to 1, got a row from 1 to 1 that sums to 7"),
        (classifying([{"joy": 1}] * 2), "expected shares of angry, disgust"),
        (classifying([{"happy": "much"}] * 2), "ValueError: could not convert"),
        (classifying(None), "expected probabilities (2, 7), got nothing"),
        (classifying(None, ("happy", "sad")), "missing: angry, disgust, fear, surprise, neutral"),
        (
            filtering(Detections(BOXES[:, [2, 1, 0, 3]], np.ones(2, np.float32))),
            "with x1 < x2 and y1 < y2",
        ),
        (filtering([0, 1]), "expected Detections or a mask (2,) of bool, got a list of 2"),
        (filtering(np.ones(3, bool)), "mask (2,) of bool, got an array (3,) of bool"),
        (filtering(None), "mask (2,) of bool, got nothing"),
        (transforming(IMAGE[::2]), "expected an image of the same shape (240, 320, 3), got"),
        (transforming(IMAGE / 255), "expected an image (H, W, 3) uint8, got an array"),
        (transforming_both(IMAGE), "expected (image, box), got an array"),
        (transforming_both((IMAGE, [1, 2])), "expected a box (4,), got a list of 2"),
        (voting(np.zeros((3, 2, K))), "expected probabilities (2, 7), got an array (3, 2, 7)"),
        (voting(np.zeros((2, K))), "that sum to 1, got a row from 0 to 0 that sums to 0"),
    ],
)
def test_what_does_not_fit_is_one_line(call, message):
    with pytest.raises(MoodstreamError, match=re.escape(message)) as caught:
        call()
    assert str(caught.value).startswith("mine: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"detector": 7}, "expected a detector: an object with detect(images, min_confidence)"),
        ({"detector": PaintedFaceDetector}, "the class PaintedFaceDetector; make an object of it"),
        ({"classifiers": [3.0]}, "expected a classifier: an object with classify"),
        ({"filters": "large"}, "expected a face filter: a function of (image, faces), got str"),
        ({"transforms": [None]}, "expected a face transform: a function of (image, box)"),
        ({"vote": "median"}, "expected a vote: a function of probabilities (M, N, 7), got str"),
        ({"vote": lambda: 0}, "a function of probabilities (M, N, 7), got function()"),
        ({"vote": None}, "expected a vote: a function of probabilities"),
        ({"filters": lambda image: image}, "a function of (image, faces), got function(image)"),
        ({"classifiers": []}, "classifiers: expected at least one, or None for the usual one"),
        ({"detector_size": "large"}, "detector_size: expected a whole number, got 'large'"),
        ({"models": "best"}, "expected models auto, embedded or hsemotion, got 'best'"),
    ],
)
def test_a_part_that_is_none_is_told_at_once(parts, message):
    with pytest.raises(MoodstreamError, match=re.escape(message)):
        Pipeline(**parts)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"detector": "eagle"}, "--detector eagle: expected one of centerface, haar"),
        ({"classifiers": "crystal"}, "--emotion crystal: expected one of embedded"),
        ({"transforms": "mirror"}, "--face-preprocessing mirror: expected one of align, enlarge"),
        ({"calibration": "nowhere.json", "classifiers": "embedded"}, "nowhere.json: no such file"),
    ],
)
def test_a_name_that_is_not_known_is_one_line(parts, message):
    with pytest.raises(MoodstreamError, match=re.escape(message)):
        raw(**parts)


def test_what_a_function_raises_names_it_and_keeps_its_cause():
    def mine(image):
        raise KeyError("boxes")

    line = mine.__code__.co_firstlineno + 1
    with pytest.raises(MoodstreamError, match=r"^mine: KeyError: 'boxes' ") as caught:
        raw(detector=mine)
    assert str(caught.value).endswith(f"({__file__}:{line})")
    assert isinstance(caught.value.__cause__, KeyError)


def test_the_line_that_is_named_is_theirs_not_that_of_what_it_called(caplog):
    def mine(faces):
        return np.linalg.inv(np.zeros((2, 2)))

    caplog.set_level("DEBUG", "moodstream")
    with pytest.raises(MoodstreamError, match=r"^mine: LinAlgError: Singular matrix") as caught:
        raw(classifiers=mine)
    assert str(caught.value).endswith(f"({__file__}:{mine.__code__.co_firstlineno + 1})")
    assert "Traceback" in caplog.text
    assert "in _raise_linalgerror_singular" in caplog.text
