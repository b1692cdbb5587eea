"""What privacy hides in frames does not depend on which faces count."""

from __future__ import annotations

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.testing import PaintedFaceClassifier, PaintedFaceDetector


def test_a_face_that_is_too_unsure_to_count_is_hidden(clip, two_people):
    unsure = Pipeline(detector=PaintedFaceDetector(score=0.4), classifiers=PaintedFaceClassifier())
    x1, y1, x2, y2 = two_people[0].box

    def darkest(frame: moodstream.StreamFrame) -> int:
        """Grey level of the darkest pixel: of the painted eyes, unless they are hidden."""
        return int(frame.image[y1 + 5 : y2 - 5, x1 + 5 : x2 - 5].max(axis=2).min())

    shown = list(moodstream.stream(clip, end=1, min_confidence=0.9, pipeline=unsure))
    hidden = list(
        moodstream.stream(clip, end=1, min_confidence=0.9, privacy="blur", pipeline=unsure)
    )
    assert len(shown) == len(hidden) == 25
    assert all(len(frame.faces) == 0 for frame in hidden)
    assert max(map(darkest, shown)) < 60
    assert min(map(darkest, hidden)) > 100
