"""A peer's loop over the frames of the clip; runs in its own environment, which has OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2


def over(clip: str, faces_in: Callable[[Any], int]) -> Callable[[int], dict[str, Any]]:
    """What ``serve`` asks for: ``faces_in`` of every BGR frame, and how many faces it read."""

    def once(frames: int) -> dict[str, Any]:
        capture, done, faces = cv2.VideoCapture(clip), 0, 0
        while not frames or done < frames:
            ok, image = capture.read()
            if not ok:
                break
            faces += faces_in(image)
            done += 1
        capture.release()
        return {"frames": done, "looks": done, "faces": faces}

    return once
