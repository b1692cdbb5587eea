"""A stream whose camera is covered: its frames come on, with nobody in them, and say why."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream import StreamFrame
from moodstream.pipelines import Pipeline
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.streaming import live_stream
from moodstream.testing import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    Person,
    ScriptedSource,
)

CAMERA = SourceSpec("camera", 0, "camera 0")


class NearlyBlack(ScriptedSource):
    """Its black pictures still show a little."""

    def image(self, t):
        return np.maximum(super().image(t), 3)


@pytest.mark.parametrize("privacy", list(Privacy))
def test_black_frames_are_yielded_with_a_notice(privacy):
    source = NearlyBlack([Person((20, 20, 90, 100))], seconds=None, black=[(1.0, np.inf)])
    made = Pipeline(detector=PaintedFaceDetector(), classifiers=PaintedFaceClassifier())
    people: list[StreamFrame] = []
    black: list[StreamFrame] = []
    with live_stream(CAMERA, made, LiveSettings(privacy=privacy), source) as stream:
        for frame in stream:
            (people if frame.notice is None else black).append(frame)
            if len(black) > 3:
                break
    assert people
    (notice,) = {frame.notice for frame in black}
    assert notice.startswith("black picture since 0:")
    for frame in black:
        assert len(frame.faces) == frame.group.people == 0
        assert frame.distribution is None
        assert frame.image.max() == (0 if privacy.hides_faces else 3)  # nobody looked for faces
        assert frame.draw().max() > 100  # the notice
