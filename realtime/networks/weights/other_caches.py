"""Where other packages keep weights that this one can use, so that nothing is downloaded twice.

===========================  ==========================================================
weights                      places
===========================  ==========================================================
HSEmotion, ``.pt``           ``~/.hsemotion``, of the package hsemotion
HSEmotion, ``.onnx``         ``~/.emotiefflib``, of the package emotiefflib
YOLOv8-face, all             ``weights_dir`` of ultralytics' ``settings.json``, which lies in
                             the folder ``Ultralytics`` of ``YOLO_CONFIG_DIR``, else of the
                             user's configuration folder; then the working folder
===========================  ==========================================================

Nothing is written there, and a file counts only where its checksum is right (see ``WeightStore``).
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path


def places(name: str) -> Iterator[Path]:
    """Every path at which a file of weights may lie outside the store, likeliest first.

    Args:
        name: The file's name, such as ``enet_b0_8_best_vgaf.pt``.

    Yields:
        Paths that need not exist.

    Example:
        >>> [path.parent.name for path in places("enet_b0_8_best_vgaf.pt")]
        ['.hsemotion']
    """
    if name.startswith("yolo"):
        yield from (folder / name for folder in _ultralytics_weights())
        yield Path(name).absolute()  # where ultralytics itself looks first and downloads to
        return
    folder = ".hsemotion" if name.endswith(".pt") else ".emotiefflib"
    home = _home()
    if home is not None:
        yield home / folder / name


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # a service may have none
        return None


def _ultralytics_weights() -> Iterator[Path]:
    """The folders that ultralytics' settings files name; a relative one counts from here."""
    for folder in _config_folders():
        try:
            path = folder / "Ultralytics" / "settings.json"
            chosen = json.loads(path.read_text("utf-8"))["weights_dir"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no settings, or not in a form that we know
        if isinstance(chosen, str):
            yield Path(chosen).absolute()


def _config_folders() -> Iterator[Path]:
    """The parents of ultralytics' settings folder: the chosen one, then the system's own."""
    if chosen := os.environ.get("YOLO_CONFIG_DIR"):
        yield Path(chosen).expanduser()
    home, system = _home(), platform.system()
    if system == "Linux" and (config := os.environ.get("XDG_CONFIG_HOME")):
        yield Path(config)
    elif home is not None:
        inside = {"Darwin": "Library/Application Support", "Windows": "AppData/Roaming"}
        yield home / inside.get(system, ".config")
