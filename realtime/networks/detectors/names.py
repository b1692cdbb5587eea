"""The detectors that can be asked for by name."""

from __future__ import annotations

NAMES = (
    "centerface",
    "haar",
    "yolov8n-face",
    "yolov8s-face",
    "yolov8m-face",
    "yolov8l-face",
)
"""The detectors that can be asked for by name."""
