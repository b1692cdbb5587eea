"""The demo meeting: six people in a video call whose moods change at known times.

Every tile plays short parts of the sample clips back and forth, so that nothing jumps, and fades
from part to part. The faces are real; that they share a room is made up. The parts were chosen by
what the embedded network predicts for them, so the meeting is a demonstration and no measure of
accuracy.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 1280, 720, 25
SECONDS = 60.0
_FADE_S = 0.4  # from one part to the next, around the time of change
_GAP_PX = 12  # between tiles
_TILE_PX = (410, 342)  # width and height
_SOUND_HZ = 48_000
_LANGER, _SINGLE = "WolfgangLanger_Pexels.mp4", "single_face.mp4"
CLIPS = (_LANGER, _SINGLE)
"""The sample files that the meeting is made of."""


@dataclass(frozen=True)
class Segment:
    """A stretch of time with one mood.

    Attributes:
        start: Seconds.
        end: Seconds.
        mood: sad, uneasy, happy, neutral or, of the room, mixed.
    """

    start: float
    end: float
    mood: str


@dataclass(frozen=True)
class Person:
    """One tile of the meeting.

    Attributes:
        box: (x1, y1, x2, y2) px.
        segments: What the face in it shows, and when.
    """

    box: tuple[int, int, int, int]
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class MeetingTruth:
    """What the meeting shows.

    Attributes:
        seconds: Its length.
        people: One per tile, row by row.
        room: The mood that more than half of them show ("uneasy" counts as sad), else mixed.
        shift: When the room turns happy, in seconds.
    """

    seconds: float
    people: tuple[Person, ...]
    room: tuple[Segment, ...]
    shift: float


@dataclass(frozen=True)
class _Part:
    """Seconds ``a`` to ``b`` of a clip, at a speed, shown until ``until`` s of the meeting."""

    until: float
    mood: str
    a: float
    b: float
    speed: float = 1.0

    def at(self, t: float) -> float:
        """Clip time to show at ``t``, back and forth between a and b."""
        length = self.b - self.a
        phase = (t * self.speed) % (2 * length)
        return self.a + min(phase, 2 * length - phase)


@dataclass(frozen=True)
class _Tile:
    """A person's clip, its parts, and how the picture is cut: centre as shares, zoom, mirror."""

    clip: str
    parts: tuple[_Part, ...]
    centre: tuple[float, float]
    zoom: float = 1.0
    mirror: bool = False
    gain: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # BGR


# without 1 to 2.4 s of the crying, which looks like a smile without what comes before
_TILES = (
    _Tile(
        _LANGER,
        (_Part(30.0, "sad", 3.0, 5.9, 0.6), _Part(60.0, "happy", 11.6, 15.4, 0.9)),
        (0.66, 0.50),
    ),
    _Tile(
        _SINGLE,
        (
            _Part(30.4, "neutral", 0.0, 0.5, 0.35),
            _Part(50.0, "happy", 0.8, 2.2, 0.6),
            _Part(60.0, "neutral", 0.0, 0.5, 0.3),
        ),
        (0.46, 0.52),
        gain=0.94,
    ),
    _Tile(
        _LANGER,
        (
            _Part(31.0, "uneasy", 6.6, 9.0, 0.7),
            _Part(51.0, "happy", 12.4, 18.4, 1.0),
            _Part(60.0, "uneasy", 6.6, 9.0, 0.8),
        ),
        (0.66, 0.47),
        zoom=1.12,
        mirror=True,
        gain=1.15,
        tint=(0.93, 1.0, 1.05),
    ),
    _Tile(
        _LANGER,
        (_Part(31.0, "sad", 2.4, 4.2, 0.4), _Part(60.0, "happy", 13.0, 17.8, 1.1)),
        (0.66, 0.50),
        zoom=1.06,
        gain=1.3,
    ),
    _Tile(
        _LANGER,
        (
            _Part(32.0, "sad", 2.5, 3.9, 0.5),
            _Part(52.0, "happy", 11.5, 14.6, 0.8),
            _Part(60.0, "sad", 0.0, 0.8, 0.4),
        ),
        (0.66, 0.46),
        zoom=1.2,
        mirror=True,
        tint=(1.08, 1.0, 0.95),
    ),
    _Tile(
        _LANGER,
        (_Part(33.0, "sad", 4.0, 5.8, 0.5), _Part(60.0, "happy", 14.2, 18.8, 0.7)),
        (0.64, 0.48),
        zoom=1.12,
        gain=1.2,
        tint=(1.0, 0.99, 0.96),
    ),
)


def truth_path(out: Path) -> Path:
    """Where the truth file of a meeting lies: beside it, ``.json``."""
    return out.with_suffix(".json")


def build_meeting(out: Path, sources: Mapping[str, Path], seconds: float = SECONDS) -> MeetingTruth:
    """Write the meeting (1280×720, 25 fps, H.264, AAC) and its truth file beside it.

    The same versions of the libraries give the same bytes.

    Args:
        out: The video, MP4.
        sources: Path of each of ``CLIPS``.
        seconds: Length, to which every time is scaled.

    Returns:
        What is in the truth file.
    """
    scale = seconds / SECONDS
    truth = meeting_truth(seconds)
    clips = {name: _Clip.read(sources[name]) for name in CLIPS}
    players = [_Player(tile, clips[tile.clip], scale) for tile in _TILES]
    part = out.with_name(f"{out.name}.part")
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as video:
            picture = video.add_stream("libx264", rate=FPS, options=_x264())
            picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            sound = video.add_stream("aac", rate=_SOUND_HZ, layout="mono")
            sound.bit_rate = 64_000
            noise, pts = np.random.default_rng(5), 0
            image = np.full((HEIGHT, WIDTH, 3), (30, 26, 24), np.uint8)
            for k in range(round(seconds * FPS)):
                _draw(image, players, k / FPS)
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts = k
                video.mux(picture.encode(frame))
                video.mux(sound.encode(_sound(pts, noise)))
                pts += _SOUND_HZ // FPS
            video.mux(picture.encode(None))
            video.mux(sound.encode(None))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    text = json.dumps(asdict(truth), indent=2)
    truth_path(out).write_text(text + "\n", encoding="utf-8")
    return truth


def meeting_truth(seconds: float = SECONDS) -> MeetingTruth:
    """What a meeting of that length shows, without building it."""
    scale = seconds / SECONDS
    people = []
    for i, tile in enumerate(_TILES):
        starts = [0.0, *(p.until for p in tile.parts)]
        segments = tuple(
            Segment(round(a * scale, 3), round(p.until * scale, 3), p.mood)
            for a, p in zip(starts, tile.parts, strict=False)
        )
        x, y = _corner(i)
        people.append(Person((x, y, x + _TILE_PX[0], y + _TILE_PX[1]), segments))
    room = _room(people)
    shift = next(s.start for s in room if s.mood == "happy")
    return MeetingTruth(seconds, tuple(people), room, shift)


def _room(people: list[Person]) -> tuple[Segment, ...]:
    edges = sorted({s.start for p in people for s in p.segments} | {people[0].segments[-1].end})
    room: list[Segment] = []
    for a, b in pairwise(edges):
        moods = Counter(s.mood for p in people for s in p.segments if s.start <= a < s.end)
        moods["sad"] += moods.pop("uneasy", 0)
        mood, count = moods.most_common(1)[0]
        if 2 * count <= len(people):
            mood = "mixed"
        if room and room[-1].mood == mood:
            room[-1] = Segment(room[-1].start, b, mood)
        else:
            room.append(Segment(a, b, mood))
    return tuple(room)


def _x264() -> dict[str, str]:
    # a fixed number of threads, as its rate control, and so the bytes, depend on it
    return {"preset": "veryfast", "crf": "20", "threads": "2"}


@dataclass(frozen=True)
class _Clip:
    """The decoded frames of a clip and their times; kept as YUV, half the size of BGR."""

    times: npt.NDArray[np.float64]
    frames: list[Any]

    @classmethod
    def read(cls, path: Path) -> _Clip:
        with av.open(str(path)) as container:
            frames = list(container.decode(container.streams.video[0]))
        return cls(np.array([float(f.time) for f in frames]), frames)

    def at(self, t: float) -> U8:
        index = max(0, int(np.searchsorted(self.times, t + 1e-6)) - 1)
        return np.asarray(self.frames[index].to_ndarray(format="bgr24"), np.uint8)


@dataclass(frozen=True)
class _Player:
    """Gives the picture of one tile at any time."""

    tile: _Tile
    clip: _Clip
    scale: float

    def picture(self, t: float) -> U8:
        """The tile (h, w, 3) BGR at ``t`` seconds of the meeting."""
        half, parts = _FADE_S / 2, self.tile.parts
        now = next((p for p in parts if t < p.until * self.scale), parts[-1])
        image = self._cut(self.clip.at(now.at(t)))
        for old, new in pairwise(parts):
            since = t - old.until * self.scale
            if abs(since) < half:
                other = self._cut(self.clip.at((old if new is now else new).at(t)))
                share = 0.5 - abs(since) / _FADE_S  # of the other part: a half at the change itself
                image = cv2.addWeighted(image, 1 - share, other, share, 0).astype(np.uint8)
        return image

    def _cut(self, image: U8) -> U8:
        height, width = image.shape[:2]
        h = height / self.tile.zoom
        w = min(width, h * _TILE_PX[0] / _TILE_PX[1])
        x = min(max(self.tile.centre[0] * width - w / 2, 0), width - w)
        y = min(max(self.tile.centre[1] * height - h / 2, 0), height - h)
        part = image[int(y) : int(y + h), int(x) : int(x + w)]
        cell = np.asarray(cv2.resize(part, _TILE_PX, interpolation=cv2.INTER_AREA), np.uint8)
        toned = cv2.LUT(np.ascontiguousarray(cell), _tone(self.tile))
        return np.asarray(toned[:, ::-1] if self.tile.mirror else toned, np.uint8)


@lru_cache
def _tone(tile: _Tile) -> U8:
    """Lookup table (256, 1, 3) of a tile's brightness and tint."""
    levels = np.arange(256)[:, None, None] * tile.gain * np.array(tile.tint)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def _corner(i: int) -> tuple[int, int]:
    left = (WIDTH - 3 * _TILE_PX[0] - 2 * _GAP_PX) // 2
    top = (HEIGHT - 2 * _TILE_PX[1] - _GAP_PX) // 2
    return left + i % 3 * (_TILE_PX[0] + _GAP_PX), top + i // 3 * (_TILE_PX[1] + _GAP_PX)


def _draw(image: U8, players: list[_Player], t: float) -> None:
    for i, player in enumerate(players):
        x, y = _corner(i)
        image[y : y + _TILE_PX[1], x : x + _TILE_PX[0]] = player.picture(t)


def _sound(pts: int, noise: np.random.Generator) -> Any:
    """A twenty-fifth of a second of hum and hiss, at about −40 dB."""
    t = (pts + np.arange(_SOUND_HZ // FPS)) / _SOUND_HZ
    wave = 0.012 * np.sin(2 * np.pi * 180 * t) * (1 + 0.5 * np.sin(2 * np.pi * 0.25 * t))
    wave += noise.normal(0, 0.004, len(t))
    frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = _SOUND_HZ, pts, Fraction(1, _SOUND_HZ)
    return frame
