"""The wiring of threads: order, stopping, and what happens when a stage fails."""

from __future__ import annotations

import functools
import threading
import time

import numpy as np
import pytest
from support.fakes import HAPPY, OneFace, Rows, Says

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Detections, Frame, LazyImage
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer, caller_threads
from moodstream.realtime.runs.offline.link import Link
from moodstream.realtime.runs.offline.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")

BLANK = np.zeros((48, 64, 3), np.uint8)


class Failing:
    name = "failing"
    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, after: int = 5):
        self.left = after

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("the stage broke")

    def classify(self, images, boxes):
        self._count()
        return Says(HAPPY).classify(images, boxes)

    def detect(self, images, min_confidence):
        self._count()
        return OneFace().detect(images, min_confidence)


def frames(n=100, fps=25.0, start=0.0):
    for k in range(n):
        yield Frame(BLANK, start + k / fps, k)


class Late:
    """A face that walks, found after a time that differs from frame to frame; see ``Moody``."""

    name = "late"

    def __init__(self):
        self.now, self.most, self.lock = 0, 0, threading.Lock()

    def detect(self, images, min_confidence):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        number = int(images[0][0, 0, 0])
        time.sleep(0.003 * (number * 7 % 5))
        with self.lock:
            self.now -= 1
        box = np.array([[number / 10, 5, number / 10 + 20, 30]], np.float32)
        return [Detections(box, np.ones(1, np.float32))]


class Moody:
    name = "moody"
    classes: tuple[str, ...] = EMOTIONS

    def classify(self, images, boxes):
        number = int(images[0][0, 0, 0])
        time.sleep(0.002 * (number * 3 % 5))
        return Says(np.eye(7, dtype=np.float32)[number // 10 % 7]).classify(images, boxes)


class Counting(Says):
    """Notes the times of its predictions, which the pictures carry as grey levels."""

    def __init__(self):
        super().__init__(HAPPY)
        self.read = []

    def classify(self, images, boxes):
        self.read += [int(images[0][0, 0, 0])] * len(boxes[0])
        return super().classify(images, boxes)


class TwoFaces(OneFace):
    """A second face comes with the frame of grey level 45."""

    def detect(self, images, min_confidence):
        boxes = [[10, 10, 40, 40], [10, 60, 40, 90]][: 1 + (images[0][0, 0, 0] >= 45)]
        return [Detections(np.array(boxes, np.float32), np.ones(len(boxes), np.float32))]


def make(rows=None, detector=None, classifier=None, draw=None, streams=1, **settings):
    analyzer = OfflineAnalyzer(
        detector or OneFace(),
        classifier or Says(HAPPY),
        AnalysisSettings(**settings),
        streams=streams,
    )
    return Pipeline(analyzer, GroupAggregator(), rows or Rows(), draw)


def test_rows_stand_on_steps_of_media_time():
    rows = Rows()
    drawn: list[AnnotatedFrame] = []
    progress = make(rows, draw=drawn.append).run(frames())
    assert progress.frames == 100
    np.testing.assert_allclose([t for t, _, _ in rows.rows], np.arange(20) * 0.2, atol=1e-9)
    assert [m.frame.index for m in drawn] == list(range(100))
    assert rows.rows[-1][1].dominant == "happy"
    assert rows.rows[-1][1].people == 1


@pytest.mark.parametrize("fps", [3, 12, 23.976, 60])
def test_the_number_of_detection_passes_follows_time_and_not_frames(fps):
    pipeline = make()
    pipeline.run(frames(int(10 * fps), fps))
    assert pipeline.analyzer.people.detection_passes == pytest.approx(10 * min(fps, 10), abs=3)


def test_a_part_of_a_file_starts_on_the_next_step():
    rows = Rows()
    make(rows).run(frames(50, start=7.33))
    assert rows.rows[0][0] == pytest.approx(7.4)


def test_a_long_gap_between_frames_is_filled_with_rows():
    rows = Rows()
    make(rows).run(iter([Frame(BLANK, 0.0, 0), Frame(BLANK, 0.1, 1), Frame(BLANK, 8.0, 2)]))
    assert len(rows.rows) == 41


@pytest.mark.parametrize("streams", [1, 2])
def test_stop_keeps_what_is_done(streams):
    rows = Rows()
    drawn: list[AnnotatedFrame] = []
    pipeline = make(rows, draw=drawn.append, streams=streams, full_size_every=0.0)

    def tick(progress):
        if progress.frames == 30:
            pipeline.stop.set()

    progress = pipeline.run(frames(100_000), tick)
    assert progress.frames == 30
    assert len(drawn) == 30
    assert len(rows.rows) == 6


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("stage", ["detector", "classifier"])
def test_a_failing_network_is_raised_to_the_owner(stage, streams):
    settings = {stage: Failing(), "streams": streams, "full_size_every": 0.0}
    with pytest.raises(RuntimeError, match="stage broke"):
        make(draw=lambda frame: None, **settings).run(frames(100_000))


@pytest.mark.parametrize(("every_frame", "full_size"), [(False, 0.0), (True, 0.0), (False, 1.0)])
def test_side_by_side_the_figures_are_those_of_one_after_another(every_frame, full_size):
    walk = [Frame(np.full((48, 64, 3), k, np.uint8), k / 25, k) for k in range(120)]
    told = []
    for streams in (1, 3):
        rows, detector = Rows(), Late()
        drawn: list[AnnotatedFrame] = []
        settings = {"full_size_every": full_size, "every_frame": every_frame, "streams": streams}
        settings["rate"] = 25.0 if every_frame else 10.0
        make(rows, detector, Moody(), drawn.append, **settings).run(walk)
        assert (detector.most > 1) == (streams > 1)
        if every_frame:  # no pass waits for another: one is prepared while others run
            assert detector.most == caller_threads(streams)
        assert [m.frame.index for m in drawn] == list(range(120))
        told.append((rows, drawn))
    (rows, drawn), (other_rows, other_drawn) = told
    assert len(rows.rows) == 24
    for (t, state, _), (other_t, other, _) in zip(rows.rows, other_rows.rows, strict=True):
        assert t == other_t
        np.testing.assert_array_equal(state.probs, other.probs)
    for one, other in zip(drawn, other_drawn, strict=True):
        np.testing.assert_array_equal(one.faces.boxes, other.faces.boxes)
        np.testing.assert_array_equal(one.faces.probs, other.faces.probs)
        np.testing.assert_array_equal(one.all_boxes, other.all_boxes)
    assert len({m.state.dominant for m in drawn}) > 2


@pytest.mark.parametrize(
    ("refresh", "most", "expected"),
    [(0.0, 0.1, 99), (0.2, 0.2, 50), (0.38, 0.4, 25), (0.5, 0.5, 20)],
)
def test_faces_are_read_again_after_the_time(refresh, most, expected):
    classifier = Counting()
    drawn: list[AnnotatedFrame] = []
    walk = [Frame(np.full((48, 64, 3), k, np.uint8), k / 20, k) for k in range(200)]
    pipeline = make(classifier=classifier, draw=drawn.append, refresh=refresh)
    pipeline.run(walk)
    assert len(classifier.read) == pytest.approx(expected, abs=2)
    assert pipeline.analyzer.people.predictions == len(classifier.read)
    assert np.diff(classifier.read).max() / 20 == pytest.approx(most)
    known = [not np.isnan(m.faces.probs).any() for m in drawn if m.faces.seen.any()]
    assert len(known) == pytest.approx(99, abs=2)
    assert all(known)  # between two predictions the estimate stands


def test_who_comes_is_read_at_once_and_then_in_turn():
    classifier = Counting()
    walk = [Frame(np.full((96, 64, 3), k, np.uint8), k / 10, k) for k in range(100)]
    make(detector=TwoFaces(), classifier=classifier, refresh=0.4).run(walk)
    first, both = [k for k in classifier.read if k < 45], classifier.read[-20:]
    assert set(np.diff(first)) == {4}
    second = next(k for k in classifier.read if k >= 45 and (k - first[0]) % 4)
    assert second <= 45 + 3  # as soon as it counts as a person
    assert all((k - first[0]) % 4 == 0 or (k - second) % 4 == 0 for k in both)


@pytest.mark.parametrize(("drawing", "expected"), [(False, 40), (True, 100)])
def test_pictures_that_nobody_needs_are_not_made(drawing, expected):
    made = []

    def picture(k):
        made.append(k)
        return BLANK

    walk = [
        Frame(LazyImage(BLANK.shape, functools.partial(picture, k)), k / 25, k) for k in range(100)
    ]
    pipeline = make(draw=(lambda frame: None) if drawing else None)
    pipeline.run(walk)
    assert len(set(made)) == len(made) == pytest.approx(expected, abs=1)
    assert len(made) == 100 or len(made) == pipeline.analyzer.people.detection_passes


def test_a_picture_made_later_must_be_as_it_was_told():
    assert Frame(LazyImage(BLANK.shape, lambda: BLANK), 0.0, 0).image is BLANK
    for told, made in (((48, 60, 3), BLANK), (BLANK.shape, BLANK.astype(np.float32))):
        with pytest.raises(ValueError, match="expected an image"):
            _ = Frame(LazyImage(told, functools.partial(np.asarray, made)), 0.0, 0).image
    with pytest.raises(ValueError, match="expected an image"):
        Frame(BLANK[..., 0], 0.0, 0)


def test_a_failing_reader_is_raised_to_the_owner():
    def broken():
        yield from frames(10)
        raise OSError("the camera was unplugged")

    with pytest.raises(OSError, match="unplugged"):
        make(draw=lambda frame: None).run(broken())


def test_a_failing_painter_is_raised_to_the_owner():
    def draw(frame):
        if frame.frame.index == 7:
            raise ValueError("cannot draw")

    with pytest.raises(ValueError, match="cannot draw"):
        make(draw=draw).run(frames(100_000))


def test_a_full_disk_is_raised_to_the_owner():
    with pytest.raises(OSError, match="No space"):
        make(Rows(fail_after=4), draw=lambda frame: None).run(frames(100_000))


def test_a_slow_painter_holds_the_reader_back():
    """A file never drops a frame, and never piles frames up in memory either."""
    ahead: list[int] = []
    drawn: list[AnnotatedFrame] = []

    def counted():
        for frame in frames(60):
            ahead.append(frame.index - len(drawn))
            yield frame

    def draw(frame):
        time.sleep(0.005)
        drawn.append(frame)

    make(draw=draw).run(counted())
    assert len(drawn) == 60
    assert max(ahead) < 25


def test_no_frames_at_all():
    progress = make(draw=lambda frame: None).run(iter(()))
    assert progress.frames == 0


def test_between_detection_passes_boxes_are_extrapolated():
    drawn: list[AnnotatedFrame] = []
    make(draw=drawn.append, rate=5).run(frames(50))
    late = drawn[20:]
    assert 0 < sum(bool(m.faces.seen.any()) for m in late) < len(late) / 3
    assert all(len(m.faces) == 1 for m in late)


def test_link_leaves_when_stopped():
    stop = threading.Event()
    link: Link[int] = Link(1, stop)
    assert link.put(1)
    threading.Timer(0.2, stop.set).start()
    assert not link.put(2)
    assert list(link) == []


@pytest.mark.parametrize(
    "bad",
    [{"rate": 0}, {"max_faces": 0}, {"min_confidence": 2}, {"min_face": -1}, {"refresh": -1}],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        AnalysisSettings(**bad)
