"""Motion around the people of a picture: what counts as such, and where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.analysis.people.motion import MOTION_THRESHOLD, BackgroundMotion

HEIGHT, WIDTH = 480, 800
CELL = HEIGHT // 24
NOBODY = np.zeros((0, 4), np.float32)
FACE = np.array([[400, 200, 440, 240]], np.float32)
"""One face of two by two cells."""


def room(level: int = 110) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def with_square(x: int, y: int, side: int, change: int = 60, channel: int | None = None):
    """The room with a square that is lighter or, in one channel, of another colour."""
    image = room()
    area = image[y : y + side, x : x + side]
    if channel is None:
        area += np.uint8(change)
    else:
        area[..., channel] += np.uint8(change)
    return image


def changed(image: np.ndarray, boxes: np.ndarray = NOBODY, before: np.ndarray | None = None):
    motion = BackgroundMotion()
    motion.set_reference(room() if before is None else before)
    return motion.changed(image, boxes)


def test_without_a_reference_anything_may_have_happened():
    assert BackgroundMotion().changed(room(), NOBODY)


def test_the_reference_is_the_last_one():
    motion = BackgroundMotion()
    motion.set_reference(with_square(100, 100, 40))
    motion.set_reference(room())
    assert not motion.changed(room(), NOBODY)
    assert motion.changed(with_square(100, 100, 40), NOBODY)
    assert not motion.changed(room(), NOBODY)  # what is compared does not become the reference


def test_noise_is_no_motion():
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(rng.normal(110, 8, (HEIGHT, WIDTH, 3)).round(), 0, 255).astype(np.uint8)
        for _ in range(2)
    ]
    assert not changed(noisy[1], before=noisy[0])


@pytest.mark.parametrize(
    ("change", "expected"), [(MOTION_THRESHOLD, False), (MOTION_THRESHOLD + 1, True)]
)
def test_a_cell_counts_above_the_threshold(change, expected):
    assert changed(with_square(5 * CELL, 5 * CELL, CELL, change)) is expected
    assert changed(room(110 + change)) is expected  # the light in all of the room


def test_a_change_of_colour_counts():
    assert changed(with_square(5 * CELL, 5 * CELL, CELL, 30, channel=0))


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (400, 200, False),  # the face itself
        (360, 200, False),  # a face's width to the left: hair, a hand
        (440, 200, False),
        (400, 160, False),  # a face's height above
        (400, 440, False),  # all below: the body
        (300, 200, True),  # further away
        (500, 200, True),
        (400, 100, True),
        (300, 440, True),
    ],
)
def test_what_moves_with_a_person_does_not_count(x, y, expected):
    image = with_square(x, y, 40)
    assert changed(image)
    assert changed(image, FACE) is expected


@pytest.mark.parametrize(
    "box", [(-60, -60, -20, -20), (900, 500, 1000, 600), (-500, -500, 2000, 2000)]
)
def test_boxes_beyond_the_picture_do_no_harm(box):
    covers_all = box[2] - box[0] > WIDTH
    boxes = np.array([box], np.float32)
    assert changed(with_square(300, 200, 40), boxes) is not covers_all
    assert not changed(room(), boxes)


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    box=st.tuples(*[st.floats(-50, 350, width=32)] * 4),
)
def test_pictures_of_any_size_are_equal_to_themselves(height, width, box):
    rng = np.random.default_rng(height * 1000 + width)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert not changed(image, np.array([box], np.float32), before=image)
