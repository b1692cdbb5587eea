"""Settings are refused where they make no sense, NaN among them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.analysis.settings import stage_settings
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.sources.base import OpenSettings
from moodstream.realtime.sources.capture import CaptureSettings
from moodstream.trackers.faces import TrackerSettings
from moodstream.trackers.smoothing import SmoothingSettings

SETTINGS = (
    AnalysisSettings(),
    GroupSettings(),
    SmoothingSettings(),
    TrackerSettings(),
    OpenSettings(),
    CaptureSettings(),
)
NUMBERS = [
    pytest.param(settings, field.name, id=f"{type(settings).__name__}.{field.name}")
    for settings in SETTINGS
    for field in fields(settings)
    if isinstance(getattr(settings, field.name), float)
]


@pytest.mark.parametrize(("settings", "name"), NUMBERS)
@pytest.mark.parametrize("wrong", [float("nan"), -1.0])
def test_no_number_may_be_negative_or_nan(settings: Any, name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=r"expected .*got"):
        replace(settings, **{name: wrong})


@pytest.mark.parametrize(
    "choice",
    [
        {"window": 0.0},
        {"window": float("nan")},
        {"smoothing": -0.1},
        {"min_confidence": 1.1},
        {"max_faces": 0},
        {"shift_threshold": float("nan")},
        {"window": "5"},
    ],
)
def test_what_a_user_chooses_wrongly_is_one_line(choice: dict[str, Any]) -> None:
    with pytest.raises(MoodstreamError) as raised:
        stage_settings(**choice)
    assert "\n" not in str(raised.value)


def test_the_choices_arrive_where_they_belong() -> None:
    stages = stage_settings(window=3.0, smoothing=0.2, max_faces=7, shift_threshold=0.2)
    assert (stages.group.window, stages.smoothing.tau, stages.analysis.max_faces) == (3.0, 0.2, 7)
    assert stages.group.shift_size == 0.2
