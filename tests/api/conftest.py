"""A clip of two painted people, the pipeline that sees them, and its results."""

from __future__ import annotations

from pathlib import Path

import pytest

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.testing import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    Person,
    ScriptedSource,
)


@pytest.fixture(scope="package")
def two_people() -> tuple[Person, Person]:
    """A happy face, and from 1 s on a sad one."""
    return Person((20, 20, 90, 100), "happy"), Person((180, 40, 250, 120), "sad", start=1.0)


@pytest.fixture(scope="package")
def made() -> Pipeline:
    """A pipeline that recognises painted faces."""
    return Pipeline(detector=PaintedFaceDetector(), classifiers=PaintedFaceClassifier())


@pytest.fixture(scope="package")
def clip(two_people: tuple[Person, Person], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of the two people, 3 s long."""
    path = tmp_path_factory.mktemp("clip") / "two.mp4"
    return ScriptedSource(two_people, seconds=3).write(path)


@pytest.fixture(scope="package")
def result(clip: Path, made: Pipeline) -> moodstream.Results:
    """The results of the clip."""
    return moodstream.analyze(clip, pipeline=made)
