"""Tables of people and faces, and what frames show of themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.testing import ScriptedDetector


def unsure(faces):
    """Cannot classify any face."""
    return np.full((len(faces), 7), np.nan)


@pytest.fixture(scope="module")
def unknown():
    """A pipeline that finds two faces and cannot classify them."""
    boxes = [[20, 20, 90, 100], [180, 40, 250, 120]]
    return Pipeline(detector=ScriptedDetector(boxes), classifiers=unsure)


def is_nan(value: object) -> bool:
    return isinstance(value, float) and np.isnan(value)


def test_what_is_not_known_is_nan_in_both_tables(clip, unknown):
    *_, frame = moodstream.stream(clip, end=0.5, pipeline=unknown)
    of_frame = frame.table()
    of_picture = moodstream.read_image(frame.image, pipeline=unknown).table()
    assert len(of_frame) == len(of_picture) == 2
    for name in ("label", "p_happy", "valence", "disagreement"):
        for table in (of_frame, of_picture):
            assert all(map(is_nan, table[name])), name
    assert all(map(is_nan, of_picture["confidence"]))
    shared = [name for name in of_frame if name in of_picture]
    assert of_frame[shared].dtypes.equals(of_picture[shared].dtypes)
    assert of_frame["track_id"].dtype.kind == of_picture["face"].dtype.kind == "i"


def test_a_table_of_nobody_has_the_same_types(unknown, made):
    some = moodstream.read_image(np.zeros((240, 320, 3), np.uint8), pipeline=unknown).table()
    none = moodstream.read_image(np.zeros((240, 320, 3), np.uint8), pipeline=made).table()
    assert none.empty
    numbers = [name for name in some if pd.api.types.is_numeric_dtype(some[name])]
    assert none[numbers].dtypes.equals(some[numbers].dtypes)


def test_a_frame_shows_its_time_people_and_mood(clip, made):
    *_, frame = moodstream.stream(clip, end=0.6, pipeline=made)
    assert repr(frame) == f"<StreamFrame at {frame.t:.3f} s: 1 person, dominant happy>"
    *_, frame = moodstream.stream(clip, end=0.6, pipeline=made, privacy="group")
    assert repr(frame).endswith("s: 1 person, dominant None>")
