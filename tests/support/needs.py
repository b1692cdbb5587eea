"""What some tests need of the machine: how to tell, and how to get it."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own Python: the one that has gi."""

_GSTREAMER = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert Gst.ElementFactory.find("rtph264pay") and Gst.ElementFactory.find("h264parse")
"""
_RTSP_PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly}"


def _no_browser() -> str | None:
    if CHROMIUM is None:
        return "needs Chromium (apt-get install chromium)"
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright (pip install playwright)"
    return None


def _no_screen() -> str | None:
    if shutil.which("Xvfb") and shutil.which("xdotool"):
        return None
    return "needs Xvfb and xdotool (apt-get install xvfb xdotool)"


@functools.cache
def _no_rtsp() -> str | None:
    try:
        command = [SYSTEM_PYTHON, "-c", _GSTREAMER]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    else:
        said = (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else ""
    return f"needs an RTSP server (apt-get install {_RTSP_PACKAGES}): {said}" if said else None


_MISSING: dict[str, Callable[[], str | None]] = {
    "browser": _no_browser,
    "screen": _no_screen,
    "rtsp": _no_rtsp,
}


def require(*names: str) -> None:
    """Skip the test where the machine lacks something; on CI, which has to have it, fail.

    Args:
        names: ``browser``, ``screen`` or ``rtsp``.
    """
    for name in names:
        if reason := _MISSING[name]():
            if os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
