"""The window on a real X server of its own, with keys from outside; and the mosaic."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from moodstream.overlays.palette import BACKGROUND
from moodstream.realtime.outputs.window import mosaic

# Qt ends its process together with its X server: a window is never opened in the tests' own one.
LOOK = """
import sys, time
import cv2
import numpy as np
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.window import Window

try:
    window = Window("moodstream test")
except MoodstreamError as error:
    sys.exit(f"told: {error}")
image = np.full((360, 640, 3), 40, np.uint8)
image[:, 320:] = 200
deadline, shown, asked = time.monotonic() + 60, 0, 0
while time.monotonic() < deadline:
    window.show(image)
    command = window.poll(10)
    shown += 1
    if shown == 3:
        print("shown", flush=True)
    if command == "pause":
        asked = shown + 25  # none of these is to be smaller than the one before
    elif shown == asked:
        print(*cv2.getWindowImageRect("moodstream test")[2:], flush=True)
    elif command:
        print(command, flush=True)
    if command == "quit":
        break
window.show(image)  # is not to open it again
print("left", window.poll(50), flush=True)
window.close()
window.close()
"""


@contextmanager
def looking(display: str, left: str = "left None") -> Iterator[Callable[[], str]]:
    """A process with a window; yields a function that reads its next line, up to ``left``."""
    command = [sys.executable, "-c", LOOK]
    pipe, env = subprocess.PIPE, environment(display)
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield lambda: process.stdout.readline().strip()
            # not communicate(): it would miss lines that readline() has taken into its buffer
            assert process.stdout.read().strip() == left
            assert process.stderr.read() == ""
            assert process.wait(30) == 0
        finally:
            process.kill()


def environment(display: str | None) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return clean if display is None else {**clean, "DISPLAY": display}


def xdotool(display: str, *arguments: str) -> str:
    run = subprocess.run(
        ["xdotool", *arguments],
        env=environment(display),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return run.stdout


def focus(display: str) -> str:
    window = xdotool(display, "search", "--sync", "--onlyvisible", "--name", "moodstream test")
    number = window.split()[-1]
    xdotool(display, "windowfocus", "--sync", number)
    return number


class _Message(ctypes.Structure):
    """Xlib's XClientMessageEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 24),  # of the union of all events
    )


def press_close(display: str, window: int) -> None:
    """Ask a window to close, as a window manager does for the button in its corner."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    server = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    protocols, delete = (
        x11.XInternAtom(server, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    )
    message = _Message(33, 0, 1, server, window, protocols, 32, (delete, 0))
    x11.XSendEvent(server, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(server)


@pytest.mark.needs("screen")
@pytest.mark.parametrize("quit_key", ["q", "Escape"])
def test_keys_are_commands(display, quit_key):
    with looking(display) as line:
        assert line() == "shown"
        focus(display)
        for key, command in (
            ("p", "privacy"),
            ("h", "hud"),
            ("space", "640 360"),
            ("P", "privacy"),
        ):
            xdotool(display, "key", key)
            assert line() == command
        for key in ("Left", "Home", "Shift_L", "x", "ctrl+Right", "F1"):  # mean nothing here
            xdotool(display, "key", key)
        xdotool(display, "key", "h")
        assert line() == "hud"
        xdotool(display, "key", quit_key)
        assert line() == "quit"


@pytest.mark.needs("screen")
def test_closing_the_window_is_to_quit(display):
    with looking(display, "left quit") as line:
        assert line() == "shown"
        press_close(display, int(focus(display)))
        assert line() == "quit"


@pytest.mark.needs("screen")
def test_the_window_fits_the_picture_and_can_be_resized(display):
    with looking(display) as line:
        assert line() == "shown"
        number = focus(display)
        assert "640x360" in xdotool(display, "getwindowgeometry", number)
        for size, seen in ((("500", "500"), (500, 281)), (("900", "270"), (480, 270))):
            xdotool(display, "windowsize", "--sync", number, *size)
            xdotool(display, "key", "space")
            assert [int(side) for side in line().split()] == pytest.approx(seen, abs=2)
        xdotool(display, "key", "q")
        assert line() == "quit"


@pytest.mark.skipif(sys.platform != "linux", reason="displays are named so on Linux only")
@pytest.mark.parametrize(
    ("display", "told"),
    [
        (None, "there is no display here ($DISPLAY is not set)"),
        ("", "there is no display here ($DISPLAY is not set)"),
        (":9876", "the display :9876 cannot be used"),  # Qt alone would end the process
    ],
)
def test_no_display_is_told_in_one_line(display, told):
    run = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=environment(display),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stderr.startswith(f"told: {told}")
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""


def grey(value: int, height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 2, 2), (5, 3, 2), (9, 3, 3)]
)
def test_the_grid_is_near_square(count, columns, rows):
    image = mosaic([grey(50 + 10 * k, 90, 160) for k in range(count)], width=960)
    assert image.shape == (round(960 / columns * 9 / 16) * rows, 960, 3)
    assert image.dtype == np.uint8
    for k in range(columns * rows):
        row, column = divmod(k, columns)
        y = (2 * row + 1) * image.shape[0] // (2 * rows)
        x = (2 * column + 1) * 960 // (2 * columns)
        expected = [50 + 10 * k] * 3 if k < count else list(BACKGROUND)
        assert image[y, x].tolist() == expected


def test_pictures_of_other_proportions_keep_them():
    disc = grey(0, 400, 100)
    cv2.circle(disc, (50, 200), 40, (255, 255, 255), -1)
    image = mosaic([grey(90, 90, 160), disc, grey(90, 180, 320)], width=640)
    tile = image[:180, 320:]
    across, down = (tile[:, :, 0] > 200).any(0).sum(), (tile[:, :, 0] > 200).any(1).sum()
    assert abs(across - down) <= 1  # still round
    assert tile[90, 0].tolist() == tile[90, -1].tolist() == list(BACKGROUND)
    assert tile[0, 160].tolist() == tile[-1, 160].tolist() == [0, 0, 0]  # as high as the tile


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2000, 3000)])
@pytest.mark.parametrize("width", [7, 641])
def test_odd_sizes(shape, width):
    image = mosaic([grey(9, *shape), grey(8, 48, 64), grey(7, *shape)], width=width)
    assert image.shape[1] == width


def test_a_mosaic_of_nothing():
    with pytest.raises(ValueError, match="at least one picture"):
        mosaic([])
