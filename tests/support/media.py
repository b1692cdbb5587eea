"""Made-up and re-timed videos for the tests."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2  # noqa: F401  # isort: skip  (before av)
import av  # isort: skip
import numpy as np

TICK = Fraction(1, 90_000)


def write_video(
    path: Path,
    pictures: Iterable[tuple[float, np.ndarray]],
    fps: float = 25,
    sound: float = 0.0,
    movflags: str = "",
    sound_codec: str = "aac",
) -> Path:
    """H.264 of (t, (H, W, 3) BGR) pairs at exactly those times, ``sound`` seconds of tone."""
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", options=options) as out:
        stream = None
        tone = out.add_stream(sound_codec, rate=44_100) if sound else None
        for t, image in pictures:
            if stream is None:
                rate = Fraction(fps).limit_denominator(1001)
                stream = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
                stream.width, stream.height = image.shape[1], image.shape[0]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = TICK
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round(t / TICK), TICK
            out.mux(stream.encode(frame))
        assert stream is not None
        out.mux(stream.encode(None))
        if tone is not None:
            _write_tone(out, tone, sound)
    return path


def _write_tone(out: Any, tone: Any, seconds: float) -> None:
    size, rate = 1024, 44_100
    for start in range(0, int(seconds * rate), size):
        wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(start, start + size) / rate)
        frame = av.AudioFrame.from_ndarray(
            np.tile(wave.astype(np.float32), (2, 1)), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = rate, start
        out.mux(tone.encode(frame))
    out.mux(tone.encode(None))


def read_frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [
            (float(f.time), f.to_ndarray(format="bgr24"))
            for f in container.decode(container.streams.video[0])
        ]


def retimed(
    frames: list[tuple[float, np.ndarray]], times: Iterable[float]
) -> list[tuple[float, np.ndarray]]:
    """The picture shown at each of ``times``."""
    starts = np.array([t for t, _ in frames])
    picks = [(t, max(0, int(np.searchsorted(starts, t + 1e-6)) - 1)) for t in times]
    return [(t, frames[i][1]) for t, i in picks]


def moving_blob(n: int, fps: float = 25, size: tuple[int, int] = (160, 120)) -> list:
    """A bright square that moves: pictures without a face."""
    pictures = []
    for k in range(n):
        image = np.full((size[1], size[0], 3), 40, np.uint8)
        x = 5 + (3 * k) % (size[0] - 40)
        image[30:60, x : x + 30] = (200, 180, 90)
        pictures.append((k / fps, image))
    return pictures
