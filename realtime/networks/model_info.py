"""What a network is, by its files, and whether it has the precision that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import Precision, RunsOn
from moodstream.realtime.networks.models import ModelInfo, ModelSettings
from moodstream.realtime.networks.plugins import Plugin
from moodstream.realtime.networks.weights import checksums, packaged


def info_of_file(name: str, path: Path, engine: str, device: RunsOn) -> ModelInfo:
    """What the network of a file is; of OpenVINO's .xml with the .bin beside it."""
    files = packaged.files_of(path)
    sums = " ".join(map(checksums.sha256_of, files))
    return ModelInfo(name, " ".join(file.name for file in files), sums, engine, device)


def info_of_plugin(plugin: Plugin, device: RunsOn) -> ModelInfo:
    """What the network of a plug-in is."""
    return ModelInfo(plugin.name, plugin.package, "", "plug-in", device)


def info_of_several(name: str, infos: Sequence[ModelInfo]) -> ModelInfo:
    """What networks that vote are together; what some of them lack, such as a file, is left out."""

    def joined(values: list[str]) -> str:
        return " ".join(dict.fromkeys(filter(None, values)))

    return ModelInfo(
        name,
        file=joined([info.file for info in infos]),
        sha256=joined([info.sha256 for info in infos]),
        engine=joined([info.engine for info in infos]),
        device=joined([info.device for info in infos]),
    )


def engine_name(engine: str, precision: Precision) -> str:
    """The engine, and the precision where that is not float32."""
    return engine if precision == "f32" else f"{engine} {precision}"


def refuse_int8(settings: ModelSettings, name: str) -> None:
    """Raise MoodstreamError if int8 is asked for, for a network that has no int8 version."""
    if settings.precision == "int8":
        raise MoodstreamError(
            f"--precision int8: {name} has no int8 version; use auto, f32 or bf16, or "
            f"--models embedded"
        )
