"""Scene: all that a picture needs, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """One moment of the stream, ready to be drawn.

    image: (H, W, 3) uint8 BGR, never written to; t: seconds of media time; classes: K names;
    boxes (N, 4) float32 xyxy px, track_ids (N,) int64, probs (N, K) float32 (NaN rows: not
    read yet), quality (N,) float32; group, unweighted: (K,) float32 or None where nobody
    counts; entropy in nats and its share of ln K, or None; people present now;
    effective_people (Kish); dominant: index into classes or None; shift: JSD in nats or None;
    history_t (T,) seconds and history (T, K), NaN rows where nobody counted: the last minute;
    shifts: (t, from, to) of recent mood shifts; hide_faces: no face may be recognised;
    show_people: False for no boxes and no ids; min_people: fewer are no group, and their number is
    not told; notice: a line such as "no signal since 0:12";
    hide: (M, 4) xyxy px, faces found but not followed, which are hidden as well; instead: a
    word in place of the figures ("no signal") where the picture is an old one, shown grey; panel:
    False leaves the group panel out.
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
    unweighted: F32 | None = None
    entropy: float | None = None
    entropy_share: float | None = None
    dominant: int | None = None
    shift: float | None = None
    history_t: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    history: F32 | None = None
    shifts: tuple[tuple[float, str, str], ...] = ()
    window: float = 5.0
    hide_faces: bool = False
    show_people: bool = True
    min_people: int = 0
    notice: str | None = None
    hide: F32 | None = None
    instead: str | None = None
    panel: bool = True

    def __post_init__(self) -> None:
        n, k = len(self.boxes), len(self.classes)
        for name, array, shape in (
            ("boxes", self.boxes, (n, 4)),
            ("track_ids", self.track_ids, (n,)),
            ("probs", self.probs, (n, k)),
            ("quality", self.quality, (n,)),
            ("group", self.group, (k,)),
            ("unweighted", self.unweighted, (k,)),
            ("history", self.history, (len(self.history_t), k)),
            ("hide", self.hide, (0 if self.hide is None else len(self.hide), 4)),
        ):
            if array is not None and array.shape != shape:
                raise ValueError(f"expected {name} of shape {shape}, got {array.shape}")
        if self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"expected an image of shape (H, W, 3), got {self.image.shape}")
