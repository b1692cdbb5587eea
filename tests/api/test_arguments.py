"""Arguments of the wrong kind, and paths that are not what they should be, are told in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import moodstream
from moodstream import MoodstreamError

IMAGE = np.zeros((90, 120, 3), np.uint8)
SHARED = [
    ({"start": "x"}, "start: expected seconds, got 'x'"),
    ({"end": "5"}, "end: expected seconds or None, got '5'"),
    ({"window": None}, "window: expected seconds, got None"),
    ({"smoothing": [1]}, "smoothing: expected seconds, got [1]"),
    ({"start": float("nan")}, "start: expected seconds, got nan"),
    ({"shift_threshold": True}, "shift_threshold: expected a number, got True"),
]
OF_FACES = [
    ({"min_face": "16"}, "min_face: expected px, got '16'"),
    ({"min_confidence": "half"}, "min_confidence: expected a number, got 'half'"),
    ({"max_faces": 2.5}, "max_faces: expected a whole number, got 2.5"),
]
OF_STREAMS = [
    ({"speed": "fast"}, "speed: expected a number, got 'fast'"),
    ({"open_timeout": "x"}, "open_timeout: expected seconds, got 'x'"),
    ({"read_timeout": None}, "read_timeout: expected seconds, got None"),
    ({"give_up": "x"}, "give_up: expected seconds or None, got 'x'"),
    ({"duration": "x"}, "duration: expected seconds or None, got 'x'"),
]


def said_by(call, *args, **settings):
    with pytest.raises(MoodstreamError) as caught:
        call(*args, **settings)
    return str(caught.value)


@pytest.mark.parametrize(("settings", "message"), SHARED + OF_FACES)
def test_analyze_takes_numbers(clip, settings, message):
    assert said_by(moodstream.analyze, clip, **settings) == message


@pytest.mark.parametrize(("settings", "message"), SHARED + OF_FACES + OF_STREAMS)
def test_stream_takes_numbers(clip, settings, message):
    assert said_by(moodstream.stream, clip, live=True, **settings) == message


@pytest.mark.parametrize(("settings", "message"), OF_FACES)
def test_read_image_takes_numbers(settings, message):
    assert said_by(moodstream.read_image, IMAGE, **settings) == message


def test_numbers_of_numpy_are_numbers(made):
    numbers: dict[str, Any] = {"min_face": np.float32(8), "max_faces": np.int64(3)}
    faces = moodstream.read_image(IMAGE, pipeline=made, **numbers)
    assert len(faces) == 0


@pytest.mark.parametrize("call", [moodstream.read_image, moodstream.analyze])
def test_a_folder_is_called_a_folder(call, tmp_path):
    assert said_by(call, tmp_path).startswith(f"{tmp_path}: is a folder, not a ")


def test_results_that_are_not_there(tmp_path):
    gone, file = tmp_path / "gone", tmp_path / "file"
    file.write_text("")
    assert said_by(moodstream.open_results, gone) == f"{gone}: no such folder"
    assert said_by(moodstream.open_results, file) == f"{file}: is a file, not a folder of results"
    assert "holds no results" in said_by(moodstream.open_results, tmp_path)


def test_what_is_for_live_sources_says_how_a_file_becomes_one(clip, tmp_path):
    message = "duration: for live sources only; live=True plays a file as if it were live"
    assert said_by(moodstream.stream, clip, duration=1) == message
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert said_by(moodstream.stream, empty, duration=1) == f"{empty}: the file is empty"
