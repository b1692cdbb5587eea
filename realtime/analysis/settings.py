"""The settings of the stages that make the figures, from what users choose."""

from __future__ import annotations

from dataclasses import dataclass

from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.errors import MoodstreamError
from moodstream.trackers.smoothing import SmoothingSettings


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


def stage_settings(
    *,
    window: float = 5.0,
    smoothing: float = 0.5,
    min_face: float = 10.0,
    min_confidence: float = 0.5,
    max_faces: int = 40,
    shift_threshold: float = 0.06,
) -> StageSettings:
    """The settings for these choices, whose defaults are those of the command line.

    Args:
        window: Seconds that the group distribution sums over.
        smoothing: Time constant of each person's estimate in seconds; 0 for none.
        min_face: The smaller side in px from which a face counts.
        min_confidence: The score from which a detection counts, 0 to 1.
        max_faces: How many faces of a frame count at most.
        shift_threshold: JSD in nats from before to after, from which a change is a mood shift.

    Raises:
        MoodstreamError: A figure is out of its range.
    """
    try:
        return StageSettings(
            AnalysisSettings(min_face=min_face, min_confidence=min_confidence, max_faces=max_faces),
            SmoothingSettings(tau=smoothing),
            GroupSettings(
                window=window,
                shift_size=shift_threshold,
            ),
        )
    except (TypeError, ValueError) as error:
        raise MoodstreamError(str(error)) from None
