"""Pictures of the source at its key moments, for the report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from moodstream.overlays.boxes import draw_boxes
from moodstream.overlays.privacy import blur_faces
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.arrays import F32, I64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.small_faces import detect_closely
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.jpeg import encode_jpeg
from moodstream.realtime.outputs.report.formatting import clock
from moodstream.realtime.outputs.schemas import BOX, PROBS, ShiftEvent, Summary
from moodstream.realtime.privacy import HIDE_FROM_CONFIDENCE
from moodstream.realtime.sources.files import FileSource

MAX_STILLS = 8
_WIDTH_PX = 480
_AFTER_SHIFT_S = 0.5


@dataclass(frozen=True)
class KeyStill:
    """A picture for the report.

    Attributes:
        t: Seconds of media time.
        caption: One line.
        jpeg: The encoded picture.
    """

    t: float
    caption: str
    jpeg: bytes


def still_times(summary: Summary, events: list[ShiftEvent]) -> list[tuple[float, str]]:
    """Times with a caption: the middle of each part, and just after each mood shift."""
    times = [
        ((part["start"] + part["end"]) / 2, f"mostly {part['dominant']}")
        for part in summary["mood"]["parts"]
        if part["dominant"]
    ]
    biggest = sorted(events, key=lambda e: -e["size"])[: max(0, MAX_STILLS - len(times))]
    times += [(e["t"] + _AFTER_SHIFT_S, f"{e['from']} → {e['to']}") for e in biggest]
    return sorted(times[:MAX_STILLS])


def key_stills(
    source: FileSource,
    folder: Path,
    summary: Summary,
    events: list[ShiftEvent],
    hide_by: FaceDetector | None = None,
) -> list[KeyStill]:
    """The source's pictures at its key moments, with boxes from people.parquet, as small JPEGs.

    Args:
        source: The video.
        folder: Its results.
        summary: Its summary, for the moods by part.
        events: Its mood shifts.
        hide_by: Detects the faces to hide in each picture besides those of people.parquet; None
            to show faces.
    """
    stills = []
    for t, mood in still_times(summary, events):
        image = source.frame_at(t)
        if image is None:
            continue
        boxes, probs, ids, labels = people_at(folder, t)
        if hide_by is not None:
            all_boxes = detect_closely(hide_by, image, HIDE_FROM_CONFIDENCE).boxes
            image = np.asarray(blur_faces(image, np.vstack([boxes, all_boxes])), np.uint8)
        jpeg = encode_jpeg(_still(image, boxes, probs, ids, labels), "report")
        stills.append(KeyStill(t, f"{clock(t)} {mood}", jpeg))
    return stills


def people_at(folder: Path, t: float) -> tuple[F32, F32, I64, I64]:
    """Boxes (N, 4), probabilities (N, 7), ids (N,) and labels (N,) at or before ``t``.

    A label is an index into EMOTIONS, -1 where nothing is known.
    """
    import pyarrow.parquet as pq

    # by the number of the step: its time in floats may lie on either side of a whole step
    step = math.floor(t / ROW_INTERVAL_S + 1e-6)
    near = [("t", ">", (step - 0.5) * ROW_INTERVAL_S), ("t", "<", (step + 0.5) * ROW_INTERVAL_S)]
    table = pq.read_table(folder / layout.PEOPLE, filters=near)

    def columns(names: tuple[str, ...]) -> F32:
        values = [table[n].to_numpy().astype(np.float32) for n in names]
        return np.stack(values, 1) if len(table) else np.zeros((0, len(names)), np.float32)

    ids = table["track_id"].to_numpy().astype(np.int64)
    words = table["label"].to_pylist()
    labels = np.array([-1 if word is None else EMOTIONS.index(word) for word in words], np.int64)
    return columns(BOX), columns(PROBS), ids, labels


def _still(image: Image, boxes: F32, probs: F32, ids: I64, labels: I64) -> Image:
    scale = min(1.0, _WIDTH_PX / image.shape[1])
    small = np.asarray(cv2.resize(image, None, None, scale, scale, cv2.INTER_AREA), np.uint8)
    full_quality = np.ones(len(boxes), np.float32)
    draw_boxes(small, boxes * np.float32(scale), ids, probs, full_quality, EMOTIONS, labels)
    return small
