"""Faces to be hidden are detected in every frame that is shown, whatever its time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.media import read_frames, write_video

from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.arrays import Image
from moodstream.realtime.cli import entry
from moodstream.realtime.cli import process as cli_process
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Detections, EmotionPredictions, Frame
from moodstream.realtime.maths import jsd
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.offline.analyzer import DetectedFrame, OfflineAnalyzer
from moodstream.realtime.runs.offline.process import ProcessSettings
from moodstream.realtime.sources.files import FileSource

SIZE = (640, 360)
CORNERS = ((40, 30), (460, 200), (460, 30), (40, 200), (250, 110))
FACE = (120, 150)  # (width, height) px
FRAMES = 24


class Watched:
    """A real detector that notes at which size it is asked, picture by picture."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self.name = detector.name
        self.sides: list[int | None] = []

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        self.sides += [None] * len(images)
        return self._detector.detect(images, min_confidence)

    def full_side(self, shape: tuple[int, ...]) -> int:
        return self._detector.full_side(shape)

    def reduced(self, side: int) -> Any:
        self.sides.append(side)
        return self._detector.reduced(side)


@pytest.fixture(scope="module")
def face(footage: dict[str, Path]) -> np.ndarray:
    image = cv2.imread(str(footage["single_face.jpg"]))
    assert image is not None
    return cv2.resize(image[80:460, 130:434], FACE, interpolation=cv2.INTER_AREA)


def blinking(face: np.ndarray, times: Sequence[float]) -> tuple[list, list[np.ndarray | None]]:
    """Pictures with the face in every second of them, each time elsewhere; and where it is."""
    pictures, where = [], []
    for k, t in enumerate(times):
        image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        box = None
        if k % 2:
            x, y = CORNERS[k // 2 % len(CORNERS)]
            image[y : y + FACE[1], x : x + FACE[0]] = face
            box = np.array([[x, y, x + FACE[0], y + FACE[1]]], np.float32)
        pictures.append((t, image))
        where.append(box)
    return pictures, where


def uneven() -> list[float]:
    steps = np.random.default_rng(5).choice([1 / 120, 1 / 60, 1 / 24, 0.3], FRAMES - 1)
    return np.cumsum([0.0, *steps]).tolist()


def even(fps: float) -> list[float]:
    return [k / fps for k in range(FRAMES)]


@pytest.fixture
def watched(networks: Models, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The detector of every `process` in this test."""
    detector = Watched(networks.detector)
    models = replace(networks, detector=detector)
    monkeypatch.setattr(cli_process, "load_models", lambda args, streams: models)
    return detector


def process(clip: Path, out: Path, *options: str) -> dict[str, Any]:
    assert entry.main(["process", str(clip), "-o", str(out), "--quiet", *options]) == 0
    return json.loads((out / "summary.json").read_text())


def readable(detector: Any, image: np.ndarray, box: np.ndarray) -> bool:
    """Whether a detector finds a face where there is one."""
    found = detector.detect([image[: SIZE[1], : SIZE[0]].copy()], 0.5)[0]
    return bool(len(found) and iou(found.boxes, box).max() > 0.2)


@pytest.mark.parametrize(
    ("privacy", "fps", "times"),
    [
        ("blur", 30, even(30)),
        ("blur", 59.94, even(59.94)),
        ("blur", 120, even(120)),
        ("blur", 29.95, even(30)),  # the average rate reads a little low
        ("blur", 24, uneven()),
        ("blur", None, even(30)),
        ("group", 120, even(120)),
        ("group", 24, uneven()),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value),
)
def test_no_face_is_shown_however_the_frames_come(
    privacy: str,
    fps: float | None,
    times: list[float],
    face: np.ndarray,
    watched: Watched,
    networks: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures, where = blinking(face, times)
    clip = write_video(tmp_path / "clip.mp4", pictures, fps=fps or 25)
    if fps is None or fps == 29.95:
        state_rate(monkeypatch, fps)
    summary = process(clip, tmp_path / "out", "--privacy", privacy)
    shown = read_frames(tmp_path / "out" / "overlay.mp4")
    assert len(shown) == len(times) == summary["counts"]["frames"]
    if privacy == "group":
        assert watched.sides == [None] * len(times)
    else:  # and in the stills
        assert watched.sides[: len(times)] == [None] * len(times)
        assert set(watched.sides) == {None}
    assert summary["counts"]["frames_searched"] == len(times)
    for (_, plain), (_, hidden), box in zip(pictures, shown, where, strict=True):
        if box is not None:
            assert readable(networks.detector, plain, box)
            assert not readable(networks.detector, hidden, box)


def state_rate(monkeypatch: pytest.MonkeyPatch, fps: float | None) -> None:
    """Have files say that they have this average rate."""
    describe = FileSource._describe
    rate = None if fps is None else Fraction(fps).limit_denominator(1001)
    monkeypatch.setattr(
        FileSource, "_describe", lambda self, first: replace(describe(self, first), fps=rate)
    )


def test_without_privacy_the_face_is_there(
    face: np.ndarray, watched: Watched, networks: Models, tmp_path: Path
) -> None:
    """So that the test above can fail: overlays show faces, and few frames are searched."""
    pictures, where = blinking(face, even(120))
    clip = write_video(tmp_path / "clip.mp4", pictures, fps=120)
    summary = process(clip, tmp_path / "out")
    shown = read_frames(tmp_path / "out" / "overlay.mp4")
    seen = [
        readable(networks.detector, picture, box)
        for (_, picture), box in zip(shown, where, strict=True)
        if box is not None
    ]
    assert np.mean(seen) > 0.8
    assert summary["counts"]["frames_searched"] == summary["counts"]["detection_passes"] == 2


def test_nothing_is_searched_that_is_not_shown(
    face: np.ndarray, watched: Watched, tmp_path: Path
) -> None:
    pictures, _ = blinking(face, even(60))
    clip = write_video(tmp_path / "clip.mp4", pictures, fps=60)
    summary = process(clip, tmp_path / "out", "--privacy", "group", "--no-video")
    assert summary["counts"]["frames_searched"] == summary["counts"]["detection_passes"] == 4
    assert watched.sides == [None] * 4


def test_hiding_hardly_changes_the_figures(langer: Path, networks: Models, tmp_path: Path) -> None:
    def timeline(name: str) -> list[dict[str, Any]]:
        process(langer, tmp_path / name, "--privacy", name, "--end", "6", "--models", "embedded")
        return pq.read_table(tmp_path / name / "timeline.parquet").to_pylist()

    names = [f"p_{name}" for name in EMOTIONS]
    both = [
        ([a[n] for n in names], [b[n] for n in names])
        for a, b in zip(timeline("off"), timeline("blur"), strict=True)
        if a["p_sad"] is not None and b["p_sad"] is not None
    ]
    assert len(both) > 20
    assert max(jsd(a, b) for a, b in both) < 0.01


class Walking:
    """A face that walks with the grey level of the picture; it may not be asked at less than it."""

    name = "walking"

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        ones = np.ones(1, np.float32)
        places = [int(image[0, 0, 0]) for image in images]
        return [Detections(np.array([[x, 5, x + 60, 65]], np.float32), ones) for x in places]

    def full_side(self, shape: tuple[int, ...]) -> int:
        return 640

    def reduced(self, side: int) -> Any:
        raise AssertionError("expected detection passes at full size only")


class Moody:
    name = "moody"
    classes: tuple[str, ...] = EMOTIONS

    def classify(self, images: Sequence[Image], boxes: Sequence[np.ndarray]) -> EmotionPredictions:
        mood = np.eye(7, dtype=np.float32)[int(images[0][0, 0, 0]) // 30 % 7]
        return EmotionPredictions(np.tile(mood, (len(boxes[0]), 1)))


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("full_size_every", [0.0, 1.0])
def test_frames_searched_besides_change_no_person(streams: int, full_size_every: float) -> None:
    walk = [Frame(np.full((100, 400, 3), k, np.uint8), k / 60, k) for k in range(200)]

    def analyzed(settings: AnalysisSettings) -> tuple[OfflineAnalyzer, list[DetectedFrame]]:
        analyzer = OfflineAnalyzer(Walking(), Moody(), settings, streams=streams)
        return analyzer, list(analyzer.analyze(walk))

    few, plain = analyzed(AnalysisSettings(full_size_every=0.0))
    hiding = AnalysisSettings(full_size_every=full_size_every, detect_every_frame=True)
    every, hidden = analyzed(hiding)
    assert every.frames_searched == len(walk)
    assert few.frames_searched == few.people.detection_passes == every.people.detection_passes == 34
    assert few.people.predictions == every.people.predictions
    for k, (a, b) in enumerate(zip(plain, hidden, strict=True)):
        assert (a.frame, a.fresh) == (b.frame, b.fresh)
        np.testing.assert_array_equal(a.faces.boxes, b.faces.boxes)
        np.testing.assert_array_equal(a.faces.probs, b.faces.probs)
        np.testing.assert_array_equal(b.all_boxes, [[k, 5, k + 60, 65]])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ProcessSettings(), AnalysisSettings()),
        (
            ProcessSettings(privacy=Privacy.BLUR),
            AnalysisSettings(full_size_every=0.0, detect_every_frame=True),
        ),
        (
            ProcessSettings(privacy=Privacy.GROUP, video=False),
            AnalysisSettings(full_size_every=0.0),
        ),
        (
            ProcessSettings(every_frame=True),
            AnalysisSettings(rate=60.0, full_size_every=0.0, refresh=0.0, every_frame=True),
        ),
    ],
)
def test_hiding_changes_no_rate(settings: ProcessSettings, expected: AnalysisSettings) -> None:
    assert settings.analysis_settings(60.0) == expected
