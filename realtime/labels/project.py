"""A Label Studio project of a folder of pictures, with what the networks propose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError, UnreadableError
from moodstream.realtime.labels import coco, label_studio, sampling
from moodstream.realtime.labels.json_entries import write_json
from moodstream.realtime.labels.record import FACE, LabelledPicture
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.outputs.folders import finished
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

TASKS, CONFIG = "tasks.json", "labelling_config.xml"
OUTPUTS = (TASKS, CONFIG)
READ_OUTPUTS = tuple(f"{part}.json" for part in sampling.SPLITS)
NONE = "no face"
BINS = ("high", "mid", "low")
"""The seed's bins of face quality, best first; a picture is in that of its median face."""

_HIGH, _MID = (48.0, 100.0), (24.0, 50.0)  # px of the smaller side, variance of the Laplacian


@dataclass(frozen=True)
class Proposal:
    """What the networks say of one picture: boxes with emotions, scores (N,), and its bin."""

    picture: LabelledPicture
    scores: F32
    bin: str


def propose(
    files: Sequence[Path],
    folder: Path,
    detector: FaceDetector,
    classifier: EmotionClassifier,
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> tuple[list[Proposal], list[tuple[str, str]]]:
    """Read every picture, one at a time; also those that cannot be read, and why.

    Pictures are named from the folder's own name on, because Label Studio addresses files below
    its document root, which is then the folder above. A face's score is the detector's
    confidence × the probability of the emotion named. Raises MoodstreamError where none can be
    read.
    """
    root = PurePosixPath(folder.resolve().name)
    found, skipped = [], []
    for i, file in enumerate(files):
        name = str(root / file.relative_to(folder).as_posix())
        try:
            found.append(_proposal(read_picture(file), name, detector, classifier, min_confidence))
        except UnreadableError as error:
            skipped.append((name, str(error)))
        on_progress("reading pictures", i + 1, len(files))
    if not found:
        raise MoodstreamError(f"{folder}: none of its pictures can be read ({skipped[-1][1]})")
    return found, skipped


def _proposal(
    image: Image,
    name: str,
    detector: FaceDetector,
    classifier: EmotionClassifier,
    min_confidence: float,
) -> Proposal:
    faces = detector.detect([image], min_confidence)[0]
    read = classifier.classify([image], [faces.boxes])
    probs = fold_to(read.probs, classifier.classes, EMOTIONS)
    said = probs.argmax(axis=1) if len(probs) else []
    height, width = image.shape[:2]
    picture = LabelledPicture(
        name,
        faces.boxes,
        tuple(EMOTIONS[k] for k in said),
        np.zeros(len(faces), bool),
        (width, height),
    )
    scores = faces.scores * probs.max(axis=1, initial=0)
    return Proposal(picture, scores.astype(np.float32), quality_bin(image, faces.boxes))


def quality_bin(image: Image, boxes: F32) -> str:
    """The seed's bin of a picture's median face, one of BINS, or NONE without faces."""
    if not len(boxes):
        return NONE
    height, width = image.shape[:2]
    corners = np.clip(np.rint(boxes), 0, [width, height, width, height]).astype(int)
    blurs = [quality.blur_score(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in corners]
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    places = [_bin(float(side), blur) for side, blur in zip(sides, blurs, strict=True)]
    return BINS[int(np.median(places))]


def _bin(side: float, blur: float) -> int:
    for place, (least_side, least_blur) in enumerate((_HIGH, _MID)):
        if side >= least_side and blur >= least_blur:
            return place
    return len(BINS) - 1


def tasks(
    proposals: Sequence[Proposal], version: str, sample: int | None = None, seed: int = 42
) -> list[dict[str, Any]]:
    """Label Studio's tasks: the pictures, their split and bin, and the proposals to correct.

    sample: so many pictures, as many of each quality bin as can be; the split is made of the
    sampled ones. version: what proposed.
    """
    if sample is not None:
        picked = sampling.spread([one.bin for one in proposals], sample, seed)
        proposals = [proposals[i] for i in picked]
    kinds = sampling.categories([one.picture.name for one in proposals])
    parts = sampling.split(kinds, seed)
    return [
        {
            "id": i,
            "data": {
                "image": label_studio.address(one.picture.name),
                "split": part,
                "category": kind,
                "quality": one.bin,
            },
            "predictions": [
                {
                    "model_version": version,
                    "score": round(float(one.scores.mean()), 4) if len(one.scores) else 0.0,
                    "result": label_studio.rectangles(one.picture, one.scores.tolist()),
                }
            ],
        }
        for i, (one, kind, part) in enumerate(zip(proposals, kinds, parts, strict=True), start=1)
    ]


def write(folder: Path, made: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> None:
    """Write OUTPUTS into a folder that is there; colours: of each of EMOTIONS, as #rrggbb."""
    with finished(folder / CONFIG) as part:
        kinds = [(name, colours[name]) for name in EMOTIONS]
        part.write_text(label_studio.config([*kinds, (FACE, "#222222")]), encoding="utf-8")
    with finished(folder / TASKS) as part:
        write_json(part, made)


@dataclass(frozen=True)
class Export:
    """What came back: by part of the split the pictures people labelled."""

    parts: Mapping[str, list[LabelledPicture]]

    def counts(self, part: str) -> Counter[str]:
        """The labelled faces of a part by emotion."""
        return Counter(kind or FACE for one in self.parts[part] for kind in one.classes)


def read_export(path: Path) -> Export:
    """The labelled pictures of Label Studio's export, by the split that ``tasks`` gave them.

    Raises MoodstreamError for a malformed export, or one of no labelled task.
    """
    parts: dict[str, list[LabelledPicture]] = {part: [] for part in sampling.SPLITS}
    for data, picture in label_studio.read_tasks(path):
        part = data.get("split", "train")
        if part not in parts:
            raise MoodstreamError(
                f"{path}: {picture.name}: split {part!r} is none of {list(parts)}"
            )
        parts[part].append(picture)
    if not any(parts.values()):
        raise MoodstreamError(f"{path}: no task was labelled yet")
    return Export(parts)


def write_export(folder: Path, export: Export) -> None:
    """Write train.json, val.json and test.json in COCO's format into a folder that is there."""
    for part, pictures in export.parts.items():
        with finished(folder / f"{part}.json") as file:
            coco.write(pictures, file)
