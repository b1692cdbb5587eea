"""Pictures of the moments that matter, for the report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.overlays.boxes import draw_boxes
from moodstream.overlays.privacy import blur_faces
from moodstream.realtime import layout
from moodstream.realtime.detectors.base import FaceDetector
from moodstream.realtime.frames import EMOTIONS, F32, Image
from moodstream.realtime.jpeg import encode_jpeg
from moodstream.realtime.report import KeyMoment
from moodstream.realtime.schemas import BOX, PROBS, STEP, ShiftEvent, Summary
from moodstream.realtime.sources import FileSource
from moodstream.realtime.summary import clock

MOST = 8
_WIDTH = 480
_HIDE_FROM = 0.3  # a face too many hidden is better than one too few


def moment_times(summary: Summary, events: list[ShiftEvent]) -> list[tuple[float, str]]:
    """At most ``MOST`` times with a caption: the middle of each part, and just after each shift."""
    times = [
        ((part["start"] + part["end"]) / 2, f"mostly {part['dominant']}")
        for part in summary["mood"]["parts"]
        if part["dominant"]
    ]
    biggest = sorted(events, key=lambda e: -e["size"])[: max(0, MOST - len(times))]
    times += [(e["t"] + 0.5, f"{e['from']} → {e['to']}") for e in biggest]
    return sorted(times[:MOST])


def key_moments(
    source: FileSource,
    folder: Path,
    summary: Summary,
    events: list[ShiftEvent],
    hide_by: FaceDetector | None = None,
) -> list[KeyMoment]:
    """The source's pictures at the key moments, with boxes from people.parquet, as small JPEGs.

    ``hide_by`` finds the faces to hide in each picture, besides those that were followed.
    """
    found = []
    for t, mood in moment_times(summary, events):
        image = source.frame_at(t)
        if image is None:
            continue
        boxes, probs, ids = people_at(folder, t)
        if hide_by is not None:
            spotted = hide_by.detect([image], _HIDE_FROM)[0].boxes
            image = np.asarray(blur_faces(image, np.vstack([boxes, spotted])), np.uint8)
        jpeg = encode_jpeg(_still(image, boxes, probs, ids), "report")
        found.append(KeyMoment(t, f"{clock(t)} {mood}", jpeg))
    return found


def people_at(folder: Path, t: float) -> tuple[F32, F32, Any]:
    """Boxes (N, 4), probabilities (N, 7) and ids (N,) of the step at or before ``t``."""
    import pyarrow.parquet as pq

    # by the number of the step: its time in floats may lie on either side of a whole step
    step = math.floor(t / STEP + 1e-6)
    near = [("t", ">", (step - 0.5) * STEP), ("t", "<", (step + 0.5) * STEP)]
    table = pq.read_table(folder / layout.PEOPLE, filters=near)

    def columns(names: tuple[str, ...]) -> F32:
        values = [table[n].to_numpy().astype(np.float32) for n in names]
        return np.stack(values, 1) if len(table) else np.zeros((0, len(names)), np.float32)

    ids = table["track_id"].to_numpy().astype(np.int64)
    return columns(BOX), columns(PROBS), ids


def _still(image: Image, boxes: F32, probs: F32, ids: Any) -> Image:
    scale = min(1.0, _WIDTH / image.shape[1])
    small = np.asarray(cv2.resize(image, None, None, scale, scale, cv2.INTER_AREA), np.uint8)
    sure = np.ones(len(boxes), np.float32)
    draw_boxes(small, boxes * np.float32(scale), ids, probs, sure, EMOTIONS)
    return small
