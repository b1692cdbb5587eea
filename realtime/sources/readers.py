"""Readers of live sources by their description."""

from __future__ import annotations

from moodstream.realtime.sources.base import LiveReader, OpenSettings, ReaderWatchdog, SourceSpec
from moodstream.realtime.sources.playback import FileReader


def open_reader(spec: SourceSpec, settings: OpenSettings, watchdog: ReaderWatchdog) -> LiveReader:
    """Open a live source.

    Args:
        spec: The source.
        settings: How it is opened and read.
        watchdog: Ends what the reader waits for, when its owner orders it to stop.

    Raises:
        SourceGoneError: It does not answer; trying again may help.
        SourceRefusedError: It will not work like this.
    """
    if spec.kind == "file":
        return FileReader(spec, settings, watchdog)
    if spec.kind == "camera":
        from moodstream.realtime.sources.camera import CameraReader

        return CameraReader(spec, settings, watchdog)
    from moodstream.realtime.sources.network import NetworkReader

    return NetworkReader(spec, settings, watchdog)
