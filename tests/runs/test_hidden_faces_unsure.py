"""Faces of which the detector is less sure do not count, and are hidden all the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.media import read_frames

from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.models import ModelInfo, Models
from moodstream.realtime.outputs.schemas import VideoCounts
from moodstream.realtime.privacy import HIDE_FROM_CONFIDENCE, Privacy
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings
from moodstream.testing import PaintedFaceClassifier, Person, ScriptedSource

SURE, UNSURE, MISTAKEN = (20, 40, 80, 110), (120, 40, 180, 110), (220, 40, 280, 110)
SCORES = {SURE: 0.95, UNSURE: 0.4, MISTAKEN: 0.1}
PEOPLE = [Person(box, "happy") for box in SCORES]
SOURCE = ScriptedSource(PEOPLE, size=(640, 360), seconds=1.6)


class Unsure:
    """Detects three faces: one surely, one hardly, and one at which it only guesses."""

    name = "unsure"

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        everyone = Detections(
            np.array(list(SCORES), np.float32), np.array(list(SCORES.values()), np.float32)
        )
        return [everyone.take(everyone.scores >= min_confidence) for _ in images]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SOURCE.write(tmp_path_factory.mktemp("clip") / "clip.mp4")


def run(clip: Path, folder: Path, privacy: Privacy, min_confidence: float) -> VideoCounts:
    info = ModelInfo("unsure", file="", sha256="", engine="python", device="cpu")
    models = Models(Unsure(), PaintedFaceClassifier(), {"detector": info, "emotion": info})
    settings = ProcessSettings(
        AnalysisSettings(min_confidence=min_confidence, full_size_every=0.0), privacy=privacy
    )
    return OfflineRun(clip, folder, models, settings).run()["counts"]


def darkest(image: np.ndarray, box: Sequence[int]) -> int:
    """Grey level of the darkest pixel within a face: of its eyes, unless they are hidden."""
    x1, y1, x2, y2 = box
    return int(image[y1 + 5 : y2 - 5, x1 + 5 : x2 - 5].max(axis=2).min())


@pytest.mark.parametrize("min_confidence", [0.5, 0.9])
def test_an_unsure_face_is_hidden_and_does_not_count(
    clip: Path, tmp_path: Path, min_confidence: float
) -> None:
    shown = run(clip, tmp_path / "off", Privacy.OFF, min_confidence)
    hidden = run(clip, tmp_path / "blur", Privacy.BLUR, min_confidence)
    assert hidden | {"frames_searched": 0} == shown | {"frames_searched": 0}
    assert (hidden["people"], hidden["frames_searched"]) == (1, hidden["frames"])
    for name in ("timeline.parquet", "people.parquet"):
        assert pq.read_table(tmp_path / "off" / name) == pq.read_table(tmp_path / "blur" / name)
    plain = read_frames(tmp_path / "off" / "overlay.mp4")
    blurred = read_frames(tmp_path / "blur" / "overlay.mp4")
    assert len(plain) == len(blurred) == hidden["frames"]
    for (_, before), (_, after) in zip(plain, blurred, strict=True):
        assert max(darkest(before, box) for box in SCORES) < 60
        assert min(darkest(after, box) for box in (SURE, UNSURE)) > 100
        assert darkest(after, MISTAKEN) < 60  # such as a pattern on the wall


@pytest.mark.parametrize(
    ("hides", "min_confidence", "hidden"),
    [
        (True, 0.9, [SURE, UNSURE]),
        (True, 0.05, [SURE, UNSURE, MISTAKEN]),  # whoever counts is hidden
        (False, 0.9, [SURE]),
        (False, 0.05, [SURE, UNSURE, MISTAKEN]),
    ],
)
def test_what_is_hidden_does_not_depend_on_what_counts(
    hides: bool, min_confidence: float, hidden: list[tuple[int, ...]]
) -> None:
    settings = AnalysisSettings(min_confidence=min_confidence, detect_every_frame=hides)
    analyzer = OfflineAnalyzer(Unsure(), PaintedFaceClassifier(), settings)
    frames = list(analyzer.analyze(SOURCE.frames()))
    counted: list[F32] = [frame.faces.boxes for frame in frames if frame.fresh]
    for frame in frames:
        np.testing.assert_array_equal(frame.all_boxes, np.array(hidden, np.float32))
    assert len(counted[-1]) == sum(score >= min_confidence for score in SCORES.values())


def test_the_threshold_is_below_what_counts_by_default() -> None:
    assert AnalysisSettings().min_confidence > HIDE_FROM_CONFIDENCE
