"""Tensors out of a pickled module, without running what the pickle asks for."""

from __future__ import annotations

import pickle
import types
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.networks.weights.store import WeightsError

if TYPE_CHECKING:
    import torch

_MAX_DEPTH = 64


class _Stub:
    """Stands for a module of the file: keeps its state and can do nothing."""

    dump_patches = False  # torch looks at this when it loads the old format
    state: dict[str, Any]

    def __new__(cls, *args: object, **kwargs: object) -> _Stub:
        stub = super().__new__(cls)
        stub.state = {}
        return stub

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.state = state


def state_dict_of(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file written by ``torch.save(model)``, on the CPU, by dotted name.

    Reads the zip format and the one before it, whatever timm or torch wrote it, because no class
    of the file is ever imported: each becomes an inert stand-in. ``classifier.0.`` is named
    ``classifier.``. Raises WeightsError when the pickle asks for anything but modules and
    tensors, or is no such file.
    """
    _check_format(path)
    import torch

    refused: list[str] = []
    loader = restricted_pickle(allowed_globals(), refused)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about class sources that are not there to compare
            root = torch.load(path, "cpu", pickle_module=loader, weights_only=False)
        tensors: dict[str, torch.Tensor] = {}
        _walk(root, "", tensors, 0)
    # A broken or hostile pickle can raise almost anything; nothing of it has run.
    except Exception as error:
        if refused:
            raise WeightsError(
                f"{path} asks to load {refused[0]}, which is no part of a network; refused"
            ) from None
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise WeightsError(f"{path} cannot be read as a PyTorch model: {reason}") from error
    if not tensors:
        raise WeightsError(f"{path} holds no tensors")
    return {name.replace("classifier.0.", "classifier.", 1): t for name, t in tensors.items()}


def _check_format(path: Path) -> None:
    # torch.load would unpack a tar, or run a TorchScript archive: neither is asked for here.
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK":
            with zipfile.ZipFile(path) as archive:
                scripted = any(n.endswith("/constants.pkl") for n in archive.namelist())
        else:
            scripted = start != b"\x80\x02"
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    if scripted:
        raise WeightsError(f"{path} is not a model written by torch.save")


def allowed_globals() -> dict[tuple[str, str], Any]:
    """Every global that a pickle may name, beside classes of timm and torch.nn."""
    import torch

    names: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch", "Size"): torch.Size,
        # Wrapped, so that a pickle cannot set attributes on torch's own functions.
        ("torch._utils", "_rebuild_tensor_v2"): lambda *a: torch._utils._rebuild_tensor_v2(*a),
        ("torch._utils", "_rebuild_parameter"): lambda *a: torch._utils._rebuild_parameter(*a),
    }
    for module in ("builtins", "__builtin__"):
        for builtin in (set, frozenset, dict, list, tuple, int, float, bool, complex, slice):
            names[module, builtin.__name__] = builtin
    for dtype in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte"):
        names["torch", f"{dtype}Storage"] = getattr(torch, f"{dtype}Storage")
    names["torch", "BoolStorage"] = torch.BoolStorage
    return names


def restricted_pickle(allowed: dict[tuple[str, str], Any], refused: list[str]) -> Any:
    """What torch.load uses of a pickle module, with a find_class that knows only ``allowed``."""
    stubs: dict[tuple[str, str], type[_Stub]] = {}

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) in allowed:
                return allowed[module, name]
            if "." not in name and module.startswith(("timm.", "torch.nn.")):
                return stubs.setdefault((module, name), type(name, (_Stub,), {}))
            refused.append(f"{module}.{name}")
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def load(file: Any, **options: Any) -> Any:
        return Unpickler(file, **options).load()

    return types.SimpleNamespace(__name__="restricted", Unpickler=Unpickler, load=load)


def _walk(node: Any, prefix: str, out: dict[str, torch.Tensor], depth: int) -> None:
    import torch

    if depth > _MAX_DEPTH or not isinstance(node, _Stub):
        raise WeightsError(f"expected a module at {prefix.rstrip('.') or 'the top'}")
    passing = node.state.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (node.state.get(kind) or {}).items():
            if tensor is None or name in passing:
                continue
            if not isinstance(tensor, torch.Tensor):
                raise WeightsError(f"expected a tensor at {prefix}{name}")
            out[f"{prefix}{name}"] = tensor.detach()
    for name, child in (node.state.get("_modules") or {}).items():
        if child is not None:
            _walk(child, f"{prefix}{name}.", out, depth + 1)
