"""The fer package in a loop over the frames, as its read-me shows it, with its own networks."""

from __future__ import annotations

import argparse

from clip import over
from fer.fer import FER
from serve import serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", required=True)
    parser.add_argument("--mtcnn", action="store_true")
    args = parser.parse_args()
    recogniser = FER(mtcnn=args.mtcnn)
    serve(over(args.clip, lambda image: len(recogniser.detect_emotions(image))))


if __name__ == "__main__":
    main()
