"""Looking at pictures no larger than their faces ask for, and still missing nobody for long."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from test_detectors import ZIDANE

from moodstream.realtime.frames import Detections, Frame
from moodstream.realtime.worker import Worker, WorkerSettings
from moodstream.realtime.zoom import Zoom, detect_at

SHAPE = (720, 1280, 3)


class Steps:
    """A detector that notes at which size it was asked to look."""

    name = "steps"

    def __init__(self, side=1280, asked=None):
        self.side, self.asked = side, [] if asked is None else asked

    def full_side(self, shape):
        return 1280

    def reduced(self, side):
        return Steps(side, self.asked)

    def detect(self, images, min_confidence):
        self.asked.append((self.side, len(images)))
        return [Detections.none() for _ in images]


def boxes(*sides: float) -> np.ndarray:
    return np.array([[0, 0, side, side * 1.2] for side in sides], np.float32).reshape(-1, 4)


def after(*sides: float, lost: bool = False, t: float = 0.1, full_every: float = 1.0):
    zoom = Zoom(full_every)
    assert zoom.side(0.0, SHAPE, Steps()) is None  # the first look is a full one
    zoom.found(boxes(*sides), lost)
    return zoom.side(t, SHAPE, Steps())


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


def test_a_full_look_every_so_often_and_when_somebody_is_lost():
    assert after(300, t=0.99) == 320
    assert after(300, t=1.0) is None
    assert after(300, lost=True) is None
    assert after(300, full_every=0.0) is None


def test_a_detector_of_one_size_is_left_alone():
    class Plain:
        name = "plain"

        def detect(self, images, min_confidence):
            return [Detections.none() for _ in images]

    zoom = Zoom(1.0)
    zoom.side(0.0, SHAPE, Plain())
    zoom.found(boxes(300), False)
    assert zoom.side(0.1, SHAPE, Plain()) is None


def test_pictures_of_one_size_go_together_and_answers_stay_in_order():
    detector = Steps()
    images = [np.zeros(SHAPE, np.uint8)] * 4
    assert len(detect_at(detector, images, [None, 320, None, 640], 0.5)) == 4
    assert detector.asked == [(1280, 2), (320, 1), (640, 1)]


def test_boxes_of_a_reduced_look_are_where_they_were(networks):
    """Where the size suits the faces, a quarter of the work finds the same boxes."""
    image = ZIDANE
    detector = networks.detector
    (full,) = detector.detect([image], 0.5)
    (reduced,) = detect_at(detector, [image], [640], 0.5)
    assert len(reduced) == len(full) == 2
    order = [np.argsort(d.boxes[:, 0]) for d in (full, reduced)]
    side = (full.boxes[:, 2:] - full.boxes[:, :2]).min()
    apart = np.abs(full.boxes[order[0]] - reduced.boxes[order[1]])
    assert apart.max() < 0.12 * side


def test_a_small_face_that_comes_is_found_within_the_time(networks):
    """One large face, so looks are reduced; then a small one comes that only full looks see."""
    near = cv2.resize(ZIDANE[40:720, 680:1180], (400, 544))
    far = cv2.resize(near, (100, 136), interpolation=cv2.INTER_AREA)
    worker = Worker(networks.detector, networks.classifier, WorkerSettings(), picture_side=1280)

    def frames():
        for k in range(40):
            image = np.full(SHAPE, 110, np.uint8)
            image[100:644, 100:500] = near
            if k >= 12:
                image[300:436, 1000:1100] = far
            yield Frame(image, k / 10, k)

    came = [look.frame.t for look in worker.follow(frames()) if len(look.faces) == 2]
    assert 1.2 <= came[0] <= 1.2 + 1.0 + 0.4
    assert len(came) > 10
