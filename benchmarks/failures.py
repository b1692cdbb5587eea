"""What bad pictures do to predictions, as a picture: faces of the clips, spoilt in seven ways.

    python benchmarks/failures.py -o docs/failures.jpg [--emotion NAME]

What the people show was judged by eye (title of each row); below each face is the prediction.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from made_groups import turned

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.emotions.evaluate import as_is, blurring, shrinking
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.load import load
from moodstream.realtime.networks.models import ModelSettings
from moodstream.realtime.sources.files import FileSource
from moodstream.samples.fetch import fetch

FACES = (
    ("WolfgangLanger_Pexels.mp4", 1.5, "sad"),
    ("WolfgangLanger_Pexels.mp4", 4.0, "sad"),
    ("WolfgangLanger_Pexels.mp4", 14.0, "happy"),
    ("single_face.mp4", 0.0, "neutral"),
)


def tilted(image: Image, box: F32) -> tuple[Image, F32]:
    return turned(image, 30, (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)), box


def masked(image: Image, box: F32) -> tuple[Image, F32]:
    """The lower two fifths of the face covered, as by a mask or a hand."""
    x1, y1, x2, y2 = np.rint(box).astype(int)
    image = image.copy()
    image[y1 + (y2 - y1) * 3 // 5 : y2, max(0, x1) : x2] = 200
    return image, box


def dark(image: Image, box: F32) -> tuple[Image, F32]:
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.clip(image * 0.12 + noise, 0, 255).astype(np.uint8), box


CHANGES = {
    "as it is": as_is,
    "24 px": shrinking(24),
    "16 px": shrinking(16),
    "blur 4 %": blurring(0.04),
    "blur 8 %": blurring(0.08),
    "tilted 30°": tilted,
    "mouth covered": masked,
    "dark, noisy": dark,
}


def face_at(detector: FaceDetector, path: Path, t: float) -> tuple[Image, F32]:
    """The picture at ``t`` seconds, cut around its surest face, and the face's box in it."""
    source = FileSource(path)
    image = next(f.image for f in source.frames() if f.t >= t)
    source.close()
    found = detector.detect([image], 0.5)[0]
    x1, y1, x2, y2 = np.rint(found.boxes[found.scores.argmax()]).astype(int)
    margin = (y2 - y1) // 3
    left, top = max(0, x1 - margin), max(0, y1 - margin)
    box = np.array([x1 - left, y1 - top, x2 - left, y2 - top], np.float32)
    return image[top : y2 + margin, left : x2 + margin], box


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--emotion", default="embedded")
    args = parser.parse_args()
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    networks = load(ModelSettings("embedded", emotion=args.emotion, device="cpu"))
    footage = fetch(list({name for name, _, _ in FACES}))
    size = (1.5 * len(CHANGES), 1.85 * len(FACES))
    figure, axes = plt.subplots(len(FACES), len(CHANGES), figsize=size, layout="constrained")
    for ax, what in zip(axes[0], CHANGES, strict=True):
        ax.set_title(what, fontsize=10)
    for row, (name, t, shown) in zip(axes, FACES, strict=True):
        face = face_at(networks.detector, footage[name], t)
        for ax, change in zip(row, CHANGES.values(), strict=True):
            image, box = change(*face)
            probs = networks.classifier.classify([image], [box[None]]).probs[0]
            said = EMOTIONS[int(probs.argmax())]
            x1, y1, x2, y2 = np.rint(box).astype(int).clip(0)
            ax.imshow(cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_BGR2RGB))
            ax.set_xticks([])
            ax.set_yticks([])
            color = "#1a7f37" if said == shown else "#b3261e"
            ax.set_xlabel(f"{said} {probs.max():.0%}", color=color, fontsize=10)
        row[0].set_ylabel(f"shows {shown}", fontsize=10)
    figure.savefig(args.output, dpi=80, pil_kwargs={"quality": 80})


if __name__ == "__main__":
    main()
