"""Lightning Fabric set up from the settings: device, precision, processes."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import torch

from pipeline.errors import PipelineError
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


def fabric_of(settings: Settings) -> Fabric:
    """A launched Fabric. On a CPU the precision is always 32 bits.

    Raises:
        PipelineError: no such device or precision, Lightning Fabric is missing, or several devices are asked of a
            process that was started alone.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise PipelineError("training needs the package lightning-fabric; install it in this environment") from None
    if settings.precision not in PRECISIONS:
        raise PipelineError(f"training.precision: {settings.precision!r}; choose one of {', '.join(PRECISIONS)}")
    accelerator = _accelerator(settings.accelerator)
    with warnings.catch_warnings():  # a single process on a machine that happens to have SLURM is as intended
        warnings.filterwarnings("ignore", message=".*`srun` command is available")
        fabric = _launched(Fabric, settings, accelerator)
    return fabric


def _launched(kind: type, settings: Settings, accelerator: str) -> Fabric:
    several = settings.devices > 1
    fabric = kind(
        accelerator=accelerator,
        devices=settings.devices,
        num_nodes=_nodes(settings.devices) if several else 1,
        strategy="ddp" if several else "auto",
        precision=_precision(settings.precision, accelerator),
    )
    fabric.launch()
    return fabric


def _precision(name: str, accelerator: str) -> str:
    """32 bits on a CPU whatever is asked for; `auto` is the mixed precision that the GPU is made for."""
    if accelerator != "cuda":
        return "32-true"
    if name == "auto":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return name


def _accelerator(name: str) -> str:
    gpu = torch.cuda.is_available()
    if name not in ("auto", "cpu", "cuda"):
        raise PipelineError(f"training.accelerator: {name!r}; choose one of auto, cpu, cuda")
    if name == "cuda" and not gpu:
        raise PipelineError("training.accelerator: cuda, but PyTorch sees no GPU here; say auto or cpu")
    return ("cuda" if gpu else "cpu") if name == "auto" else name


def _nodes(devices: int) -> int:
    """Number of nodes, from what started this process: torchrun or srun."""
    if "LOCAL_WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"]) // int(os.environ["LOCAL_WORLD_SIZE"])
    if "SLURM_PROCID" in os.environ and int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        return int(os.environ["SLURM_NNODES"])
    raise PipelineError(
        f"training.devices: {devices}, but this process was started alone; "
        f"start it with torchrun --nproc-per-node {devices} or with srun, one task per device"
    )
