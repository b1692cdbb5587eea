"""Which sources may be opened from the page: those that the operator allowed, and no others."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.sources.addresses import SCHEMES, parse_source
from moodstream.realtime.sources.base import SourceSpec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], Sequence[Address]]
_METADATA = frozenset(
    map(
        ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
    )
)
_WILD = "*?"
_NUMBERS = re.compile(r"[\d.*?]*\d[\d.*?]*(:[\d*?]+)?")


def resolve(host: str) -> list[Address]:
    """Every address that a host name stands for; none where it cannot be resolved."""
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]


@dataclass(frozen=True)
class AllowedSources:
    """The sources that ``--allow-source`` names.

    Attributes:
        cameras: Of this machine, such as ``0`` or ``/dev/video0``.
        patterns: Of addresses, with ``*`` and ``?``. They are matched against scheme, host with
            port, and path, without user and query; one without a path allows every path.

    Example:
        >>> allowed = AllowedSources.parse(["rtsp://10.0.0.*/*"])
        >>> allowed.spec("rtsp://10.0.0.7/stream", lookup=lambda host: []).name
        'rtsp://10.0.0.7/stream'
    """

    cameras: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> AllowedSources:
        """From the command line.

        Raises:
            MoodstreamError: One of them can match nothing.
        """
        cameras, patterns = [], []
        for text in texts:
            kind, _, rest = text.partition(":")
            if kind == "camera" and rest:
                parse_source(rest)
                cameras.append(rest)
            elif "://" in text and "@" not in text and _scheme_can_match(text):
                patterns.append(text)
            else:
                raise MoodstreamError(
                    f"--allow-source {text!r}: expected camera:0 or a pattern of addresses "
                    "without user and password, such as 'rtsp://10.0.0.*/*'"
                )
        return cls(tuple(cameras), tuple(patterns))

    def choices(self) -> list[tuple[str, str]]:
        """(label, value) of every source that can be picked without typing an address."""
        cameras = [(parse_source(c).name + " of the server", f"camera:{c}") for c in self.cameras]
        whole = [p for p in self.patterns if not any(mark in p for mark in _WILD)]
        return cameras + [(p, p) for p in whole]

    @property
    def typed(self) -> bool:
        """Whether there is anything to type: a pattern that stands for several addresses."""
        return any(mark in p for p in self.patterns for mark in _WILD)

    def spec(self, text: str, lookup: Resolve = resolve) -> SourceSpec:
        """The source that a text names.

        Args:
            text: ``camera:0``, or an address.
            lookup: Resolves host names.

        Raises:
            MoodstreamError: It is not allowed.
        """
        kind, _, rest = text.partition(":")
        if kind == "camera" and rest in self.cameras:
            return parse_source(rest)
        if "://" not in text:
            raise MoodstreamError("this source is not allowed here")
        spec = parse_source(text)
        self.check(spec, lookup)
        return spec

    def check(self, spec: SourceSpec, lookup: Resolve = resolve) -> None:
        """Check that a source is allowed, whatever its host name stands for now.

        Raises:
            MoodstreamError: It is not.
        """
        if spec.kind != "network":
            return
        plain, host = _plain(str(spec.address))
        if not any(_matches(plain, pattern) for pattern in self.patterns):
            raise MoodstreamError(f"{spec.name}: this source is not allowed here")
        by_name = any(_names_host(pattern, host) for pattern in self.patterns)
        for address in lookup(host):
            if _is_forbidden(address) or (_is_own(address) and not by_name):
                raise MoodstreamError(f"{spec.name}: addresses of that kind are never opened here")


def _scheme_can_match(pattern: str) -> bool:
    scheme = pattern.partition("://")[0].lower()
    return any(fnmatchcase(known, scheme) for known in SCHEMES)


def _plain(address: str) -> tuple[str, str]:
    """Scheme, host, port and path of an address, and its host alone."""
    parts = urlsplit(address)
    try:
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise MoodstreamError("the port of this address is no number") from None
    if not host or ".." in parts.path.split("/") or "\\" in address:
        raise MoodstreamError("there is no plain host and path in this address")
    shown = f"[{host}]" if ":" in host else host
    where = shown if port is None else f"{shown}:{port}"
    return f"{parts.scheme}://{where}{parts.path or '/'}", host


def _matches(plain: str, pattern: str) -> bool:
    """Scheme, host and path each by itself: a star in the host stands for no slash.

    Nor does one among numbers stand for a name.
    """
    (scheme, _, rest), (wanted, _, like) = plain.partition("://"), pattern.partition("://")
    (where, _, path), (host, slash, ending) = rest.partition("/"), like.partition("/")
    if _NUMBERS.fullmatch(host) and not _NUMBERS.fullmatch(where):
        return False  # 10.0.0.* is not 10.0.0.example.org
    return (
        _fits(scheme, wanted.lower())
        and _fits(where, host.lower())
        and (not slash or _fits(path, ending))
    )


def _fits(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))  # brackets are those of IPv6


def _names_host(pattern: str, host: str) -> bool:
    """Whether the operator wrote this very host down, without wild cards."""
    return urlsplit(pattern).hostname == host


def _mapped(address: Address) -> Address:
    inside = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return inside or address


def _is_forbidden(address: Address) -> bool:
    """Link-local, metadata, multicast and unspecified addresses are never opened."""
    address = _mapped(address)
    nowhere = address.is_unspecified or address.is_multicast
    return address in _METADATA or address.is_link_local or nowhere


def _is_own(address: Address) -> bool:
    return _mapped(address).is_loopback
