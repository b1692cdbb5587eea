"""Descriptions of sources from what users type."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.redact import redact

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp")

_HOST = re.compile(r"[^:]+(:\d+)?|\[[0-9A-Fa-f:.%]+\](:\d+)?")


def parse_source(text: str) -> SourceSpec:
    """Parse the number or device path of a camera, an address, or the path of a file.

    Raises:
        MoodstreamError: It is none of these.
    """
    if text.isascii() and text.isdigit():
        return SourceSpec("camera", int(text), f"camera {int(text)}")
    if text.startswith("/dev/"):
        return SourceSpec("camera", text, text)
    scheme, mark, rest = text.partition("://")
    if mark:
        return _parse_address(scheme.lower(), rest, text)
    path = Path(text)
    if path.is_dir():
        raise MoodstreamError(f"{redact(text)}: is a folder, not a video file")
    if not path.exists():
        raise MoodstreamError(f"{redact(text)}: no such file, camera or address")
    return SourceSpec("file", text, path.name)


def _parse_address(scheme: str, typed: str, text: str) -> SourceSpec:
    if scheme not in SCHEMES:
        shown = scheme if re.fullmatch(r"[a-z0-9+.-]+", scheme) else "this"
        raise MoodstreamError(f"{shown}: unknown kind of address; known: {', '.join(SCHEMES)}")
    user, rest = _split_user(typed)
    if not re.match(r"[^/?#:]", rest):
        raise MoodstreamError(f"{redact(text)}: there is no host in this address")
    address = f"{scheme}://{_encoded(user)}@{rest}" if user else f"{scheme}://{rest}"
    shown = redact(f"{scheme}://{typed}").removesuffix("?***").rstrip("/")
    return SourceSpec("network", address, shown.replace("***@", "") if user else shown)


def _split_user(typed: str) -> tuple[str, str]:
    """User and password, and the rest, of what stands after ``://``."""
    authority = re.split(r"[/?#]", typed, maxsplit=1)[0]
    if "@" in authority:
        end = authority.rindex("@")
    elif "@" in typed and not _HOST.fullmatch(authority):
        end = typed.rindex("@")  # a password with / ? or # in it, as people type it
    else:
        return "", typed
    return typed[:end], typed[end + 1 :]


def _encoded(user: str) -> str:
    """Percent-encode odd characters: FFmpeg takes them for the end of the host."""
    percent = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", user)
    return quote(percent, safe=":%!$&'()*+,;=~")
