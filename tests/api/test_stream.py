"""Frames of files and live sources: order, closing, losses, privacy."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.realtime.errors import SourceGoneError, SourceRefusedError
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings
from moodstream.streaming import live_stream
from moodstream.testing import PaintedFaceClassifier, Person, ScriptedSource

HAPPY = Person((20, 20, 90, 100), "happy")
CAMERA = SourceSpec("camera", 0, "camera 0")
QUICK = CaptureSettings(
    open_timeout=5.0, read_timeout=5.0, silent=0.4, first_wait=0.05, longest_wait=0.1
)


def test_every_frame_of_a_file_comes_in_order(clip, made, result):
    frames = list(moodstream.stream(clip, pipeline=made))
    assert [frame.index for frame in frames] == list(range(75))
    last = frames[-1]
    assert last.faces.boxes[:, 0].tolist() == pytest.approx([20, 180], abs=3)
    assert last.distribution["happy"] == pytest.approx(
        float(result.timeline["p_happy"].iloc[-1]), abs=0.02
    )
    assert last.table()["label"].tolist() == ["happy", "sad"]
    assert last.image.shape == (240, 320, 3)
    assert last.draw().shape[1] > 320  # the panel stands beside it


def test_a_mood_shift_comes_with_its_frame_or_at_the_end(tmp_path, made):
    turns = Person((20, 20, 90, 100), lambda t: "happy" if t < 4 else "angry")
    clip = ScriptedSource([turns], seconds=8, fps=10).write(tmp_path / "turns.mp4")
    stream = moodstream.stream(clip, window=2, pipeline=made)
    with_frames = [shift for frame in stream for shift in frame.shifts]
    (shift,) = stream.shifts
    assert (shift.start, shift.end) == ("happy", "angry")
    assert shift.is_final
    assert {each.number for each in with_frames} <= {shift.number}


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t is not threading.main_thread()}


@pytest.mark.parametrize("live", [False, True])
def test_break_closes_the_source_and_ends_its_threads(clip, made, live):
    before = threads()
    stream = moodstream.stream(clip, live=live, pipeline=made)
    for frame in stream:
        assert len(frame.faces) <= 2
        break
    assert threads() == before
    with pytest.raises(moodstream.MoodstreamError, match="only once"):
        next(iter(stream))


@pytest.mark.parametrize("live", [False, True])
def test_the_end_of_the_context_closes_an_iterator_that_is_kept(clip, made, live):
    before = threads()
    with moodstream.stream(clip, live=live, pipeline=made) as stream:
        kept = iter(stream)
        next(kept)
    assert threads() == before
    with pytest.raises(StopIteration):
        next(kept)


@pytest.mark.parametrize("live", [False, True])
def test_an_error_in_the_loop_is_raised_and_closes_it(clip, made, live):
    before = threads()

    def loop():
        for frame in moodstream.stream(clip, live=live, pipeline=made):
            raise ZeroDivisionError(frame.t)

    with pytest.raises(ZeroDivisionError):
        loop()
    gc.collect()  # the traceback held the loop's iterator
    assert threads() == before


def test_a_live_source_yields_the_newest_frames_to_its_end(made, two_people):
    source = ScriptedSource(two_people, seconds=2)
    frames = list(live_stream(CAMERA, made, LiveSettings(capture=QUICK), source))
    times = [frame.t for frame in frames]
    assert times == sorted(set(times))
    assert frames[-1].index == 49  # of the last picture, never left out
    assert source.opened == source.closed == 1


def test_a_lost_source_comes_back(made):
    source = ScriptedSource([HAPPY], seconds=1, events=[(10, SourceGoneError("unplugged"))])
    frames = list(live_stream(CAMERA, made, LiveSettings(capture=QUICK), source))
    assert source.opened == 2
    assert len(frames[-1].faces) == 1


def test_a_refused_source_is_raised_where_it_is_iterated(made):
    source = ScriptedSource(events=[(0, SourceRefusedError("camera 0: wrong password"))])
    with pytest.raises(moodstream.MoodstreamError, match="wrong password"):
        list(live_stream(CAMERA, made, LiveSettings(capture=QUICK), source))


def test_a_source_that_stays_away_is_given_up(made):
    gone = [(3, SourceGoneError("away"))] * 1000
    source = ScriptedSource([HAPPY], events=gone)
    with pytest.raises(moodstream.MoodstreamError, match=r"no signal for 0\.5 s"):
        list(live_stream(CAMERA, made, LiveSettings(capture=QUICK, give_up=0.5), source))


def test_an_error_of_a_network_reaches_the_loop():
    def broken(image):
        raise RuntimeError("no eyes")

    own = Pipeline(detector=broken, classifiers=PaintedFaceClassifier())
    with pytest.raises(moodstream.MoodstreamError, match="broken: RuntimeError: no eyes"):
        list(live_stream(CAMERA, own, LiveSettings(), ScriptedSource([HAPPY])))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("privacy", ["blur", "group"])
def test_privacy_hides_faces_in_the_image(clip, made, two_people, live, privacy):
    frames = list(
        moodstream.stream(clip, live=live, speed=4 if live else 1, privacy=privacy, pipeline=made)
    )
    plain = ScriptedSource(two_people, seconds=3)
    for frame in frames:
        (here,) = plain.boxes(0).astype(int)
        inside = frame.image[here[1] + 10 : here[3] - 10, here[0] + 10 : here[2] - 10]
        before = plain.image(frame.t)[here[1] + 10 : here[3] - 10, here[0] + 10 : here[2] - 10]
        assert np.abs(inside.astype(int) - before.astype(int)).mean() > 3
    assert any(frame.group.people == 2 for frame in frames)
    if privacy == "group":
        assert all(len(frame.faces) == 0 and frame.distribution is None for frame in frames)
        assert all(frame.table().empty for frame in frames)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loop": True}, "loop: for live sources only"),
        ({"live": True, "start": 3, "end": 5}, "start and end: not for live sources"),
        ({"live": True, "speed": -1}, "speed"),
        ({"live": True, "rtsp_transport": "x"}, "tcp or udp"),
        ({"start": -1}, "start < end"),
    ],
)
def test_settings_that_do_not_go_together_are_one_line(clip, settings, message):
    with pytest.raises(moodstream.MoodstreamError, match=message):
        moodstream.stream(clip, **settings)
