"""Detecting at no higher a resolution than the faces require, and still missing nobody for long."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.pictures import ZIDANE

from moodstream.realtime.analysis.people.resolution import (
    DetectionPlan,
    DetectionResolution,
    detect_at,
)
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.frames import Detections, Frame
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer

SHAPE = (720, 1280, 3)
FAR = 1100, 60, 40
"""x, y and side in px of something far from the face at the left."""


class Steps:
    """A detector that notes at which size it was asked to detect."""

    name = "steps"

    def __init__(self, side=1280, asked=None):
        self.input_side, self.asked = side, [] if asked is None else asked

    def full_side(self, shape):
        return 1280

    def reduced(self, side):
        return Steps(side, self.asked)

    def detect(self, images, min_confidence):
        self.asked.append((self.input_side, len(images)))
        return [Detections.none() for _ in images]


def boxes(*sides: float) -> np.ndarray:
    return np.array([[0, 0, side, side * 1.2] for side in sides], np.float32).reshape(-1, 4)


def frame(t: float, *spots: tuple[int, int, int]) -> Frame:
    """A noisy picture with a light square at each (x, y, side)."""
    rng = np.random.default_rng(round(1000 * t))
    image = (110 + rng.normal(0, 4, SHAPE)).clip(0, 255).astype(np.uint8)
    for x, y, side in spots:
        image[y : y + side, x : x + side] += 60
    return Frame(image, t, 0)


def after(*sides: float, lost: bool = False, t: float = 0.1, full_size_every: float = 1.0, now=()):
    resolution = DetectionResolution(full_size_every)
    assert resolution.input_side(frame(0.0), Steps()) is None  # the first pass is at full size
    resolution.observe(boxes(*sides), boxes(*sides[:lost]))
    return resolution.input_side(frame(t, *now), Steps())


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((200,), 320),
        ((192, 300), 320),
        ((191, 300), 640),
        ((96,), 640),
        ((95, 400), None),
        ((), None),
    ],
)
def test_the_smallest_face_decides(sides, expected):
    assert after(*sides) == expected


def test_a_pass_at_full_size_every_so_often_and_when_somebody_is_lost():
    assert after(300, t=0.99, now=[FAR]) == 320
    assert after(300, t=1.0, now=[FAR]) is None
    assert after(300, lost=True) is None
    assert after(300, full_size_every=0.0) is None


@pytest.mark.parametrize(
    ("now", "t", "expected"),
    [
        ((), 1.0, 320),
        ((), 1.99, 320),
        ((), 2.0, None),  # but not for long: one may come where the body of another is
        ((FAR,), 1.0, None),
        (((1100, 60, 32),), 1.4, None),  # no larger than the smallest faces that count
        (((100, 500, 80),), 1.4, 320),  # below the face: a hand
        (((320, 100, 80),), 1.4, 320),  # beside it: hair
        (((700, 600, 40),), 1.4, None),  # more than its width away
    ],
)
def test_a_pass_at_full_size_waits_while_nothing_moves_around_the_people(now, t, expected):
    assert after(300, t=t, now=now) == expected


def test_what_moved_long_ago_is_compared_with_the_last_pass_at_full_size():
    resolution = DetectionResolution(1.0)
    faces = boxes(300)
    for t, now, expected in (
        (0.0, (), None),
        (1.0, (FAR,), None),  # something came, and is seen
        (2.2, (FAR,), 320),  # it is still there
        (2.8, (), None),  # it has gone
    ):
        assert resolution.input_side(frame(t, *now), Steps()) == expected
        resolution.observe(faces, boxes())


def test_a_detector_of_one_size_is_left_alone():
    class Plain:
        name = "plain"

        def detect(self, images, min_confidence):
            return [Detections.none() for _ in images]

    resolution = DetectionResolution(1.0)
    resolution.input_side(frame(0.0), Plain())
    resolution.observe(boxes(300), boxes())
    assert resolution.input_side(frame(0.1), Plain()) is None


def test_pictures_of_one_size_go_together_and_answers_stay_in_order():
    detector = Steps()
    images = [np.zeros(SHAPE, np.uint8)] * 4
    plans = [DetectionPlan(side) for side in (None, 320, None, 640)]
    assert len(detect_at(detector, images, plans, 0.5)) == 4
    assert detector.asked == [(1280, 2), (320, 1), (640, 1)]


def test_boxes_of_a_reduced_pass_are_where_they_were(networks):
    """Where the size suits the faces, a quarter of the work finds the same boxes."""
    image = ZIDANE
    detector = networks.detector
    (full,) = detector.detect([image], 0.5)
    (seen,) = detect_at(detector, [image], [DetectionPlan(640)], 0.5)
    reduced = seen.faces
    assert len(reduced) == len(full) == 2
    order = [np.argsort(d.boxes[:, 0]) for d in (full, reduced)]
    overlap = np.diag(iou(full.boxes[order[0]], reduced.boxes[order[1]]))
    assert overlap.min() > 0.75  # 0.78 and 0.89 in float32


def test_a_small_face_that_comes_is_found_within_the_time(networks):
    """One large face, so passes are reduced; then comes a small one that only full ones detect."""
    near = cv2.resize(ZIDANE[40:720, 680:1180], (400, 544))
    far = cv2.resize(near, (100, 136), interpolation=cv2.INTER_AREA)
    worker = OfflineAnalyzer(
        networks.detector, networks.classifier, AnalysisSettings(), picture_side=1280
    )

    def frames():
        for k in range(40):
            image = np.full(SHAPE, 110, np.uint8)
            image[100:644, 100:500] = near
            if k >= 12:
                image[300:436, 1000:1100] = far
            yield Frame(image, k / 10, k)

    came = [one.frame.t for one in worker.analyze(frames()) if len(one.faces) == 2]
    assert 1.2 <= came[0] <= 1.2 + 1.0 + 0.4
    assert len(came) > 10
