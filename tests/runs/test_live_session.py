"""A live session: what is shown and recorded when sources stop, go black, fail or end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from support.fakes import HAPPY, OneFace, Rows, Says
from support.live_stage import BLACK, BRIGHT, CAMERA, camera_part
from support.sources import Script
from support.waiting import SOON, wait_for

from moodstream.overlays.render import canvas_size
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import EndOfSourceError, SourceGoneError, SourceRefusedError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.server.schemas import StreamState
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.state import FIELDS, session_state
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceInfo, SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")

INFO = SourceInfo("camera 0", 160, 120, None, None, "", False)
# only what a test says is a lost signal, however busy the machine is
PATIENT = CaptureSettings(
    open_timeout=60.0, read_timeout=60.0, silent=60.0, first_wait=0.05, longest_wait=0.1
)


class Run:
    """A session with one face in every picture, and all that comes out of it."""

    pictures: list
    said: list
    told: list

    def __init__(
        self,
        play=None,
        specs=(CAMERA,),
        detector=None,
        classifier=None,
        opener=None,
        fps=50.0,
        **settings,
    ):
        settings.setdefault("capture", PATIENT)
        self.record, self.pictures = Rows(), []
        self.said, self.told = [], []
        self.script = opener or Script(play, fps=fps, info=INFO)
        self.session = LiveSession(
            list(specs),
            Models(detector or OneFace(), classifier or Says(HAPPY), {}),
            LiveSettings(**settings),
            record=lambda source: self.record,
            show=lambda source, image, t: self.pictures.append((t, image)),
            notify=lambda kind, content: self.told.append((kind, content)),
            say=self.said.append,
            opener=self.script,
        )

    def __enter__(self):
        self.session.start()
        return self

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for it as an owner does, who gives the session its turns."""

        def tick() -> None:
            if self.session.reason is None:
                self.session.tick()
            time.sleep(0.02)

        wait_for(condition, meanwhile=tick)

    def state(self) -> StreamState:
        return session_state(self.session)["sources"][0]

    def __exit__(self, *_):
        assert self.session.stop(SOON)


def test_a_camera_is_analysed_shown_and_recorded():
    with Run(lambda k: BRIGHT) as run:
        run.until(lambda: len(run.record.rows) > 8)
        run.until(lambda: (s := run.state())["probs"] and s["latency_p50_ms"] and s["refresh_hz"])
        state = run.state()
        assert tuple(sorted(state)) == tuple(sorted(FIELDS))
        assert state["status"] == "live"
        assert state["people"] == 1
        assert state["dominant"] == "happy"
        assert state["probs"].keys() == set(EMOTIONS)
        run.until(lambda: 0 < (run.state()["fps_in"] or 0) <= 60)
        run.until(lambda: (s := run.state())["latency_p95_ms"] and s["latency_p50_ms"])
    times = [t for t, *_ in run.record.rows]
    np.testing.assert_allclose(np.diff(times), 0.2, atol=1e-6)
    shown = [t for t, _ in run.pictures]
    assert shown == sorted(shown)


def test_a_lost_signal_is_no_empty_room():
    back = threading.Event()

    def play(k):
        return BRIGHT if k < 60 or back.is_set() else SourceGoneError("unplugged")

    def is_grey(picture):
        part = camera_part(picture)[60:100, 150:190].astype(int)
        return np.abs(part[..., 0] - part[..., 2]).max() < 12  # no colour left

    with Run(play) as run:
        run.until(lambda: run.state()["status"] == "no signal")
        run.until(lambda: is_grey(run.pictures[-1][1]))  # the old picture, with a notice over it
        state = run.state()
        assert (state["people"], state["probs"], state["dominant"]) == (None, None, None)
        assert state["detail"] == "unplugged"
        back.set()
        run.until(lambda: run.state()["status"] == "live")
        run.until(lambda: run.record.gaps and run.record.rows[-1][0] > run.record.gaps[0][1] + 1)
        assert run.state()["reconnects"] >= 1
        run.until(lambda: run.told[-1][1].get("status") == "live")
    ((start, end, reason),) = run.record.gaps
    assert reason == "unplugged"
    assert not [t for t, *_ in run.record.rows if start + 0.01 < t < end - 0.01]
    assert "camera 0: no signal (unplugged); trying again" in run.said
    assert "camera 0: signal is back" in run.said
    statuses = [content["status"] for kind, content in run.told if kind == "status"]
    assert statuses[statuses.index("live") :] == ["live", "no signal", "live"]


def test_a_black_picture_is_no_empty_room():
    black = threading.Event()
    with Run(lambda k: BLACK if black.is_set() else BRIGHT) as run:
        run.until(lambda: run.state()["people"] == 1)
        black.set()
        run.until(lambda: run.state()["detail"] == "black picture")
        assert run.state()["people"] is None
        black.clear()
        run.until(lambda: run.state()["status"] == "live" and run.record.gaps)
        end = run.record.gaps[0][1]
        run.until(lambda: (row := run.record.rows[-1])[0] > end + 0.5 and row[1].people == 1)
    ((start, end, reason),) = run.record.gaps
    assert reason == "black picture"
    assert not [t for t, *_ in run.record.rows if start + 0.01 < t < end - 0.01]


def test_a_source_that_stays_away_is_given_up():
    with Run(lambda k: BRIGHT if k < 40 else SourceGoneError("away"), give_up=0.5) as run:
        run.until(lambda: run.session.reason is not None)
    assert run.session.reason == "gave up"
    assert run.said[-1] == "camera 0: given up after 0.5 s without a signal"


def test_a_source_that_refuses_ends_the_run_in_one_line():
    with Run(lambda k: SourceRefusedError("camera 0: no such device")) as run:
        run.until(lambda: run.session.reason is not None)
    assert run.session.reason == "failed"
    assert run.said == ["camera 0: failed (no such device)"]


def test_a_recording_that_ends_is_analysed_to_its_end():
    with Run(lambda k: BRIGHT if k < 100 else EndOfSourceError("over")) as run:
        run.until(lambda: run.session.reason is not None)
    assert run.session.reason == "ended"
    assert run.record.rows[-1][0] > 1.5


def test_duration_ends_the_run():
    with Run(lambda k: BRIGHT, duration=0.5) as run:
        run.until(lambda: run.session.reason is not None)
    assert run.session.reason == "duration"


def test_a_pause_leaves_a_gap_and_no_rows():
    with Run(lambda k: BRIGHT) as run:
        run.until(lambda: len(run.record.rows) > 3)
        run.session.pause(True)
        run.until(lambda: run.state()["status"] == "paused")
        rows, pictures = len(run.record.rows), run.script.pictures
        run.until(lambda: run.script.pictures > pictures + 40)
        run.session.pause(False)
        run.until(lambda: len(run.record.rows) > rows + 2)
    ((start, end, reason),) = run.record.gaps
    assert reason == "paused"
    assert not [t for t, *_ in run.record.rows if start + 0.01 < t < end - 0.01]


def test_privacy_group_keeps_nothing_of_single_people_and_cannot_be_loosened():
    with Run(lambda k: BRIGHT, privacy=Privacy.GROUP) as run:
        run.until(lambda: len(run.record.rows) > 8)
        for _ in range(4):
            run.session.stricter_privacy()
            assert run.session.privacy is Privacy.GROUP
        assert run.state()["probs"] is None  # one person is no group
    assert all(len(faces) == 0 for *_, faces in run.record.rows)
    assert all(state.probs is None for _, state, _ in run.record.rows)


def test_with_faces_to_hide_only_pictures_with_a_detection_pass_are_shown():
    class Notes(OneFace):
        seen: list = []  # noqa: RUF012

        def detect(self, images, min_confidence):
            self.seen.extend(int(image[116, 156, 0]) for image in images)
            time.sleep(0.06)
            return super().detect(images, min_confidence)

    def numbered(k):
        image = BRIGHT.copy()
        image[108:, 148:] = k % 250  # far from face and edge, so that enlarging keeps it
        return image

    detector = Notes()
    with Run(numbered, detector=detector, privacy=Privacy.BLUR) as run:
        run.until(lambda: len(run.pictures) > 10)
    # before the first frame there may be a blank picture of another size, which says "connecting"
    pictures = [image for _, image in run.pictures if image.shape == run.pictures[-1][1].shape]
    assert len(pictures) >= 10
    near = {k + d for k in detector.seen for d in (-1, 0, 1)}  # drawing may round
    assert {int(image[349, 469, 0]) for image in pictures} <= near
    # the face at (10, 10)-(40, 40) of the first is not to be recognised; pictures are enlarged
    image, scale = pictures[0], 3
    face = image[12 * scale : 38 * scale, 12 * scale : 38 * scale].astype(float)
    assert face.std() < 0.6 * BRIGHT[12:38, 12:38].astype(float).std()


def overlay_shape(image):
    width, height = canvas_size(image.shape[1], image.shape[0])
    return (height, width, 3)


def test_frames_later_than_the_limit_are_dropped_and_counted():
    with Run(lambda k: BRIGHT, max_latency=1e-6) as run:
        run.until(lambda: run.state()["dropped"] > 10)
        assert run.state()["fps_shown"] == 0
    blank = [image.shape for _, image in run.pictures]  # "connecting", if anything
    assert overlay_shape(BRIGHT) not in blank


@pytest.mark.parametrize("part", ["detect", "classify"])
def test_a_network_that_breaks_is_raised_to_the_owner(part):
    class Broken(OneFace):
        classes: tuple[str, ...] = EMOTIONS

        def detect(self, images, min_confidence):
            if part == "detect":
                raise RuntimeError("the network broke")
            return super().detect(images, min_confidence)

        def classify(self, images, boxes):
            raise RuntimeError("the network broke")

    broken = Run(lambda k: BRIGHT, detector=Broken(), classifier=Broken())
    with broken as run, pytest.raises(RuntimeError, match="network broke"):
        run.until(lambda: False)


def test_two_cameras_share_networks_and_have_a_state_each():
    second = SourceSpec("camera", 1, "camera 1")
    with Run(lambda k: BRIGHT, fps=100, specs=(CAMERA, second)) as run:
        run.until(lambda: len(run.record.rows) > 20)
        states = session_state(run.session)["sources"]
        assert [s["name"] for s in states] == ["camera 0", "camera 1"]
        run.until(lambda: [s["people"] for s in session_state(run.session)["sources"]] == [1, 1])


def test_one_of_two_fails_and_the_other_goes_on():
    second = SourceSpec("camera", 1, "camera 1")

    others = Script(lambda k: BRIGHT)

    def opener(spec, settings, control):
        if spec is second:
            raise SourceRefusedError("camera 1: no such device")
        return others(spec, settings, control)

    with Run(opener=opener, specs=(CAMERA, second)) as run:
        run.until(lambda: len(run.record.rows) > 5)
        statuses = [s["status"] for s in session_state(run.session)["sources"]]
        assert statuses == ["live", "failed"]
        assert run.session.reason is None
    assert run.said == ["camera 1: failed (no such device)"]
