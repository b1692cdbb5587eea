"""Where weights come from, and that they are the right ones."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moodstream.realtime.errors import WeightsError as WeightsError
from moodstream.realtime.networks.weights import other_caches
from moodstream.realtime.networks.weights.catalogue import KNOWN, State, WeightFile
from moodstream.realtime.networks.weights.checksums import verify


def cache_dir() -> Path:
    """The folder of downloaded weights: ``MOODSTREAM_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("MOODSTREAM_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("moodstream", appauthor=False)) / "weights"


@dataclass(frozen=True)
class WeightStatus:
    """What the store knows of one file; ``path`` is where it is or would be."""

    weight: WeightFile
    path: Path
    state: State


class WeightStore:
    """The folder of downloaded weights; hands out only files whose checksums are right.

    Files that other packages have downloaded are used where they lie, and never changed.

    Args:
        root: The folder; ``cache_dir()`` by default.
        known: Which files there are, by name; ``KNOWN`` by default.
        elsewhere: File name to the paths where other packages may keep it.
    """

    def __init__(
        self,
        root: Path | None = None,
        known: Mapping[str, WeightFile] | None = None,
        elsewhere: Callable[[str], Iterable[Path]] = other_caches.places,
    ) -> None:
        self.root = cache_dir() if root is None else root
        self.known = KNOWN if known is None else known
        self._elsewhere = elsewhere
        # A file is hashed once a process, and again when its size or time stamp changes.
        self._right: dict[Path, tuple[int, int]] = {}

    def weight(self, name: str) -> WeightFile:
        """The entry of a file name; raises WeightsError with the nearest names."""
        if name in self.known:
            return self.known[name]
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5) or list(self.known)
        raise WeightsError(f"no weights are called {name!r}; did you mean {', '.join(near)}?")

    def cached(self, name: str) -> Path | None:
        """The file, here or where another package keeps it, if its checksum is right, else None."""
        weight = self.weight(name)
        paths = (self.root / name, *self._elsewhere(name))
        return next((path for path in paths if self._is_right(path, weight)), None)

    def _is_right(self, path: Path, weight: WeightFile) -> bool:
        try:
            stamp = _stamp(path)
            if self._right.get(path) != stamp:
                verify(path, weight)
                self._right[path] = stamp
        except (OSError, WeightsError):
            self._right.pop(path, None)
            return False
        return True

    def get(
        self,
        name: str,
        *,
        progress: bool = False,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
    ) -> Path:
        """The file, downloaded and checked if neither we nor another package have it yet.

        A transfer that was cut off is taken up where it stopped; time-outs are in seconds;
        ``progress`` draws a bar on a terminal. Raises WeightsError when the file cannot be had
        or is not the right one.
        """
        from moodstream.realtime.networks.weights import (
            download,  # a cached file needs nothing of it
        )

        weight = self.weight(name)
        path = self.cached(name)
        if path is not None:
            return path
        target = self.root / name
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with download.locked(self.root / f"{name}.lock"):
                # Another process may have fetched it while this one waited for the lock.
                if not self._is_right(target, weight):
                    limits = download.Limits(connect_timeout, read_timeout)
                    download.fetch(
                        weight.url,
                        target,
                        lambda part: verify(part, weight),
                        limits,
                        progress and sys.stderr.isatty(),
                    )
                    self._right[target] = _stamp(target)
        except OSError as error:
            reason = error.strerror or error
            raise WeightsError(f"cannot write {name} to {self.root}: {reason}") from error
        return target

    def describe(self) -> list[WeightStatus]:
        """Every known file, where it is or would be, and whether it is right."""
        rows = []
        for name, weight in self.known.items():
            path, own = self.cached(name), self.root / name
            state: State = "present" if path is not None else "missing"
            if path is None and own.exists():
                state = "wrong checksum"
            rows.append(WeightStatus(weight, path or own, state))
        return rows


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
