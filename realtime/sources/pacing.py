"""When packets of a stream are skipped, and when its pictures are due."""

from __future__ import annotations

_MAX_TIME_JUMP_S = 10.0  # of time stamps, from which on they count as new ones


class BacklogSkipper:
    """Decides which packets to skip while decoding is behind the stream.

    The delay of a packet is the time since the first one minus the media time since then; its
    slowly rising minimum is the delay of the stream itself. More than ``max_lag`` seconds above
    it, all but key frames are skipped until the delay is down and there is a key frame.

    Args:
        max_lag: Seconds that decoding may be behind.
    """

    _CLOCK_DRIFT = 1e-3  # share by which the clock of a camera may be slow: that is no backlog
    _MAX_SKIPPING_S = 10.0  # after which skipping has proven to be no help

    def __init__(self, max_lag: float) -> None:
        self._max_lag = max_lag
        self._first: tuple[float, float] | None = None
        self._min_lag = self._last = self._since = self._media = 0.0
        self._skipping = False

    @property
    def behind(self) -> bool:
        """Whether packets are being skipped."""
        return self._skipping

    def skip(self, now: float, media: float, key: bool) -> bool:
        """Whether to skip a packet.

        Args:
            now: Monotonic seconds at which it was read.
            media: Its time stamp in seconds.
            key: Whether it is a key frame.
        """
        if self._first is None or abs(media - self._media) > _MAX_TIME_JUMP_S:
            self._first, self._min_lag, self._skipping = (now, media), 0.0, False
            self._last = now
        self._media = media
        lag = (now - self._first[0]) - (media - self._first[1])
        drift = self._CLOCK_DRIFT * (now - self._last)
        self._min_lag = min(lag, self._min_lag + drift)
        self._last = now
        if not self._skipping and lag - self._min_lag > self._max_lag:
            self._skipping, self._since = True, now
        elif self._skipping and now - self._since > self._MAX_SKIPPING_S:
            self._min_lag = lag
        if self._skipping and key and lag - self._min_lag <= self._max_lag / 4:
            self._skipping = False
        return self._skipping and not key


class PlaybackPacer:
    """Spreads pictures that come in bursts (HLS, recordings) over time by their time stamps."""

    _MAX_LATE_S = 0.5  # more than so much late, the rest of the stream is shown later, too

    def __init__(self) -> None:
        self._zero: float | None = None  # monotonic time of media time 0

    def wait(self, now: float, media: float) -> float:
        """Seconds until the picture with time stamp ``media`` is due."""
        due_in = None if self._zero is None else self._zero + media - now
        if due_in is None or not -self._MAX_LATE_S < due_in < _MAX_TIME_JUMP_S:
            self._zero, due_in = now - media, 0.0
        return max(0.0, due_in)
