"""Pictures read in tiles: nobody is missed at a border, nobody is seen twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import GROUPS
from support.pictures import ZIDANE, resized
from support.squares import LEAST_PX, Squares, picture_of

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors import tiles
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.networks.detectors.small_faces import detect_closely, scales

SHAPES = [(1080, 1920), (2160, 3840), (961, 2000), (50, 3000), (700, 700), (3, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_a_grid_covers_the_picture_and_overlaps(shape: tuple[int, int], scale: float) -> None:
    grid = tiles.grid(shape, Squares(), scale, 640)
    boxes = np.array([tile.box for tile in grid])
    assert boxes[:, :2].min() == 0
    assert boxes[:, 3].max() >= shape[0]
    assert boxes[:, 2].max() >= shape[1]
    for column, length in ((1, shape[0]), (0, shape[1])):
        starts, ends = np.unique(boxes[:, column]), np.unique(boxes[:, column + 2])
        assert starts.max() < length
        # a start is a whole pixel
        assert (ends[:-1] - starts[1:] >= tiles.OVERLAP_PX / scale - 1).all()
    assert max(max(tile.size) for tile in grid) <= 640
    assert all(side % 32 == 0 for tile in grid for side in tile.size)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(4, 24)), max_size=30),
    st.sampled_from(SHAPES),
)
@settings(deadline=None, max_examples=60)
def test_every_box_lies_whole_in_a_tile(
    spots: list[tuple[float, float, float]], shape: tuple[int, int]
) -> None:
    sides = [min(side, *shape) for _, _, side in spots]
    boxes = np.array(
        [
            [x * (shape[1] - s), y * (shape[0] - s), x * (shape[1] - s) + s, y * (shape[0] - s) + s]
            for (x, y, _), s in zip(spots, sides, strict=True)
        ],
        np.float32,
    ).reshape(-1, 4)
    found = tiles.around(boxes, shape, Squares(), 2.5, (160, 320), 16.0)
    assert len(found) <= len(boxes)
    for box in boxes:
        padded = np.clip(box + np.array([-16, -16, 16, 16]), 0, [*shape[::-1], *shape[::-1]])
        assert any(
            (padded[:2] >= np.array(tile.box[:2]) - 1e-3).all()
            and (padded[2:] <= np.array(tile.box[2:]) + 1e-3).all()
            for tile in found
        )


def test_one_alone_gets_a_small_tile() -> None:
    near = np.array([[500, 500, 512, 512], [560, 500, 572, 512]], np.float32)
    alone, both = (
        tiles.around(boxes, (1080, 1920), Squares(), 2.5, (160, 320), 16.0)
        for boxes in (near[:1], near)
    )
    assert [tile.size for tile in alone] == [(160, 160)]
    assert [tile.size for tile in both] == [(320, 320)]


def looks(*parts: list[tuple[list[float], float]]) -> list[Detections]:
    return [
        Detections(
            np.array([box for box, _ in part], np.float32).reshape(-1, 4),
            np.array([score for _, score in part], np.float32),
        )
        for part in parts
    ]


def test_each_face_is_kept_once_the_better_look_of_it() -> None:
    merged = tiles.merged(
        looks(
            [([0, 0, 100, 120], 0.9), ([200, 0, 220, 20], 0.6)],
            [([201, 1, 221, 21], 0.8), ([30, 60, 70, 90], 0.85)],  # a mouth is no face
            [],
        )
    )
    assert merged.boxes[:, 0].tolist() == [0, 201]
    assert merged.scores.tolist() == pytest.approx([0.9, 0.8])
    assert len(tiles.merged([])) == 0


def test_boxes_of_one_look_are_the_detectors_own_affair() -> None:
    one = looks([([0, 0, 100, 100], 0.9), ([20, 20, 60, 60], 0.8)])
    assert tiles.merged(one) is one[0]
    assert len(tiles.merged([*one, *looks([([300, 0, 310, 10], 0.9)])])) == 3


@pytest.mark.parametrize(
    ("full", "expected"),
    [(1.0, []), (2.0, []), (0.95, []), (1280 / 1920, [1.0]), (1280 / 12000, [0.125, 0.25, 0.5, 1])],
)
def test_scales_rise_to_the_pictures_own(full: float, expected: list[float]) -> None:
    assert scales(full) == expected


# a border of tiles lies at x = 2240 of the finest scale, others near it; sizes up to all of it
BORDER = [(2240 + dx, 300 + 90 * k, 12) for k, dx in enumerate((-14, -7, -1, 0, 5, 113, 120))]
CROWD = [(20 + 41 * k, 40 + 53 * (k % 11), 10 + k % 19) for k in range(60)]
LARGE = [(3000, 100, 400), (3500, 900, 90), (300, 900, 200), (1000, 1200, 60)]


@pytest.mark.parametrize("spots", [BORDER, CROWD, LARGE, [], BORDER + LARGE])
@pytest.mark.parametrize("shape", [(1500, 4003), (1501, 3999)])
def test_everyone_is_found_once(spots: list[tuple[int, int, int]], shape: tuple[int, int]) -> None:
    image = picture_of(spots, shape)
    found = detect_closely(Squares(), image, 0.5)
    truth = np.array([[x, y, x + s, y + s] for x, y, s in spots], np.float32).reshape(-1, 4)
    assert len(found) == len(truth)
    if len(truth):
        assert iou(truth, found.boxes).max(axis=1).min() > 0.5
    assert (found.scores >= 0.5).all()


def test_small_ones_are_missed_without_tiles() -> None:
    """So that the test above would fail if the tiles did nothing."""
    image = picture_of(CROWD, (1500, 4003))
    assert len(Squares().detect([image], 0.5)[0]) == 0
    assert min(side for _, _, side in CROWD) * 2.5 > LEAST_PX


def test_no_tile_is_larger_than_a_detector_takes() -> None:
    detector = Squares()
    detect_closely(detector, picture_of(LARGE, (1500, 4003)), 0.5)
    assert max(side for shape in detector.asked for side in shape) <= detector.max_side


def test_a_plain_detector_reads_the_picture_once() -> None:
    class Plain:
        name, calls = "plain", 0

        def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
            self.calls += 1
            return [Detections.none() for _ in images]

    plain = Plain()
    assert len(detect_closely(plain, np.zeros((3000, 5000, 3), np.uint8), 0.5)) == 0
    assert plain.calls == 1


def test_real_faces_of_a_dozen_pixels(networks) -> None:
    """A face of 14 px in two corners of a large picture and on a border of tiles."""
    small = resized(ZIDANE[40:720, 680:1180], (45, 61))
    image = np.full((1200, 2600, 3), 110, np.uint8)
    for x, y in ((0, 0), (1230, 500), (2555, 1139)):
        image[y : y + 61, x : x + 45] = small
    assert len(networks.detector.detect([image], 0.5)[0]) == 0
    found = detect_closely(networks.detector, image, 0.5)
    assert len(found) == 3
    assert found.landmarks is not None
    centre = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert np.abs(found.landmarks.mean(axis=1) - centre).max() < 5
    assert iou(found.boxes, found.boxes).sum() == pytest.approx(3)


@pytest.mark.skipif(not GROUPS.is_dir(), reason="needs the group photos beside the checkout")
def test_a_crowd_of_bald_heads_is_the_same_in_tiles(networks) -> None:
    from moodstream.realtime.sources.images import read_picture

    image = read_picture(GROUPS / "bald_guys.jpg")
    whole = networks.detector.detect([image], 0.5)[0]
    found = detect_closely(networks.detector, image, 0.5)
    assert len(found) == len(whole) == 24
    assert iou(whole.boxes, found.boxes).max(axis=1).min() > 0.6
