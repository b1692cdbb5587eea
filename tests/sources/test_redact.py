"""No password survives, however people type it."""

from __future__ import annotations

from urllib.parse import quote

import cv2  # noqa: F401  (before av)
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moodstream.realtime.sources.redact import redact

MARKS = ("Zq7", "Xw9")  # what must not be seen of a secret
ODD = st.text(st.sampled_from(list("@:/?#%&=;'\"()[]<>!$*+,.~^`|\\ {}-_aé€1")), max_size=6)
SECRETS = st.tuples(ODD, ODD, ODD).map(lambda o: f"{o[0]}{MARKS[0]}{o[1]}{MARKS[1]}{o[2]}")
SAFE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")), max_size=12)
SCHEMES = st.sampled_from(["rtsp", "rtsps", "http", "https", "rtmp", "RTSP"])
FRAMES = ("{}", "error: {}", "[Errno 5] Input/output error: '{}'", 'cannot open "{}", giving up')


def check(text: str) -> None:
    shown = redact(text)
    assert not [mark for mark in MARKS if mark in shown], shown


@given(SCHEMES, SECRETS, st.sampled_from(FRAMES))
@example("rtsp", "a://Zq7 Xw9", "{}")
@example("rtsp", "1 Zq7:Xw9", "{}")
@example("http", " Zq7://Xw9", "{}")
def test_no_password_survives(scheme, secret, frame):
    check(frame.format(f"{scheme}://admin:{secret}@10.0.0.5:554/ch1"))
    check(frame.format(f"{scheme}://{secret}@10.0.0.5/ch1"))
    check(frame.format(f"{scheme}://admin:{quote(secret, safe='')}@10.0.0.5/ch1?a=b@c"))


@given(SCHEMES, SECRETS, st.sampled_from(FRAMES))
def test_no_query_value_survives(scheme, secret, frame):
    value = quote(secret, safe="@:/?!$*,")
    check(frame.format(f"{scheme}://cam.local/video?user=admin&pw={value}"))
    check(frame.format(f"{scheme}://me:pw@cam.local/video?pw={value}&channel=1"))
    check(frame.format(f"{scheme}://cam.local/video#token={value}"))


@given(SECRETS, SECRETS)
def test_several_addresses_on_a_line(one, two):
    check(f"rtsp://u:{one}@h1/a failed, trying rtsp://u:{two}@h2/b")
    check(f"rtsp://h1/a failed\ntrying http://u:{two}@h2/b?x={quote(one, safe='')}")


@given(SECRETS.filter(lambda s: " " not in s))
@example("Zq7://Xw9")
@example("Zq7:Xw9://")
def test_without_a_scheme(secret):
    check(f"Failed to resolve hostname admin:{secret}@10.0.0.5")


@given(SAFE)
def test_redacting_twice_changes_nothing(text):
    address = f"rtsp://u:{text}@cam/x?y={text}"
    assert redact(redact(address)) == redact(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://cam.local:554/ch1", "rtsp://cam.local:554/ch1"),
        ("rtsp://admin:secret@cam.local:554/ch1", "rtsp://***@cam.local:554/ch1"),
        ("rtsp://admin@cam.local/ch1", "rtsp://***@cam.local/ch1"),
        ("rtsp://admin:p@ss/w:rd@cam.local/ch1", "rtsp://***@cam.local/ch1"),
        ("http://[fe80::1]:80/x", "http://[fe80::1]:80/x"),
        ("http://cam/x?user=a&pw=b: lost", "http://cam/x?*** lost"),
        ("udp://127.0.0.1:9999: no pictures within 2 s", None),
        ("rtsp://cam: Connection refused", None),
        ("rtsp://admin:p?ss@cam.local/ch1", "rtsp://***"),
        ("rtsp://admin:secr", "rtsp://***"),
        ("http://proxy/rtsp%3A%2F%2Fu%3Ap%40cam/x", "http://***@cam/x"),
        ("two of them: rtsp://a/b, http://c:8080/d.", None),
        ("a plain sentence, 12:30 h, write to me@example.org", None),
        ("", None),
    ],
)
def test_what_is_left(text, shown):
    assert redact(text) == (text if shown is None else shown)


def test_real_error_texts():
    import av

    for url in ("rtsp://me:Zq7@Xw9@127.0.0.1:9/x", "http://me:Zq7@127.0.0.1:9/x?k=Xw9"):
        with pytest.raises((av.error.FFmpegError, OSError)) as caught:
            av.open(url, timeout=(5, 5))
        assert "127.0.0.1:9" in redact(str(caught.value))
        check(str(caught.value))
        check(repr(caught.value))
