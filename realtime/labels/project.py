"""A Label Studio project of a folder of pictures, with the predictions of networks to correct."""

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
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.labels import coco, label_studio, sampling
from moodstream.realtime.labels.json_entries import write_json
from moodstream.realtime.labels.record import FACE, LabelledPicture
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.small_faces import detect_closely
from moodstream.realtime.outputs.folders import finished
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

TASKS, CONFIG = "tasks.json", "labelling_config.xml"
OUTPUTS = (TASKS, CONFIG)
READ_OUTPUTS = tuple(f"{part}.json" for part in sampling.SPLITS)
NO_FACE = "no face"
_FACE_COLOUR = "#222222"  # of a face without an emotion


@dataclass(frozen=True)
class Proposal:
    """The predictions of networks for one picture.

    Attributes:
        picture: Boxes with emotions.
        scores: (N,) float32, the detector's confidence × the probability of the emotion named.
        bin: Quality of its median face, one of ``QUALITY_BINS``, or NO_FACE.
    """

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
    """Detect and classify the faces of pictures, one picture at a time.

    Pictures are named from the folder's own name on, because Label Studio addresses files below
    its document root, which is then the folder above.

    Args:
        files: The pictures.
        folder: In which all of them lie.
        detector: Detects faces.
        classifier: Predicts their emotions.
        min_confidence: Of detections.
        on_progress: Called after each picture.

    Returns:
        A proposal for each picture; name and reason of each picture that cannot be read.

    Raises:
        MoodstreamError: None can be read.
    """
    root = PurePosixPath(folder.resolve().name)
    proposals, skipped = [], []
    for i, file in enumerate(files):
        name = str(root / file.relative_to(folder).as_posix())
        try:
            image = read_picture(file)
            proposals.append(_proposal(image, name, detector, classifier, min_confidence))
        except UnreadableImageError as error:
            skipped.append((name, str(error)))
        on_progress("reading pictures", i + 1, len(files))
    if not proposals:
        raise MoodstreamError(f"{folder}: none of its pictures can be read ({skipped[-1][1]})")
    return proposals, skipped


def _proposal(
    image: Image,
    name: str,
    detector: FaceDetector,
    classifier: EmotionClassifier,
    min_confidence: float,
) -> Proposal:
    faces = detect_closely(detector, image, min_confidence)
    predictions = classifier.classify([image], [faces.boxes])
    probs = fold_to(predictions.probs, classifier.classes, EMOTIONS)
    emotions = probs.argmax(axis=1) if len(probs) else []
    height, width = image.shape[:2]
    picture = LabelledPicture(
        name,
        faces.boxes,
        tuple(EMOTIONS[k] for k in emotions),
        np.zeros(len(faces), bool),
        (width, height),
    )
    scores = faces.scores * probs.max(axis=1, initial=0)
    return Proposal(picture, scores.astype(np.float32), quality_bin(image, faces.boxes))


def quality_bin(image: Image, boxes: F32) -> str:
    """The bin of the median face of a picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) xyxy px of its faces.

    Returns:
        One of ``QUALITY_BINS``, or NO_FACE without faces.
    """
    if not len(boxes):
        return NO_FACE
    sides, blurs = quality.sides_and_blurs(image, boxes)
    return quality.QUALITY_BINS[int(np.median(quality.quality_bins(sides, blurs)))]


def tasks(
    proposals: Sequence[Proposal], version: str, sample: int | None = None, seed: int = 42
) -> list[dict[str, Any]]:
    """Label Studio's tasks: the pictures, their split and bin, and the proposals to correct.

    Args:
        proposals: Of all pictures.
        version: Name of the networks.
        sample: Size of a sample with the bins of quality as equal as can be, which then is
            split; None for all pictures.
        seed: Of sample and split.
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
    """Write OUTPUTS.

    Args:
        folder: An existing folder.
        made: The tasks.
        colours: Of each of EMOTIONS, as #rrggbb.
    """
    with finished(folder / CONFIG) as part:
        kinds = [(name, colours[name]) for name in EMOTIONS]
        part.write_text(label_studio.config([*kinds, (FACE, _FACE_COLOUR)]), encoding="utf-8")
    with finished(folder / TASKS) as part:
        write_json(part, made)


@dataclass(frozen=True)
class Export:
    """An export of Label Studio.

    Attributes:
        parts: The pictures that people have labelled, by train, val and test.
    """

    parts: Mapping[str, list[LabelledPicture]]

    def counts(self, part: str) -> Counter[str]:
        """The labelled faces of a part by emotion."""
        return Counter(kind or FACE for one in self.parts[part] for kind in one.classes)


def read_export(path: Path) -> Export:
    """The labelled pictures of Label Studio's export, by the split that ``tasks`` gave them.

    Raises:
        MoodstreamError: It is malformed, or no task was labelled.
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
