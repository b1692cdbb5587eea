"""The same people have the same distribution, as a photo, as a video of it and as a camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.arrays import F64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.images import read_picture
from moodstream.streaming import live_stream
from moodstream.testing import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    Person,
    ScriptedSource,
)

CAMERA = SourceSpec("camera", 0, "camera 0")
PEOPLE = [
    Person((20 + 90 * k, 20 + 30 * (k % 3), 80 + 86 * k, 90 + 36 * (k % 3)), emotion)
    for k, emotion in enumerate(["happy", "happy", "happy", "neutral", "happy", "sad"])
]


WINDOW_S = 1.0


class Still(ScriptedSource):
    """A camera that looks at one picture, which may be more than a painted one."""

    def __init__(self, picture: Image, seconds: float | None) -> None:
        height, width = picture.shape[:2]
        super().__init__(size=(width, height), fps=10, seconds=seconds)
        self.picture = picture

    def image(self, t: float) -> Image:
        """The same at any time."""
        return self.picture


def settled(picture: Image, pipeline: Pipeline, people: int) -> F64:
    """The distribution of a live source, once all its people were there for a whole window."""
    worker, group = AnalysisSettings(max_faces=people), GroupSettings(window=WINDOW_S)
    since: float | None = None
    settings = LiveSettings(worker, group=group)
    for frame in live_stream(CAMERA, pipeline, settings, Still(picture, None)):
        there = np.isfinite(frame.faces.probs).all(axis=1).sum() == people
        since = (frame.t if since is None else since) if there else None
        if since is not None and frame.t > since + 1.5 * WINDOW_S:
            break
    assert frame.group.probs is not None
    return frame.group.probs


def everywhere(
    picture: Image, pipeline: Pipeline, folder: Path, most: int = 40
) -> tuple[F64, F64, F64]:
    """The distribution of a picture as a photo, at the end of a video, and of a live source."""
    photo = moodstream.read_image(picture, pipeline=pipeline, max_faces=most)
    clip = Still(picture, seconds=3).write(folder / "still.mp4")
    video = moodstream.analyze(clip, pipeline=pipeline, window=WINDOW_S, max_faces=most)
    row = video.timeline.iloc[-1]
    assert photo.group.probs is not None
    in_video = np.array([row[f"p_{name}"] for name in EMOTIONS])
    return photo.group.probs, in_video, settled(picture, pipeline, photo.group.faces_used)


def test_painted_people_have_one_distribution(tmp_path: Path) -> None:
    pipeline = Pipeline(detector=PaintedFaceDetector(), classifiers=PaintedFaceClassifier(0.6))
    picture = ScriptedSource(PEOPLE, size=(640, 240)).image(0)
    photo, video, live = everywhere(picture, pipeline, tmp_path)
    np.testing.assert_allclose(video, photo, atol=0.01)
    np.testing.assert_allclose(live, photo, atol=0.01)
    assert photo[EMOTIONS.index("happy")] > 0.02 + (4 * 0.6 + 2 * 0.4 / 6) / 6  # than the mean


def test_of_a_crowd_the_same_people_count(tmp_path: Path) -> None:
    """Those whose faces are seen best, wherever there are more than may count."""
    emotions = ["happy", "sad", "angry", "neutral", "fear", "surprise"]
    sides = [28, 86, 34, 80, 31, 74]
    crowd = [
        Person((20 + 100 * k, 20, 20 + 100 * k + side, 20 + side), emotion)
        for k, (side, emotion) in enumerate(zip(sides, emotions, strict=True))
    ]
    pipeline = Pipeline(detector=PaintedFaceDetector(), classifiers=PaintedFaceClassifier(0.6))
    picture = ScriptedSource(crowd, size=(640, 120)).image(0)
    photo, video, live = everywhere(picture, pipeline, tmp_path, most=3)
    np.testing.assert_allclose(video, photo, atol=0.01)
    np.testing.assert_allclose(live, photo, atol=0.01)
    shown = [emotion for k, emotion in enumerate(emotions) if sides[k] > 70]
    assert {EMOTIONS[k] for k in photo.argsort()[-3:]} == set(shown)


def test_people_of_a_photograph_have_one_distribution(
    footage: dict[str, Path], tmp_path: Path
) -> None:
    """Frames of a video are compressed, and its faces are found at another size."""
    whole = read_picture(footage["multi_face.jpg"])
    height, width = whole.shape[:2]
    picture = whole[: height // 2 * 2, : width // 2 * 2]
    photo, video, live = everywhere(picture, Pipeline(models="embedded"), tmp_path)
    np.testing.assert_allclose(live, photo, atol=0.01)
    np.testing.assert_allclose(video, photo, atol=0.02)
