"""The verified file of weights behind a name, or the user's own file."""

from __future__ import annotations

import logging
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import names, plugins
from moodstream.realtime.networks.engines.base import RunsOn
from moodstream.realtime.networks.weights import checksums
from moodstream.realtime.networks.weights.catalogue import Kind
from moodstream.realtime.networks.weights.store import WeightStore

logger = logging.getLogger(__name__)


def weights_path(
    asked: str, kind: Kind, device: RunsOn, store: WeightStore, progress: bool = False
) -> Path:
    """The file that ``--detector`` or ``--emotion`` asks for.

    Args:
        asked: A name of ``names.builtin_names(kind)``, or a file.
        kind: What it is a network for.
        device: Where it will run: a GPU takes the .pt file, the CPU the .onnx one.
        store: Where weights are kept, or fetched to.
        progress: Whether a download draws a bar on a terminal.

    Raises:
        MoodstreamError: There is no such name or file, or a pickle that cannot be verified.
        WeightsError: The file cannot be had, or is not the right one.
    """
    if names.is_file(asked):
        path = own_file(Path(asked), kind, store)
        logger.debug("%s: the file %s is the user's own", kind, path)
        return path
    builtin = names.builtin_names(kind)
    if asked not in builtin:
        known = ", ".join((*builtin, *plugins.names(kind, builtin)))
        raise MoodstreamError(f"--{kind} {asked}: expected one of {known}, or a file")
    stem = f"{asked}-lindevs" if kind == "detector" else asked
    pickled, onnx = f"{stem}.pt", f"{stem}.onnx"
    if device != "cpu" and pickled in store.known:
        return store.get(pickled, progress=progress)
    if pickled in store.known and store.cached(onnx) is None:
        # torch is slower on the CPU than OpenVINO, but what is here need not be downloaded again
        cached = store.cached(pickled)
        if cached is not None:
            logger.debug("%s: %s runs by torch, as it is here and %s is not", kind, cached, onnx)
            return cached
    return store.get(onnx, progress=progress)


def own_file(path: Path, kind: Kind, store: WeightStore) -> Path:
    """A file that the user names; a pickle only where its checksum is one we know.

    Raises:
        MoodstreamError: There is no such file, or it cannot be verified.
    """
    if not path.is_file():
        raise MoodstreamError(f"--{kind} {path}: no such file")
    if kind == "detector" and path.suffix.casefold() in (".onnx", ".tflite"):
        return path  # no code in it, and the shape is checked when it is loaded
    if path.name not in store.known:
        raise MoodstreamError(
            f"--{kind} {path}: not one of the files this program can verify "
            f"(see `moodstream models list`)"
        )
    checksums.verify(path, store.known[path.name])
    return path
