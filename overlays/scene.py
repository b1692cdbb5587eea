"""Scene: all that is needed to draw one picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]


class ShownShift(NamedTuple):
    """A mood shift: its seconds, the classes that lost and gained most, and what is known of it.

    ``status`` is "provisional", "confirmed", "unconfirmed" or "withdrawn".
    """

    t: float
    start: str
    end: str
    status: str = "confirmed"


@dataclass(frozen=True)
class Scene:
    """One frame of a stream with all that is known of it, to be drawn.

    Attributes:
        image: (H, W, 3) uint8 BGR, never written to.
        t: Seconds of media time.
        classes: The K names of the classes.
        boxes: (N, 4) float32 xyxy px of the people.
        track_ids: (N,) int64.
        probs: (N, K) float32, rows of NaN where there is no prediction yet.
        quality: (N,) float32 in [0, 1].
        labels: (N,) int64 index into ``classes`` of the word shown for each, or None for the
            largest of ``probs``.
        people: How many are present now.
        effective_people: Kish's effective number of them.
        group: Distribution (K,) float32, None where nobody counts.
        interval: Lower and upper ends (2, K) of the 90 % intervals of ``group``, or None.
        unweighted: The same as a plain average.
        entropy: Of ``group`` in nats, or None.
        entropy_share: The same as a share of ln K, or None.
        dominant: Index into ``classes``, or None.
        shift: JSD in nats to the window before, or None.
        history_t: (T,) seconds of the last minute.
        history: (T, K) distributions at those, rows of NaN where nobody counted; or None.
        shifts: Recent mood shifts.
        window: Seconds that ``group`` is summed over.
        hide_faces: Whether all faces are made unrecognisable.
        show_people: Whether boxes and ids are drawn.
        min_people: Fewer are no group, and their number is not shown.
        banner: A line over the picture, such as "no signal since 0:12".
        hide: (M, 4) xyxy px of faces detected but not tracked, which are hidden as well.
        status_text: A word in place of the figures ("no signal") where the picture is an old one,
            shown grey.
        panel: Whether the group panel is drawn.
    """

    image: npt.NDArray[np.uint8]
    t: float
    classes: tuple[str, ...]
    boxes: F32
    track_ids: npt.NDArray[np.int64]
    probs: F32
    quality: F32
    people: int
    effective_people: float
    group: F32 | None = None
    interval: F32 | None = None
    unweighted: F32 | None = None
    entropy: float | None = None
    entropy_share: float | None = None
    dominant: int | None = None
    shift: float | None = None
    history_t: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    history: F32 | None = None
    shifts: tuple[ShownShift, ...] = ()
    window: float = 5.0
    hide_faces: bool = False
    show_people: bool = True
    min_people: int = 0
    banner: str | None = None
    hide: F32 | None = None
    status_text: str | None = None
    panel: bool = True
    labels: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n, k = len(self.boxes), len(self.classes)
        for name, array, shape in (
            ("boxes", self.boxes, (n, 4)),
            ("track_ids", self.track_ids, (n,)),
            ("probs", self.probs, (n, k)),
            ("quality", self.quality, (n,)),
            ("labels", self.labels, (n,)),
            ("group", self.group, (k,)),
            ("interval", self.interval, (2, k)),
            ("unweighted", self.unweighted, (k,)),
            ("history", self.history, (len(self.history_t), k)),
            ("hide", self.hide, (0 if self.hide is None else len(self.hide), 4)),
        ):
            if array is not None and array.shape != shape:
                raise ValueError(f"expected {name} of shape {shape}, got {array.shape}")
        if self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"expected an image of shape (H, W, 3), got {self.image.shape}")
