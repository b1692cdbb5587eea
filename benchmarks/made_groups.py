"""Group photos put together of labelled face crops, for `moodstream evaluate pipeline`.

    python benchmarks/made_groups.py --data expressions.npz -o GROUPS
    moodstream evaluate pipeline --data GROUPS --labels GROUPS/labels.json --models embedded

``expressions.npz`` holds ``images (N, H, W, 3) uint8 RGB`` and ``labels``, index into ``classes``.
Only odd-numbered faces are used: the networks in the package were trained on the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.synonyms import emotion_index
from moodstream.realtime.labels import coco
from moodstream.realtime.labels.record import LabelledBox, LabelledPicture, picture_of

HEIGHT, WIDTH = 480, 1280


def compose(data: Path, folder: Path, n: int, roll: float = 0.0) -> list[LabelledPicture]:
    """Write ``n`` pictures of 2 to 8 faces on a plain ground; returns their labels.

    roll: degrees by which every face is turned, one way or the other. The crops have something
    around the face, so the labelled boxes are a little smaller than they are.
    """
    rng = np.random.default_rng(42)
    archive = np.load(data)
    images, names = archive["images"][1::2], [str(name) for name in archive["classes"]]
    labels = np.array([emotion_index(names[k]) for k in archive["labels"][1::2]])
    folder.mkdir()
    pictures = []
    for i in range(n):
        canvas = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        mix, boxes = rng.dirichlet(np.full(len(EMOTIONS), 0.5)), []
        for place in range(int(rng.integers(2, 9))):
            kind = int(rng.choice(len(EMOTIONS), p=mix))
            side, y = int(rng.integers(70, 129)), int(rng.integers(60, 280))
            x = 20 + place * 155
            face = images[rng.choice(np.flatnonzero(labels == kind))][..., ::-1]
            face = turned(cv2.resize(face, (side, side)), roll * (-1) ** place)
            canvas[y : y + side, x : x + side] = face
            m = 0.12 * side
            corners = (x + m, y + m, x + side - m, y + side - m / 2)
            boxes.append(LabelledBox(corners, EMOTIONS[kind]))
        name = f"group{i:03}.png"
        cv2.imwrite(str(folder / name), canvas)
        pictures.append(picture_of(name, boxes, (WIDTH, HEIGHT)))
    return pictures


def turned(
    face: np.ndarray, degrees: float, about: tuple[float, float] | None = None
) -> np.ndarray:
    """A picture turned about (x, y) px, by default its middle; at its corners the edge repeats."""
    middle = about or (face.shape[1] / 2, face.shape[0] / 2)
    turn = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    return cv2.warpAffine(face, turn, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--roll", type=float, default=0.0, help="degrees each face is turned by")
    args = parser.parse_args()
    pictures = compose(args.data, args.output, args.groups, args.roll)
    coco.write(pictures, args.output / "labels.json")
    print(f"{len(pictures)} groups of {sum(len(each.boxes) for each in pictures)} faces")


if __name__ == "__main__":
    main()
