"""Fakes and contract checks for the tests of what plugs into moodstream, and for our own.

A ``ScriptedSource`` paints people at known places with known emotions; ``PaintedFaceDetector``
and ``PaintedFaceClassifier`` recognise exactly these, through any video codec. ``ScriptedDetector``
and ``ScriptedClassifier`` answer by a script. ``check_detector`` and ``check_classifier`` check an
implementation against its protocol.
"""

from __future__ import annotations

from moodstream.testing.contracts import ContractError, check_classifier, check_detector
from moodstream.testing.networks import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    ScriptedClassifier,
    ScriptedDetector,
)
from moodstream.testing.source import Person, ScriptedSource, paint_face

__all__ = [
    "ContractError",
    "PaintedFaceClassifier",
    "PaintedFaceDetector",
    "Person",
    "ScriptedClassifier",
    "ScriptedDetector",
    "ScriptedSource",
    "check_classifier",
    "check_detector",
    "paint_face",
]
