"""The analysis of live streams on a made clock: networks that take their time, faces that come."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from support.fakes import HAPPY, Rows

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.timeline import Timeline
from moodstream.realtime.analysis.people.tracker import AnalysisSettings, PeopleTracker
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Detections, EmotionPredictions, Frame
from moodstream.realtime.runs.live.analyzer import LiveAnalyzer
from moodstream.realtime.runs.live.snapshot import StreamAnalysis

SIZE = (360, 640)


class World:
    """Faces in a row, each in its own place, and networks that cost time on a made clock."""

    def __init__(self, detection: float, prediction: float, faces) -> None:
        self.detection, self.prediction, self.faces = detection, prediction, faces
        self.now = 0.0
        self.predictions: dict[int, list[float]] = defaultdict(list)
        self.batches: list[int] = []
        self.passes: list[float] = []
        self.name = "world"
        self.classes: tuple[str, ...] = EMOTIONS

    def clock(self) -> float:
        return self.now

    def detect(self, images, min_confidence):
        found = [self.faces(self.now) for _ in images]
        self.now += self.detection * len(images)
        self.passes.append(self.now)
        boxes = [
            np.array([[20 * p, 100, 20 * p + 18, 118] for p in people], np.float32).reshape(-1, 4)
            for people in found
        ]
        return [Detections(b, np.ones(len(b), np.float32)) for b in boxes]

    def classify(self, images, boxes):
        every = np.concatenate([np.asarray(b).reshape(-1, 4) for b in boxes])
        self.now += self.prediction * len(every)
        self.batches.append(len(every))
        for x in every[:, 0]:
            self.predictions[round(float(x) / 20)].append(self.now)
        return EmotionPredictions(np.tile(HAPPY, (len(every), 1)))


def stream_of(fps=30.0, rows=None):
    people = PeopleTracker(AnalysisSettings(max_faces=100), picture_side=640.0)
    return StreamAnalysis(people, Timeline(GroupAggregator(), rows or Rows()), lambda: fps)


def play(world: World, seconds: float, streams: int = 1, fps: float = 30.0, pace: float = 1.0):
    """Run an analyzer on the newest frame whenever it has time."""
    analyses = [stream_of(fps) for _ in range(streams)]
    analyzer = LiveAnalyzer(world, world, pace=pace, clock=world.clock)
    last = -1.0
    while world.now * pace < seconds:
        t = np.floor(world.now * pace * fps) / fps
        if t <= last:
            world.now += 0.001
            continue
        last = t
        work = [(w, Frame(np.zeros((*SIZE, 3), np.uint8), t, 0)) for w in analyses]
        analyzer.step(work, streams)
    return analyses, analyzer


def test_thirty_faces_are_classified_three_times_a_second():
    world = World(0.065, 0.0025, lambda t: range(30))
    (stream,), _ = play(world, 12.0)
    rates = [sum(t > 2 for t in times) / 10 for times in world.predictions.values()]
    assert len(rates) == 30
    assert min(rates) >= 3.0
    assert stream.prediction_rate.per_face() >= 3.0
    assert len(world.passes) / world.now > 3


def test_with_too_little_time_everyone_still_has_their_turn():
    world = World(0.065, 0.04, lambda t: range(30))  # 750 ms a second: about a dozen predictions
    (stream,), _ = play(world, 30.0)
    rates = [sum(t > 5 for t in times) for times in world.predictions.values()]
    assert max(rates) - min(rates) <= 3
    gaps = [max(np.diff([t for t in times if t > 5])) for times in world.predictions.values()]
    assert max(gaps) < 3.5
    assert stream.snapshot.oldest_s == pytest.approx(
        max(world.now - times[-1] for times in world.predictions.values()), abs=0.3
    )


def test_a_new_face_is_classified_soon_after_it_is_known():
    came = 6.0
    world = World(0.05, 0.01, lambda t: range(30) if t < came else range(31))
    play(world, 9.0)
    born = 0.2 + 0.25  # seconds that a face must be detected, and one pass
    assert world.predictions[30][0] - came <= born + 0.2


def test_faces_of_all_cameras_are_classified_in_one_batch():
    world = World(0.01, 0.001, lambda t: range(4))
    play(world, 5.0, streams=3)
    assert max(world.batches) == 12


def test_still_faces_cost_little_where_there_is_time_to_spare():
    world = World(0.005, 0.0005, lambda t: range(3))
    play(world, 10.0)
    for times in world.predictions.values():
        assert 28 <= len(times) <= 42


def test_a_file_played_fast_leaves_less_time_but_keeps_its_own():
    world = World(0.02, 0.002, lambda t: range(10))
    (stream,), _ = play(world, 20.0, fps=25.0, pace=4.0)
    assert stream.prediction_rate.per_face() >= 2.5
    assert stream.snapshot.t == pytest.approx(20.0, abs=0.6)


def test_rows_and_figures_come_out():
    rows = Rows()
    stream = stream_of(rows=rows)
    world = World(0.01, 0.001, lambda t: range(3))
    analyzer = LiveAnalyzer(world, world, clock=world.clock)
    for k in range(150):
        world.now = max(world.now, k / 30)
        analyzer.step([(stream, Frame(np.zeros((*SIZE, 3), np.uint8), k / 30, k))], 1)
    assert [t for t, *_ in rows.rows] == pytest.approx(np.arange(25) * 0.2)
    _, state, faces = rows.rows[-1]
    assert state.people == 3
    assert state.dominant == "happy"
    assert not np.isnan(faces.probs).any()
    assert stream.snapshot.visible == 3


def test_nobody_and_then_everybody_leaves():
    world = World(0.01, 0.001, lambda t: range(4) if t < 3 else range(0))
    (stream,), _ = play(world, 6.0)
    assert len(stream.snapshot.faces) == 0
    assert stream.snapshot.oldest_s is None
    assert stream.snapshot.state.people == 0


def test_a_prediction_that_failed_is_none():
    class Blank(World):
        def classify(self, images, boxes):
            return EmotionPredictions(np.full((sum(map(len, boxes)), 7), np.nan, np.float32))

    world = Blank(0.01, 0.001, lambda t: range(2))
    (stream,), _ = play(world, 2.0)
    assert stream.snapshot.state.probs is None
    assert stream.snapshot.state.people == 2
