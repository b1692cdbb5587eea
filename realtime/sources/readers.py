"""A source's description in, its reader out."""

from __future__ import annotations

from moodstream.realtime.sources.base import LiveReader, OpenSettings, ReaderWatchdog, SourceSpec
from moodstream.realtime.sources.playback import FileReader


def open_reader(spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog) -> LiveReader:
    """Open a source; it gives up what it waits for when ``control`` says so.

    Raises SourceGone where trying again may help, SourceRefused where it cannot.
    """
    if spec.kind == "file":
        return FileReader(spec, settings, control)
    if spec.kind == "camera":
        from moodstream.realtime.sources.camera import CameraReader

        return CameraReader(spec, settings, control)
    from moodstream.realtime.sources.network import NetworkReader

    return NetworkReader(spec, settings, control)
