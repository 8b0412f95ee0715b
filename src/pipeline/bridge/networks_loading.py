"""Networks from files: TorchScript and torch.export archives, each loaded once per process.

A network is known by its file's content, so that a file written anew is loaded anew and a copy of it is not. A pickled
module runs the code of whoever wrote it, and is refused.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from pipeline.errors import PipelineError

_loaded: dict[tuple[str, str, torch.dtype | None], nn.Module] = {}


def load(source: nn.Module | str | os.PathLike, device: str = "auto", dtype: torch.dtype | None = None) -> nn.Module:
    """A network ready for inference: on its device, in evaluation mode.

    Args:
        source: a module of this process, or a file: TorchScript (`torch.jit.save`) or `torch.export.save`.
        device: `cpu`, `cuda`, `cuda:1`, ...; `auto` is the first GPU where there is one.
        dtype: what to convert the weights to; None leaves them as they are.

    Raises:
        PipelineError: no such file, another kind of file, no such device.
    """
    place = device_of(device)
    if isinstance(source, nn.Module):
        return _settle(source, place, dtype)
    path = Path(source)
    try:
        mark = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror}; a network was expected (.pt2 or TorchScript)") from None
    key = mark, str(place), dtype
    if key not in _loaded:
        _loaded[key] = _settle(_read(path), place, dtype)
    return _loaded[key]


def device_of(name: str) -> torch.device:
    """The device a name stands for on this machine.

    Raises:
        PipelineError: not a device of PyTorch, or a GPU that PyTorch does not see.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise PipelineError(f"device {name!r}: choose auto, cpu, cuda or cuda:<number>") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise PipelineError(f"device {name!r}: PyTorch sees {torch.cuda.device_count()} GPUs here; say auto or cpu")
    return device


def dtype_of(network: nn.Module) -> torch.dtype:
    """The type a network computes in: that of its first real parameter or buffer; PyTorch's default without any."""
    tensors = (*network.parameters(), *network.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.get_default_dtype())


def _read(path: Path) -> nn.Module:
    kind = _kind(path)
    try:
        if kind == "export":
            return torch.export.load(path).module()
        with warnings.catch_warnings():  # PyTorch calls the format deprecated; files in it exist all the same
            warnings.filterwarnings("ignore", message=".*torch.jit.load", category=DeprecationWarning)
            return torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PipelineError(f"{path}: PyTorch {torch.__version__} cannot read it: {reason}") from None


def _kind(path: Path) -> str:
    """`script` or `export`, by what the archive contains."""
    if not zipfile.is_zipfile(path):
        raise PipelineError(f"{path}: not an archive of PyTorch; write it with torch.export.save or torch.jit.save")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    inside = [name.partition("/")[2] or name for name in names]
    if any(name.startswith("code/") for name in inside):
        return "script"
    if any("archive_format" in name or name.endswith("exported_program.json") for name in names):
        return "export"
    raise PipelineError(
        f"{path}: a pickled module or weights alone, which are not loaded; write it with torch.export.save, "
        "or build the module in Python, load its weights there and pass the module"
    )


def _settle(network: nn.Module, device: torch.device, dtype: torch.dtype | None) -> nn.Module:
    network = network.to(device) if dtype is None else network.to(device, dtype)
    # an exported network has no mode left to switch, and says so with an exception
    return network if isinstance(network, torch.fx.GraphModule) else network.eval()
