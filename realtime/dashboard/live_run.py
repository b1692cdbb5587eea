"""One live run of one browser session, with what its page shows of the last minutes."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, cast

from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.arrays import Image
from moodstream.realtime.dashboard.browser_source import BROWSER, FrameSlot
from moodstream.realtime.dashboard.schemas import HistoryPoint, LiveRunState, LiveShift
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.server.broadcaster import Broadcaster, Picture
from moodstream.realtime.outputs.server.schemas import GroupFigures, StreamState
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.state import stream_state
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings, Opener
from moodstream.realtime.sources.readers import open_reader
from moodstream.realtime.threads import OwnedThread
from moodstream.trackers.smoothing import SmoothingSettings

HISTORY_S = 300.0
"""Seconds of the group that are kept for the chart."""

_TICK_INTERVAL_S = 0.25
_CHART_INTERVAL_S = 1.0  # between two points of the chart
_MAX_SHIFTS = 12
_CAMERA_PERMISSION_S = 30.0  # in which somebody allows their camera
_OPEN_TIMEOUT_S = 5.0  # of every other source


@dataclass(frozen=True)
class LiveTuning:
    """What can be changed while a run goes on.

    Attributes:
        window: Seconds that are summed up.
        smoothing: Time constant of each person's smoothing, in seconds.
    """

    window: float = GroupSettings.window
    smoothing: float = SmoothingSettings.tau


class LiveRun:
    """Runs one source until ``stop``, its end or an error; a thread of its own supervises it.

    Args:
        spec: The source.
        models: The networks.
        privacy: What may be shown; ``set_privacy`` changes it.
        tuning: Window and smoothing; the attribute ``tuning`` can be set at any time.
        slot: Holds what a browser sends, None for every other source.
        opener: Opens every other source.
    """

    def __init__(
        self,
        spec: SourceSpec,
        models: Models,
        privacy: Privacy,
        tuning: LiveTuning,
        slot: FrameSlot | None = None,
        opener: Opener = open_reader,
    ) -> None:
        self.slot, self.tuning = slot, tuning
        self.broadcaster = Broadcaster([spec.name])
        self.problem: str | None = None
        self._first_shown = 1  # number of the first picture that may be shown
        self._history: deque[HistoryPoint] = deque(maxlen=round(HISTORY_S / _CHART_INTERVAL_S))
        self._shifts: dict[int, LiveShift] = {}  # by number
        self._lock = threading.Lock()
        self._stop = threading.Event()
        settings = LiveSettings(
            smoothing=SmoothingSettings(tau=tuning.smoothing),
            group=GroupSettings(window=tuning.window),
            capture=CaptureSettings(open_timeout=_CAMERA_PERMISSION_S if slot else _OPEN_TIMEOUT_S),
            privacy=privacy,
        )
        self.session = LiveSession(
            [spec],
            models,
            settings,
            show=self._show,
            notify=self._notify,
            opener=slot.opener() if slot else opener,
        )
        self.session.panel = False  # the page has the figures
        self._thread = OwnedThread(self._supervise, "dashboard live")

    @property
    def over(self) -> bool:
        """Whether every thread of it has ended, or was left behind."""
        return not self._thread.alive

    def start(self) -> None:
        """Start every thread."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the run.

        Args:
            timeout: Seconds to wait for its threads.

        Returns:
            Whether they have ended.
        """
        self._stop.set()
        self._thread.join(timeout)
        return self.over

    def pause(self, on: bool) -> None:
        """Pause the analysis, or go on."""
        self.session.pause(on)

    def set_privacy(self, privacy: Privacy) -> None:
        """Switch what may be shown; what was shown with less privacy is forgotten."""
        stricter = privacy.stricter_than(self.session.privacy)
        self.session.set_privacy(privacy)
        if stricter:
            newest = self.broadcaster.newest_picture(0)
            # the picture that is being painted now may still show what it may not
            self._first_shown = (newest.number if newest else 0) + 2
        if not privacy.keeps_individuals:
            with self._lock:
                self._history.clear()
                self._shifts.clear()

    def picture(self) -> Picture | None:
        """The newest picture that may be shown."""
        newest = self.broadcaster.newest_picture(0)
        return newest if newest is not None and newest.number >= self._first_shown else None

    def state(self, since: float = -1.0) -> LiveRunState:
        """All that the page shows of the run, ready for JSON.

        Args:
            since: Seconds after which points of the chart are wanted.
        """
        return {
            "privacy": self.session.privacy,
            "paused": self.session.paused.is_set(),
            "source": self._source(),
            "browser": self.slot is not None,
            "over": self.over,
            "ended": self.session.reason,
            "problem": self.problem,
            "history": [row for row in list(self._history) if (row[0] or 0.0) > since],
            "shifts": sorted(self._shifts.values(), key=lambda shift: shift["t"]),
            "window": self.tuning.window,
        }

    def _source(self) -> StreamState:
        source = stream_state(self.session, self.session.streams[0])
        if self.slot is not None:
            source["dropped"] = (source["dropped"] or 0) + self.slot.dropped
        return without_small_group(source, self.session.privacy)

    def _supervise(self) -> None:
        try:
            self.session.start()
            due = 0.0
            while not self._stop.wait(_TICK_INTERVAL_S) and self.session.tick():
                self.session.tune(self.tuning.window, self.tuning.smoothing)
                if time.monotonic() >= due:
                    due = time.monotonic() + _CHART_INTERVAL_S
                    self._add_to_history()
        except MoodstreamError as error:
            self.problem = str(error)
        except BaseException:  # reported by state()
            logging.getLogger(__name__).exception("a live run broke")
            self.problem = "the live view broke; the server's log says why"
        finally:
            self.session.stop()

    def _add_to_history(self) -> None:
        """Add what is known now to the chart."""
        with self._lock:  # or what was seen before the switch to group only would stay
            now = self._source()
            named = now["probs"]
            probs = None if named is None else [named[name] for name in EMOTIONS]
            self._history.append((now["t"], probs, now["entropy_share"], now["people"]))

    def _show(self, source: int, image: Image, t: float) -> None:
        self.broadcaster.picture(source, image)

    def _notify(self, kind: str, content: dict[str, object]) -> None:
        if kind != "shift":
            return
        with self._lock:
            # news of a shift may come after the switch to group only: whose was it?
            if self.session.privacy.keeps_individuals or self._source()["probs"] is not None:
                kept: dict[str, Any] = {name: content[name] for name in LiveShift.__annotations__}
                self._shifts.pop(kept["number"], None)
                self._shifts[kept["number"]] = cast(LiveShift, kept)
                for number in list(self._shifts)[:-_MAX_SHIFTS]:
                    del self._shifts[number]


def browser_run(models: Models, privacy: Privacy, tuning: LiveTuning) -> LiveRun:
    """A run on what a browser will send."""
    return LiveRun(BROWSER, models, privacy, tuning, FrameSlot())


def without_small_group(source: StreamState, privacy: Privacy) -> StreamState:
    """A source's state, without its figures where the people in view now are too small a group."""
    if privacy.shows_group_of(source["people"] or 0, source["effective_people"] or 0.0):
        return source
    figures = set(GroupFigures.__annotations__) - {"people"}
    return cast(StreamState, {**source, **dict.fromkeys(figures)})
