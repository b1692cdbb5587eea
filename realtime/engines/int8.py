"""Networks in int8: quantised by NNCF from the sample footage, once, and kept."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from moodstream.realtime import weights
from moodstream.realtime.engines import cache
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import F32, Image

_FRAMES = 12
"""Pictures taken of each sample clip."""

_FLOAT = ("GroupConvolution", "ConvolutionBackpropData")
"""Layers that stay as they are: OpenVINO runs the first in float anyway."""


def quantised(
    path: Path, batches: Callable[[], Sequence[F32]], shape: tuple[int, ...] | None = None
) -> Path:
    """The int8 version (.xml) of an ONNX file, from the cache folder or made and put there.

    batches: what the network is calibrated on, asked for only where it must be made (minutes);
    shape: the input's, -1 for free dimensions. Raises MoodstreamError where NNCF is not
    installed or the folder cannot be written to.
    """
    folder = weights.cache_dir() / "int8"
    target = folder / f"{path.stem}-{cache.key(path, _FRAMES, _FLOAT)[:16]}.xml"
    if target.is_file() and target.with_suffix(".bin").is_file():
        return target
    try:
        print(f"moodstream: quantising {path.name} once, which takes minutes", file=sys.stderr)
        # what NNCF shows of its progress is not for a pipe that reads our results
        with contextlib.redirect_stdout(sys.stderr):
            save(make(path, batches, shape), target)
    except ImportError:
        raise MoodstreamError(
            f"--precision int8 needs NNCF for {path.name}: pip install 'moodstream[int8]'"
        ) from None
    except OSError as error:
        raise MoodstreamError(f"{folder}: cannot be written ({error})") from error
    return target


def make(
    path: Path,
    batches: Callable[[], Sequence[F32]],
    shape: tuple[int, ...] | None = None,
    exact: Sequence[str] = (),
) -> Any:
    """The int8 version of an ONNX file as an ``openvino.Model``.

    exact: regular expressions of how the names of layers begin that stay in float; the rest as in
    ``quantised``. Raises ImportError where NNCF is not installed.
    """
    os.environ.setdefault("NNCF_DEV", "1")  # sends no telemetry
    import nncf
    import openvino
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    from moodstream.realtime.engines.openvino import core

    model = core().read_model(str(path))
    if shape is not None:
        model.reshape(openvino.PartialShape(list(shape)))
    data = batches()
    leave = nncf.IgnoredScope(patterns=list(exact), types=list(_FLOAT), validate=False)
    return nncf.quantize(
        model,
        nncf.Dataset(data),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(data),
        ignored_scope=leave,
        advanced_parameters=AdvancedQuantizationParameters(
            # NNCF's own ranges are means of each picture's extremes. They cut off what is large
            # in some pictures only, as faces are: small ones were lost, and emotions misread.
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
            overflow_fix=OverflowFix.DISABLE,  # for CPUs without VNNI, which int8 is not for
        ),
    )


def save(model: Any, target: Path) -> None:
    """Write a network as ``target`` (.xml) and its .bin, whole or not at all."""
    import openvino

    if model.has_rt_info("nncf"):
        del model.get_rt_info()["nncf"]  # its settings: what is in the file is what counts
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as part:
        openvino.save_model(model, Path(part) / "model.xml")
        for suffix in (".bin", ".xml"):  # the .xml last: with it the network counts as there
            (Path(part) / f"model{suffix}").replace(target.with_suffix(suffix))


def sample_pictures() -> list[Image]:
    """Pictures of the sample clips and photos, which come through the package index."""
    import cv2
    import numpy as np

    from moodstream.samples.fetch import fetch

    found: list[Image] = []
    for path in fetch().values():
        if path.suffix not in (".mp4", ".mov"):
            picture = cv2.imread(str(path))
            found += [] if picture is None else [np.asarray(picture, np.uint8)]
            continue
        video = cv2.VideoCapture(str(path))
        total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for index in range(_FRAMES):
            video.set(cv2.CAP_PROP_POS_FRAMES, index * total // _FRAMES)
            ok, picture = video.read()
            found += [np.asarray(picture, np.uint8)] if ok else []
        video.release()
    return found
