"""Removes passwords from addresses before they are shown or logged."""

from __future__ import annotations

import re

HIDDEN = "***"
_MARK = r"(?::|%3a)(?:/|%2f){2}"
_KNOWN = r"(?:rtsp|rtmp|http|ftp)s?|srt|udp|tcp|tls|rtp|file"
_URL = re.compile(rf"({_KNOWN}|[a-z][a-z0-9+.-]*)({_MARK})", re.IGNORECASE)
_NEXT_URL = re.compile(rf"(?<=[\s'\"(\[<,;=])(?:{_KNOWN}){_MARK}", re.IGNORECASE)
_AT = re.compile(r"@|%40", re.IGNORECASE)
_QUERY = re.compile(r"[?#]|%3f|%23", re.IGNORECASE)
_HOST = re.compile(r"(?:\[[0-9a-f:.%]+\]|[^@:/?#\[\]]+)(?::\d*)?(?:[/?#].*|\W*)", re.IGNORECASE)
_LOOSE = re.compile(r"\S*:\S*(?:@|%40)(?=\S)", re.IGNORECASE)


def redact(text: str) -> str:
    """The text without the users, passwords and query values of the addresses in it.

    It hides too much rather than too little: all between ``://`` and the last ``@`` that follows on
    the line is taken for user and password, all after ``?`` or ``#`` for secret.
    """
    return "\n".join(_redact_line(line) for line in text.split("\n"))


def _redact_line(line: str) -> str:
    start = _URL.search(line)
    if start is None:
        return _LOOSE.sub(f"{HIDDEN}@", line)
    after = _NEXT_URL.search(line, start.end())
    end = len(line) if after is None else after.start()
    before, scheme = line[: start.start()], start[1]
    if not re.fullmatch(_KNOWN, scheme, re.IGNORECASE):  # perhaps in the middle of a password
        before, scheme = re.sub(r"\S+$", "", before), HIDDEN
    address = _redact_address(line[start.end() : end])
    rest = "" if after is None else _redact_line(line[end:])
    return _LOOSE.sub(f"{HIDDEN}@", before) + scheme + start[2] + address + rest


def _redact_address(text: str) -> str:
    """What follows ``://`` up to the next address or the end of the line."""
    ats = list(_AT.finditer(text))
    head, tail = (text[: ats[-1].start()], text[ats[-1].end() :]) if ats else ("", text)
    space = re.search(r"\s|$", tail)
    address, words = tail[: space.start()], tail[space.start() :]  # type: ignore[union-attr]
    if _QUERY.search(head):
        return HIDDEN + words  # the @ may stand in a password or in a query
    query = _QUERY.search(address)
    if query is not None:
        address = f"{address[: query.start()]}?{HIDDEN}"
    if not ats and address and not _HOST.fullmatch(address):
        address = HIDDEN  # a user and the beginning of a password: the rest was cut off
    return (f"{HIDDEN}@" if ats else "") + address + words
