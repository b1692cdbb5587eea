"""The fer package in a loop over the frames, as its read-me shows it, with its own networks."""

from __future__ import annotations

import argparse
from typing import Any

import cv2
from fer.fer import FER
from serve import serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", required=True)
    parser.add_argument("--mtcnn", action="store_true")
    args = parser.parse_args()
    recogniser = FER(mtcnn=args.mtcnn)

    def once(frames: int) -> dict[str, Any]:
        capture, done, faces = cv2.VideoCapture(args.clip), 0, 0
        while not frames or done < frames:
            ok, image = capture.read()
            if not ok:
                break
            faces += len(recogniser.detect_emotions(image))
            done += 1
        capture.release()
        return {"frames": done, "looks": done, "faces": faces}

    serve(once)


if __name__ == "__main__":
    main()
