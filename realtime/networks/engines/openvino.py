"""Networks on the CPU by OpenVINO."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.networks.engines import cache
from moodstream.realtime.networks.engines.base import Pixels, Precision, T, cpu_info

_AVX512_VNNI = 23
"""OpenCV's CPU_AVX_512VNNI, which has no name in Python."""

_core_lock = threading.Lock()
_core: Any = None


def core() -> Any:
    """The process's one ``openvino.Core``, which sends no telemetry."""
    global _core
    with _core_lock:
        if _core is None:
            import openvino

            _core = openvino.Core()
        return _core


@lru_cache(1)
def has_bf16() -> bool:
    """Whether this CPU computes in bfloat16 itself, about twice as fast as in float32."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@lru_cache(1)
def has_vnni() -> bool:
    """Whether this CPU multiplies numbers of 8 bits itself, far quicker than in float32."""
    import cv2

    # OpenCV knows nothing of the VNNI of CPUs without AVX-512
    flags = cpu_info().get("flags", "").split()
    return cv2.checkHardwareSupport(_AVX512_VNNI) or "avx_vnni" in flags


def input_shape(path: Path) -> tuple[int, ...]:
    """The shape of a network file's first input, -1 where it is free."""
    shape = core().read_model(str(path)).inputs[0].get_partial_shape()
    return tuple(-1 if side.is_dynamic else side.get_length() for side in shape)


class OpenVinoNetwork:
    """A network file, ONNX, TFLite or OpenVINO's own .xml, compiled for the CPU and cached on disk.

    Outputs are float32 copies in the order of the file.

    Args:
        path: The file.
        shape: Replaces the input shape; -1 is a free dimension. With ``pixels`` channels come
            second whatever the file's order.
        precision: float32 by default, so that figures do not depend on the machine; int8 is for
            files that were quantised, whose other layers run in what the CPU is quickest with.
        streams: Calls, from as many threads, that share the cores: each is slower, all together
            are quicker.
        pixels: The input is pictures (N, H, W, 3) uint8, normalised as this says.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...] | None = None,
        precision: Precision = "f32",
        streams: int = 1,
        pixels: Pixels | None = None,
    ) -> None:
        if precision == "int8":
            precision = "bf16" if has_bf16() else "f32"
        settings: dict[str, str] = {"INFERENCE_PRECISION_HINT": precision}
        if streams == 1:  # one request after another: all cores for each
            settings["PERFORMANCE_HINT"] = "LATENCY"
        else:
            settings["NUM_STREAMS"] = str(streams)
            # Pinned, the streams of two networks wait for one core while another is idle.
            settings["ENABLE_CPU_PINNING"] = "NO"
        self._compiled = _compiled(path, shape, settings, pixels)
        self._free: deque[Any] = deque()

    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Run on one input array; threads may do so at the same time."""
        return self.infer_in_place(
            batch, lambda outputs: [np.array(out, np.float32) for out in outputs]
        )

    def infer_only(self, batch: npt.NDArray[Any]) -> None:
        """Run and leave the outputs where they are; for timing."""
        self.infer_in_place(batch, len)

    def infer_in_place(
        self, batch: npt.NDArray[Any], take: Callable[[list[npt.NDArray[Any]]], T]
    ) -> T:
        """What ``take`` makes of the outputs; it must keep none of them, as they are overwritten.

        An infer request keeps buffers of some MB: there are as many as were ever needed at a time,
        and not one for each of the many threads of a server that come and go.
        """
        from openvino import Tensor

        try:
            request = self._free.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        batch = np.require(batch, requirements=("C", "W"))  # sharing it asks for both
        request.set_input_tensor(Tensor(batch, shared_memory=True))
        request.start_async()  # ``infer`` copies the outputs
        request.wait()
        try:
            return take([tensor.data for tensor in request.output_tensors])
        finally:
            self._free.append(request)


def _compiled(
    path: Path, shape: tuple[int, ...] | None, settings: dict[str, str], pixels: Pixels | None
) -> Any:
    """The network from the cache, or compiled and put there."""
    import openvino

    cpu = core().get_property("CPU", "FULL_DEVICE_NAME")
    name = cache.key(path, shape, settings, pixels, openvino.__version__, cpu)
    blob = cache.load(name)
    if blob is not None:
        try:
            return core().import_model(blob, "CPU", settings)
        except RuntimeError:  # written by another build of the same version of OpenVINO
            pass
    model = core().read_model(str(path))
    if shape is not None:
        if pixels is not None and pixels.channels_last:
            shape = shape[0], *shape[2:], shape[1]
        model.reshape(openvino.PartialShape(list(shape)))
    if pixels is not None:
        model = _from_pixels(model, pixels)
    compiled = core().compile_model(model, "CPU", settings)
    buffer = io.BytesIO()
    compiled.export_model(buffer)
    cache.save(name, buffer.getvalue())
    return compiled


def _from_pixels(model: Any, pixels: Pixels) -> Any:
    """The model with an input of uint8 pictures, which it normalises at hardly any cost.

    In Python the same takes a third of the time of a small detector.
    """
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    change = PrePostProcessor(model)
    change.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    change.input().model().set_layout(Layout("NHWC" if pixels.channels_last else "NCHW"))
    steps = change.input().preprocess().convert_element_type(Type.f32)
    if pixels.swap:
        steps.reverse_channels()
    if any(pixels.mean):
        steps.mean(list(pixels.mean))
    if pixels.scale != (1.0, 1.0, 1.0):
        steps.scale(list(pixels.scale))
    return change.build()
