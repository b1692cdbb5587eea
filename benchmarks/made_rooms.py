"""Made rooms: people whose faces are drawn from labelled pictures and whose mood changes when told.

Each person shows a picture of the room's mood for 1 to 3 s, then another one of the same mood; the
predictions for a picture vary a little from one to the next. What the network says of each picture
is real, and so are smoothing, group and timeline; that the pictures are of one person is made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.timeline import Timeline
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces
from moodstream.trackers.smoothing import Smoother

F64 = npt.NDArray[np.float64]
K = len(EMOTIONS)
VOTE_MOODS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
RATE_HZ = 5.0  # predictions a second and face, as the pipeline makes them
SHOWN_S = (1.0, 3.0)  # for which a person shows one picture
NOISE = 0.3  # standard deviation of the logarithms from one prediction to the next
MIN_SIZE = 0.15  # nats between the people's votes before and after a planted change
LAG_S = 0.3  # within which the people of a room change, each at their own time
_MIN_VOTES, _MIN_PICTURES, _BATCH = 5, 20, 64


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures: what ten people say of each, and what a network does.

    Attributes:
        votes: (N, 7) shares over EMOTIONS.
        probs: (2, N, 7) predictions for the picture and its mirror image.
        of: For each emotion the rows that more than half of the ten gave it.
    """

    votes: F64
    probs: F64
    of: dict[str, npt.NDArray[np.intp]]

    @classmethod
    def clear(cls, votes: npt.NDArray[np.integer], probs: F64) -> Pictures:
        """Those on which people agree.

        Args:
            votes: (N, 10) of ten people each: VOTE_MOODS, contempt, unknown, not a face.
            probs: (2, N, 7), over EMOTIONS.
        """
        order = [VOTE_MOODS.index(name) for name in EMOTIONS]
        moods = votes[:, order].astype(np.float64)
        counts = (moods.sum(1) >= _MIN_VOTES) & (votes[:, 9] < _MIN_VOTES)
        shares = moods / np.maximum(moods.sum(1, keepdims=True), 1)
        clear = counts & (shares.max(1) > 0.5)
        rows = {n: np.flatnonzero(clear & (shares.argmax(1) == k)) for k, n in enumerate(EMOTIONS)}
        return cls(shares, probs, {n: r for n, r in rows.items() if len(r) >= _MIN_PICTURES})

    def draw(self, rng: np.random.Generator, among: list[str]) -> str:
        """One of some moods, each as likely as it is frequent."""
        counts = np.array([len(self.of[name]) for name in among], np.float64)
        return str(rng.choice(among, p=counts / counts.sum()))

    def mean_votes(self, mood: str) -> F64:
        """The mean shares (7,) of the pictures of a mood."""
        return np.asarray(self.votes[self.of[mood]].mean(0))


def load_pictures(faces: Path, votes: Path, usage: int, cache: Path | None) -> Pictures:
    """The clear pictures of one part of FER2013, and what the package's network says of them.

    Args:
        faces: fer2013.npz: ``images (N, 48, 48) uint8`` and ``usage``.
        votes: ``votes (N, 10)``, row for row.
        usage: 1 for PublicTest, 2 for PrivateTest.
        cache: A folder that keeps the predictions for the next time.
    """
    of_part = np.load(faces)["usage"] == usage
    kept = None if cache is None else cache / f"embedded-{usage}.npy"
    if kept is not None and kept.exists():
        probs = np.load(kept)
    else:
        probs = _predicted(np.load(faces)["images"][of_part])
        if kept is not None:
            np.save(kept, probs)
    return Pictures.clear(np.load(votes)["votes"][of_part], probs.astype(np.float64))


def _predicted(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    from moodstream.realtime.networks.classifiers.batch import classify_faces
    from moodstream.realtime.networks.load import load
    from moodstream.realtime.networks.models import ModelSettings

    classifier = load(ModelSettings("embedded", device="cpu")).classifier
    shown = [np.repeat(image[..., None], 3, axis=2) for image in images]
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in shown]
    whole = np.array([[0, 0, *images.shape[:0:-1]]], np.float32)
    return np.stack(
        [
            np.concatenate(
                [
                    classify_faces(
                        classifier, each[k : k + _BATCH], [whole] * len(each[k : k + _BATCH])
                    )
                    for k in range(0, len(each), _BATCH)
                ]
            )[:, :K]
            for each in (shown, mirrored)
        ]
    )


@dataclass(frozen=True)
class Change:
    """A planted change: when, from and to which mood, its size, and the shorter neighbour.

    ``size`` is the JSD in nats between the people's votes before and after; ``lasts`` the seconds
    of the shorter of the two moods that it separates.
    """

    t: float
    start: str
    end: str
    size: float
    lasts: float


@dataclass(frozen=True)
class Room:
    """N people over time, at RATE_HZ.

    Attributes:
        t: (T,) seconds.
        probs: (T, N, 7) what the network says of each.
        quality: (N,) of their faces.
        changes: What was planted.
    """

    t: F64
    probs: F64
    quality: F64
    changes: tuple[Change, ...]


def make_room(
    pictures: Pictures,
    people: int,
    seconds: float,
    rng: np.random.Generator,
    *,
    durations: tuple[float, float] | None = (2.0, 25.0),
    drift: float = 0.0,
) -> Room:
    """A room of ``people``.

    Args:
        pictures: What they show.
        people: How many there are.
        seconds: Its length.
        rng: The source of chance.
        durations: Each mood lasts between these seconds, log-uniform; None for one mood.
        drift: How far the logarithms of everyone's predictions wander slowly, as when light moves.
    """
    common = rng.random(people) < rng.uniform(0.6, 1.0)  # who shares the mood of the room
    common[rng.integers(people)] = True
    alone = [pictures.draw(rng, list(pictures.of)) for _ in range(people)]
    times, moods = _course(pictures, seconds, durations, common, alone, rng)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rows = np.empty((len(t), people), np.intp)
    for i in range(people):
        starts = times + rng.uniform(0, LAG_S, len(times)) if len(times) > 1 else times
        names = moods if common[i] else [alone[i]] * len(moods)
        rows[:, i] = _shown(pictures, t, starts, names, rng)
    mirror = rng.integers(0, 2, rows.shape)
    logs = np.log(pictures.probs[mirror, rows] + 1e-6) + rng.normal(0, NOISE, (*rows.shape, K))
    if drift:
        phase, period = rng.uniform(0, 2 * np.pi, K), rng.uniform(60, 300, K)
        logs += drift * np.sin(2 * np.pi * t[:, None] / period + phase)[:, None]
    probs = maths.softmax(logs.reshape(-1, K)).reshape(logs.shape)
    changes = _changes(pictures, times, moods, seconds, common, alone)
    return Room(t, probs.astype(np.float64), rng.uniform(0.3, 0.9, people), changes)


def _course(
    pictures: Pictures,
    seconds: float,
    durations: tuple[float, float] | None,
    common: npt.NDArray[np.bool_],
    alone: list[str],
    rng: np.random.Generator,
) -> tuple[F64, list[str]]:
    """When each mood of the room begins, and which it is; neighbours differ by MIN_SIZE."""
    names = list(pictures.of)
    times, moods = [0.0], [pictures.draw(rng, names)]
    if durations is None:
        return np.array(times), moods
    low, high = np.log(durations)
    at = float(rng.uniform(8, 20))
    while at < seconds - durations[0]:
        here = _room_mean(pictures, moods[-1], common, alone)
        others = [
            n for n in names if maths.jsd(here, _room_mean(pictures, n, common, alone)) >= MIN_SIZE
        ]
        if not others:
            break
        times.append(at)
        moods.append(pictures.draw(rng, others))
        at += float(np.exp(rng.uniform(low, high)))
    return np.array(times), moods


def _room_mean(
    pictures: Pictures, mood: str, common: npt.NDArray[np.bool_], alone: list[str]
) -> F64:
    names = [mood if shared else own for shared, own in zip(common, alone, strict=True)]
    return np.asarray(np.mean([pictures.mean_votes(name) for name in names], axis=0))


def _shown(
    pictures: Pictures, t: F64, starts: F64, moods: list[str], rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """The picture (T,) that one person shows at each time."""
    rows = np.empty(len(t), np.intp)
    for k, mood in enumerate(moods):
        end = starts[k + 1] if k + 1 < len(starts) else np.inf
        at, stop = starts[k] if k else -np.inf, min(end, t[-1] + 1)
        at = max(at, -1.0)
        while at < stop:
            until = min(at + rng.uniform(*SHOWN_S), stop)
            rows[(t >= at) & (t < until)] = rng.choice(pictures.of[mood])
            at = until
    return rows


def _changes(
    pictures: Pictures,
    times: F64,
    moods: list[str],
    seconds: float,
    common: npt.NDArray[np.bool_],
    alone: list[str],
) -> tuple[Change, ...]:
    ends = [*times[1:], seconds]
    changes = []
    for k in range(1, len(times)):
        a, b = moods[k - 1], moods[k]
        size = maths.jsd(
            _room_mean(pictures, a, common, alone), _room_mean(pictures, b, common, alone)
        )
        lasts = min(times[k] - times[k - 1], ends[k] - times[k])
        changes.append(Change(float(times[k]) + LAG_S / 2, a, b, size, float(lasts)))
    return tuple(changes)


def play(room: Room, timeline: Timeline) -> None:
    """Give a room to a timeline, smoothed as the pipeline does."""
    n = len(room.quality)
    smoother, ids = Smoother(), np.arange(1, n + 1)
    boxes = np.tile(np.array([0, 0, 80, 80], np.float32), (n, 1))
    ones, seen = np.ones(n, np.float32), np.ones(n, bool)
    quality = room.quality.astype(np.float32)
    for t, probs in zip(room.t.tolist(), room.probs.astype(np.float32), strict=True):
        smoothed = smoother.update(t, ids, probs, quality)
        timeline.advance_to(t)
        timeline.add(t, Faces(boxes, ones, quality, smoothed, ids, seen), True)
    timeline.finish()
