"""The settings of the stages that make the figures, from what users choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.errors import MoodstreamError
from moodstream.trackers.smoothing import SmoothingSettings

Aggregation = Literal["em", "mean"]
"""How people are summed into the group: by prior adaptation (EM) or plain weighted averages."""


@dataclass(frozen=True)
class StageSettings:
    """The settings of the stages that make the figures.

    Attributes:
        analysis: How faces are detected and classified.
        smoothing: How the predictions for each person are averaged over time.
        group: How people are summed into the group.
    """

    analysis: AnalysisSettings
    smoothing: SmoothingSettings
    group: GroupSettings


def prior_people(aggregation: Aggregation) -> float | None:
    """``GroupSettings.prior_people`` for a way to sum people; raises MoodstreamError if unknown."""
    if aggregation not in ("em", "mean"):
        raise MoodstreamError(f"expected aggregation em or mean, got {aggregation!r}")
    return GroupSettings.prior_people if aggregation == "em" else None


def stage_settings(
    *,
    window: float = 5.0,
    smoothing: float = 0.5,
    min_face: float = 10.0,
    min_confidence: float = 0.5,
    max_faces: int = 40,
    shift_threshold: float = 0.10,
    aggregation: Aggregation = "em",
) -> StageSettings:
    """The settings for these choices, whose defaults are those of the command line.

    Args:
        window: Seconds that the group distribution sums over.
        smoothing: Time constant of each person's estimate in seconds; 0 for none.
        min_face: The smaller side in px from which a face counts.
        min_confidence: The score from which a detection counts, 0 to 1.
        max_faces: How many faces of a frame count at most.
        shift_threshold: JSD in nats between neighbouring windows at which a mood shift begins.
        aggregation: ``em`` or ``mean``.

    Raises:
        MoodstreamError: A figure is out of its range.
    """
    try:
        return StageSettings(
            AnalysisSettings(min_face=min_face, min_confidence=min_confidence, max_faces=max_faces),
            SmoothingSettings(tau=smoothing),
            GroupSettings(
                window=window,
                shift_on=shift_threshold,
                shift_off=shift_threshold / 2,
                prior_people=prior_people(aggregation),
            ),
        )
    except (TypeError, ValueError) as error:
        raise MoodstreamError(str(error)) from None
