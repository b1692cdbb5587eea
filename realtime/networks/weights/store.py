"""The folder of downloaded weights, which hands out verified files only."""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moodstream.realtime.errors import WeightsError as WeightsError
from moodstream.realtime.networks.weights import other_caches
from moodstream.realtime.networks.weights.catalogue import KNOWN, State, WeightFile
from moodstream.realtime.networks.weights.checksums import verify

logger = logging.getLogger(__name__)


def cache_dir() -> Path:
    """The folder of downloaded weights: ``MOODSTREAM_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("MOODSTREAM_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("moodstream", appauthor=False)) / "weights"


@dataclass(frozen=True)
class WeightStatus:
    """What the store knows of one file.

    Attributes:
        weight: The file as it should be.
        path: Where it is or would be.
        state: Whether it is there.
    """

    weight: WeightFile
    path: Path
    state: State


class WeightStore:
    """The folder of downloaded weights; hands out only files whose checksums are right.

    Files that other packages have downloaded are used where they lie, and never changed; see
    ``other_caches`` for the places.

    Args:
        root: The folder; ``cache_dir()`` by default.
        known: Which files there are, by name; ``KNOWN`` by default.
        elsewhere: File name to the paths where other packages may keep it.

    Example:
        >>> store = WeightStore(Path("weights"))
        >>> store.weight("enet_b2_8.onnx").licence
        'Apache-2.0'
        >>> path = store.get("enet_b2_8.onnx", progress=True)  # doctest: +SKIP
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
        """The entry of a file name.

        Raises:
            WeightsError: There is none; the message has the nearest names.
        """
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
        """The verified file, downloaded if neither we nor another package have it yet.

        A transfer that was cut off is resumed where it stopped.

        Args:
            name: Name of the file.
            progress: Whether to draw a bar on a terminal.
            connect_timeout: Seconds to wait for a connection.
            read_timeout: Seconds to wait for the next bytes.

        Raises:
            WeightsError: The file cannot be had, or is not the right one.
        """
        weight = self.weight(name)
        path = self.cached(name)
        if path is not None:
            logger.debug("%s: verified, %s", name, path)
            return path
        from moodstream.realtime.networks.weights import download  # urllib is slow to import

        logger.info("%s: downloading from %s", name, weight.url)
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
        statuses = []
        for name, weight in self.known.items():
            path, own = self.cached(name), self.root / name
            state: State = "present" if path is not None else "missing"
            if path is None and own.exists():
                state = "wrong checksum"
            statuses.append(WeightStatus(weight, path or own, state))
        return statuses


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
