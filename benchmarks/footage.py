"""Made footage for the benchmarks: crowds out of the sample clips, clips played again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2  # isort: skip  (before av)
import av  # isort: skip
import numpy as np

WIDTH, HEIGHT, FPS = 1280, 720, 30


def faces_of(video: Path, box: tuple[float, float, float, float], n: int) -> list[np.ndarray]:
    """``n`` pictures of a clip, cut to a face and its surroundings (box in shares)."""
    with av.open(str(video)) as container:
        pictures = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    height, width = pictures[0].shape[:2]
    x1, y1, x2, y2 = (
        round(v * s) for v, s in zip(box, (width, height, width, height), strict=True)
    )
    return [pictures[i][y1:y2, x1:x2] for i in np.linspace(0, len(pictures) - 1, n).astype(int)]


def make_crowd(path: Path, faces: int, seconds: float) -> None:
    """Write the clip: every face in a tile of its own, playing to and fro from its own moment."""
    from moodstream.samples.fetch import fetch

    files = fetch(["WolfgangLanger_Pexels.mp4", "single_face.mp4"])
    clips = [
        faces_of(files["WolfgangLanger_Pexels.mp4"], (0.38, 0.0, 0.94, 1.0), 240),
        faces_of(files["single_face.mp4"], (0.24, 0.1, 0.68, 0.92), 72),
    ]
    columns = int(np.ceil(np.sqrt(faces * WIDTH / HEIGHT)))
    rows = -(-faces // columns)
    wide, tall = WIDTH // columns, HEIGHT // rows
    side = min(wide, tall) - 8
    small = [[cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in c] for c in clips]
    rng = np.random.default_rng(0)
    start = rng.integers(0, 10_000, faces)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for k in range(round(seconds * FPS)):
            image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            for i in range(faces):
                clip = small[i % 2]
                phase = (start[i] + k // 2) % (2 * len(clip) - 2)
                x = (i % columns) * wide + round(4 + 3 * np.sin(k / 20 + i))
                y = (i // columns) * tall + round(4 + 3 * np.cos(k / 17 + i))
                image[y : y + side, x : x + side] = clip[min(phase, 2 * len(clip) - 2 - phase)]
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = k, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def loop(source: Path, out: Path, seconds: float) -> None:
    """Repeat the video packets of ``source``, without encoding them again."""
    with av.open(str(out), "w") as target:
        stream, offset = None, 0
        while stream is None or offset * stream.time_base < seconds:
            with av.open(str(source)) as clip:
                inner = clip.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(inner)
                    stream.time_base = inner.time_base
                last = 0
                for packet in clip.demux(inner):
                    if packet.dts is None:
                        continue
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = stream
                    target.mux(packet)
                offset += last
