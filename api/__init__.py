"""Group emotion from videos, cameras and pictures.

Ten lines of Python do what the command line does::

    import moodstream

    result = moodstream.analyze("talk.mp4")
    print(result.timeline[["t", "dominant", "people"]])
    print(result.events)

    for frame in moodstream.stream(0):
        print(frame.t, len(frame.faces), frame.group.dominant)

    faces = moodstream.read_image("group.jpg")
    print(faces.table()[["label", "confidence", "quality"]])

``Pipeline`` puts networks, filters and votes of your own in place of the usual ones. See
``docs/python.md``. Nothing heavy is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moodstream.analyzing import analyze
    from moodstream.images import ImageFaces, read_image
    from moodstream.pipelines import Pipeline
    from moodstream.realtime.analysis.group.shifts import MoodShift
    from moodstream.realtime.emotions import EMOTIONS
    from moodstream.realtime.errors import MoodstreamError
    from moodstream.realtime.frames import Detections, EmotionPredictions, Faces, GroupState
    from moodstream.realtime.networks.classifiers.base import EmotionClassifier
    from moodstream.realtime.networks.classifiers.ensemble import Vote
    from moodstream.realtime.networks.classifiers.face_preprocessing import FaceTransform
    from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter
    from moodstream.results import Results, open_results
    from moodstream.stream_frames import Stream, StreamFrame
    from moodstream.streaming import stream

    __version__: str

__all__ = [
    "EMOTIONS",
    "Detections",
    "EmotionClassifier",
    "EmotionPredictions",
    "FaceDetector",
    "FaceFilter",
    "FaceTransform",
    "Faces",
    "GroupState",
    "ImageFaces",
    "MoodShift",
    "MoodstreamError",
    "Pipeline",
    "Results",
    "Stream",
    "StreamFrame",
    "Vote",
    "__version__",
    "analyze",
    "open_results",
    "read_image",
    "stream",
]

_MODULES = {
    "Detections": "moodstream.realtime.frames",
    "EMOTIONS": "moodstream.realtime.emotions",
    "EmotionClassifier": "moodstream.realtime.networks.classifiers.base",
    "EmotionPredictions": "moodstream.realtime.frames",
    "FaceDetector": "moodstream.realtime.networks.detectors.base",
    "FaceFilter": "moodstream.realtime.networks.detectors.base",
    "FaceTransform": "moodstream.realtime.networks.classifiers.face_preprocessing",
    "Faces": "moodstream.realtime.frames",
    "GroupState": "moodstream.realtime.frames",
    "ImageFaces": "moodstream.images",
    "MoodShift": "moodstream.realtime.analysis.group.shifts",
    "MoodstreamError": "moodstream.realtime.errors",
    "Pipeline": "moodstream.pipelines",
    "Results": "moodstream.results",
    "Stream": "moodstream.stream_frames",
    "StreamFrame": "moodstream.stream_frames",
    "Vote": "moodstream.realtime.networks.classifiers.ensemble",
    "analyze": "moodstream.analyzing",
    "open_results": "moodstream.results",
    "read_image": "moodstream.images",
    "stream": "moodstream.streaming",
}

if not TYPE_CHECKING:  # type checkers see the imports above, and tell of names that are not there

    def __getattr__(name: str) -> Any:
        """Import what is asked for when it is asked for."""
        if name == "__version__":
            value = _version()
        elif name in _MODULES:
            from importlib import import_module

            value = getattr(import_module(_MODULES[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("moodstream")
    except PackageNotFoundError:  # the source tree on the path, not installed
        return "0+unknown"
