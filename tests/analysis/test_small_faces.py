"""Small faces of a stream: found soon, read where they are, and no work where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from support.squares import Squares, picture_of

from moodstream.realtime.analysis.people import small_faces
from moodstream.realtime.analysis.people.resolution import DetectionPlan, detect_at
from moodstream.realtime.analysis.people.small_faces import SmallFaces
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Frame
from moodstream.realtime.networks.detectors.tiles import Tile
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer
from moodstream.testing import PaintedFaceClassifier

LARGE, HD = (1080, 1920), (720, 1280)
NONE = np.zeros((0, 4), np.float32)


def box(x: float, y: float, side: float) -> F32:
    return np.array([[x, y, x + side, y + side]], np.float32)


def covered(tiles: tuple[Tile, ...], x: float, y: float, scale: float) -> bool:
    return any(
        tile.scale == scale and tile.box[0] <= x <= tile.box[2] and tile.box[1] <= y <= tile.box[3]
        for tile in tiles
    )


def test_a_large_picture_is_scanned_a_tile_at_a_time_at_the_start_and_now_and_then() -> None:
    small, seen = SmallFaces(), []
    for k in range(700):
        tiles = small.tiles(k / 10, LARGE, Squares())
        small.observe(k / 10, NONE, NONE)
        assert len(tiles) <= 1
        seen += [(k / 10, *tile.box) for tile in tiles]
    times = np.array([t for t, *_ in seen])
    first = [place for t, *place in seen if t < small_faces.SCAN_EVERY_S - 1]
    area = np.zeros(LARGE, bool)
    for x1, y1, x2, y2 in first:
        area[round(y1) : round(y2), round(x1) : round(x2)] = True
    assert area.all()
    assert len(seen) == 3 * len(first)  # at 0, 30 and 60 s
    assert set(np.floor(times / small_faces.SCAN_EVERY_S)) == {0, 1, 2}


def test_a_picture_that_is_not_shrunk_costs_nothing_while_nobody_is_small() -> None:
    small = SmallFaces()
    for k in range(100):
        assert small.tiles(k / 10, HD, Squares()) == ()
        small.observe(k / 10, box(100, 100, 80), NONE)


def test_a_hint_is_looked_at_once() -> None:
    small, hint = SmallFaces(), box(600, 300, 10)
    looks = []
    for k in range(250):
        tiles = small.tiles(k / 10, HD, Squares())
        looks += [k / 10] * covered(tiles, 605, 305, 2.5)
        small.observe(k / 10, NONE, hint)  # it is false, and comes in every pass
    assert looks == pytest.approx([0.1, 10.2, 20.3], abs=0.11)


def test_a_small_face_is_read_enlarged_until_it_has_been_gone_for_a_while() -> None:
    small = SmallFaces()
    small.tiles(0.0, HD, Squares())
    small.observe(0.0, box(600, 300, 14), NONE)
    assert covered(small.tiles(0.1, HD, Squares()), 607, 307, 2.5)
    small.observe(0.1, NONE, NONE)
    assert covered(small.tiles(1.9, HD, Squares()), 607, 307, 2.5)
    assert not covered(small.tiles(2.2, HD, Squares()), 607, 307, 2.5)


def test_small_ones_seldom_come_alone() -> None:
    """While there is one the whole picture is read at twice its size, in some passes."""
    small, area = SmallFaces(), np.zeros(HD, bool)
    for k in range(40):
        for tile in small.tiles(k / 10, HD, Squares()):
            if tile.scale == small_faces.DEEP_SCALE:
                x1, y1, x2, y2 = (round(v) for v in tile.box)
                area[y1:y2, x1:x2] = True
        small.observe(k / 10, box(600, 300, 14), NONE)
    assert area.all()


def test_many_take_turns_within_the_budget() -> None:
    small = SmallFaces(budget=1.0)
    crowd = np.concatenate([box(60 + 240 * (k % 5), 40 + 160 * (k // 5), 14) for k in range(20)])
    crowd = np.concatenate([crowd, crowd + 70]).astype(np.float32)
    small.tiles(0.0, HD, Squares())
    small.observe(0.0, crowd, NONE)
    met = np.zeros(len(crowd), bool)
    for k in range(1, 8):
        tiles = [t for t in small.tiles(k / 10, HD, Squares()) if t.scale == 2.5]
        assert sum(tile.pixels for tile in tiles) <= 1280 * 720
        met |= [covered(tuple(tiles), b[0] + 7, b[1] + 7, 2.5) for b in crowd]
        small.observe(k / 10, crowd, NONE)
    assert met.all()


@pytest.mark.parametrize(("least", "expected"), [(40.0, 0), (16.0, 1)])
def test_what_would_not_count_is_not_looked_for(least: float, expected: int) -> None:
    small = SmallFaces(least_side=least)
    assert len(small.tiles(0.0, LARGE, Squares())) == expected


def test_a_pass_tells_faces_from_hints() -> None:
    image = picture_of([(100, 100, 60), (900, 500, 12), (1100, 600, 4)], HD)
    (seen,) = detect_at(Squares(), [image], [DetectionPlan()], 0.5)
    assert len(seen.faces) == 1
    assert seen.hints[:, 0].tolist() == [900]
    tiles = (Tile(850, 450, (320, 320), 2.5),)
    (seen,) = detect_at(Squares(), [image], [DetectionPlan(320, tiles)], 0.1)
    assert len(seen.faces) == 2  # the large one is reduced to 15 px, but not lost
    assert len(seen.hints) == 0


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(("shape", "side"), [(HD, 12), (LARGE, 12), ((2160, 3840), 16)])
def test_someone_far_away_is_tracked(shape: tuple[int, int], side: int, hidden: bool) -> None:
    spots = [(round(0.6 * shape[1]), round(0.4 * shape[0]), side), (40, 60, 200)]
    image = picture_of(spots, shape)
    settings = AnalysisSettings(min_face=10, detect_every_frame=hidden)
    analyzer = OfflineAnalyzer(Squares(), PaintedFaceClassifier(), settings)
    frames = (Frame(image, k / 10, k) for k in range(80))
    counts, boxes = [], []
    for one in analyzer.analyze(frames):
        counts.append(len(one.faces))
        boxes.append(len(one.all_boxes))
    first = counts.index(2)
    assert first <= 45  # the tile of the scan that shows the far one has come, and some passes
    assert set(counts[first:]) == {2}
    assert set(boxes[first:]) == {2}


def test_results_do_not_depend_on_the_number_of_calls() -> None:
    image = picture_of([(1200, 400, 12), (300, 700, 14), (40, 60, 200)], LARGE)

    def boxes(streams: int) -> list[list[float]]:
        analyzer = OfflineAnalyzer(
            Squares(), PaintedFaceClassifier(), AnalysisSettings(min_face=10), streams=streams
        )
        frames = (Frame(image, k / 10, k) for k in range(30))
        return [one.faces.boxes.ravel().tolist() for one in analyzer.analyze(frames)]

    assert boxes(1) == boxes(3)
