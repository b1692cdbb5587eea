"""A network ready to run, whichever engine runs it."""

from __future__ import annotations

from pathlib import Path

from moodstream.realtime.networks.engines.base import Network, Pixels, Precision, RunsOn


def compile_model(
    path: Path,
    device: RunsOn = "cpu",
    shape: tuple[int, ...] | None = None,
    precision: Precision = "f32",
    streams: int = 1,
    pixels: Pixels | None = None,
) -> Network:
    """A network ready to run on a batch: OpenVINO on the CPU, torch on everything else.

    Args:
        path: An ONNX file, or for OpenVINO its own .xml.
        device: Where it runs.
        shape: Replaces the input shape; -1 is a free dimension. Torch takes any and ignores it.
        precision: What it computes in.
        streams: Calls that run side by side, the CPU's cores divided among them.
        pixels: On the CPU, makes the input pictures (N, H, W, 3) uint8 that are normalised as
            this says; ``shape`` stays (N, 3, H, W).

    Raises:
        MoodstreamError: On a GPU, the package that reads ONNX for torch is missing.
        RuntimeError: The file is damaged.

    Example:
        >>> import numpy as np
        >>> from moodstream.realtime.networks.weights import packaged
        >>> network = compile_model(packaged.embedded())
        >>> (logits,) = network(np.zeros((2, 1, 48, 48), np.float32))
        >>> logits.shape
        (2, 8)
    """
    if device == "cpu":
        from moodstream.realtime.networks.engines.openvino import OpenVinoNetwork

        return OpenVinoNetwork(path, shape, precision, streams, pixels)
    from moodstream.realtime.networks.engines.torch import TorchNetwork, from_onnx

    return TorchNetwork(from_onnx(path), device, precision)
