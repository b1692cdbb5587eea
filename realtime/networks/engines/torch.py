"""Networks on GPUs by torch; on the CPU the same code runs slower than OpenVINO does."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import Precision, T

if TYPE_CHECKING:
    from torch import Tensor, nn


def reads_onnx() -> bool:
    """Whether onnx2torch, which turns ONNX files into torch modules, is installed."""
    return importlib.util.find_spec("onnx2torch") is not None


def from_onnx(path: Path) -> nn.Module:
    """The network of an ONNX file as a torch module with float32 weights.

    Raises:
        MoodstreamError: The package onnx2torch is missing.
    """
    if not reads_onnx():
        raise MoodstreamError(
            f"{path.name} needs onnx2torch to run on a GPU: pip install 'moodstream[gpu]'"
        )
    import onnx
    from onnx import helper, numpy_helper
    from onnx2torch import convert

    model = onnx.load(str(path))
    # Weights stored in half precision and cast while running would keep layers in float32.
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "Cast" and n.input[0] in weights]:
        kind = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
        value = numpy_helper.to_array(weights[node.input[0]]).astype(kind)
        model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        model.graph.node.remove(node)
    return convert(model)


class TorchNetwork:
    """A torch module that is ready to run on a device.

    On CUDA weights and batches are laid out channels last, which is quickest for convolutions.

    Args:
        module: The network, with float32 weights.
        device: "cuda", "cuda:1", "mps" or "cpu".
        precision: f32, f16 or bf16.
    """

    def __init__(self, module: nn.Module, device: str, precision: Precision = "f32") -> None:
        import torch

        kinds = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
        self.device, self.precision = torch.device(device), precision
        self._form: dict[str, Any] = {"dtype": kinds[precision]}
        if self.device.type == "cuda":
            self._form["memory_format"] = torch.channels_last
        self._module = module.eval().to(self.device, **self._form)
        self.infer_only = _TransferFree(self)

    def run(self, batch: Tensor) -> list[Tensor]:
        """The outputs, float32, for a batch (N, C, H, W); everything stays on the device."""
        import torch

        with torch.inference_mode():
            outputs = self._module(batch.to(self.device, **self._form))
        several = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return [out.float() for out in several if isinstance(out, torch.Tensor)]

    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Run on a numpy array and return numpy arrays; both ways are copies."""
        import torch

        return [out.cpu().numpy() for out in self.run(torch.from_numpy(batch))]

    def infer_in_place(
        self, batch: npt.NDArray[Any], take: Callable[[list[npt.NDArray[Any]]], T]
    ) -> T:
        """What ``take`` makes of the outputs."""
        return take(self(batch))


class _TransferFree:
    """Runs the network without transfers, for timing: the batch stays on the device."""

    def __init__(self, network: TorchNetwork) -> None:
        self._network = network
        self._batch: tuple[int, Tensor] | None = None

    def __call__(self, batch: npt.NDArray[Any]) -> None:
        import torch

        if self._batch is None or self._batch[0] != id(batch):
            self._batch = id(batch), torch.from_numpy(batch).to(self._network.device)
        self._network.run(self._batch[1])
        if self._network.device.type == "cuda":
            torch.cuda.synchronize(self._network.device)
