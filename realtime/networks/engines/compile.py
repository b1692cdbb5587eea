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

    path: an ONNX file, or for OpenVINO its own .xml; shape, if given, replaces the input shape
    (-1 is a free dimension; torch takes any); precision: see ``Precision``;
    streams: calls side by side that the CPU's cores are divided among; pixels: a network on the CPU
    takes pictures (N, H, W, 3) uint8 then, though ``shape`` is (N, 3, H, W). Raises
    MoodstreamError where torch lacks what reads ONNX, and RuntimeError for a damaged file.
    """
    if device == "cpu":
        from moodstream.realtime.networks.engines.openvino import OpenVinoNetwork

        return OpenVinoNetwork(path, shape, precision, streams, pixels)
    from moodstream.realtime.networks.engines.torch import TorchNetwork, from_onnx

    return TorchNetwork(from_onnx(path), device, precision)
