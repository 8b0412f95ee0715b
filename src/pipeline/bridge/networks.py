"""A PyTorch network in place of a Fortran routine: a callback that maps columns of Fortran arrays, y_i = N(x_i).

    network = load("emulator.pt2")                                        # once per process, on the GPU if there is one
    model.register("emulator", NetworkCallback(network, inputs=2))        # every rank runs it on its own columns
    model.register("emulator", GatheredCallback("emulator.pt2", comm))    # one rank per device runs it for all

    call callback_call(id, [callback_input(t), callback_input(q), callback_array(heating)], rc)

Columns go through the network in blocks, whose intermediate results stay in the processor's cache: that is faster than
all at once. Where the element type, the order in memory or the device differ, a block is converted through a buffer
that is made once; where nothing differs, the network reads Fortran's memory.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from pipeline.bridge.networks_loading import device_of, dtype_of, load
from pipeline.errors import PipelineError

__all__ = ["Columns", "NetworkCallback", "columns_of", "device_of", "dtype_of", "load"]

FEATURES = ("first", "last", "none")
BLOCK = {"cpu": 2048, "cuda": 65536}
"""Columns per block where none are asked for."""


class Columns:
    """Runs a network over columns.

    Args:
        network: maps (n, sum of the inputs' features) to (n, sum of the outputs' features), any n.
        block: columns that go through the network at once.
        reproducible: give the network blocks of one size only, the last one filled up. A column's result then does not
            depend on how many others there are, so neither on the number of ranks. Without it, the matrix products of
            very small blocks (below about five columns) may round differently.
    """

    def __init__(self, network: nn.Module, block: int | None = None, reproducible: bool = False):
        self.network, self.dtype, self.reproducible = network, dtype_of(network), reproducible
        self.device = next((t.device for t in (*network.parameters(), *network.buffers())), torch.device("cpu"))
        self.block = block or BLOCK[self.device.type]
        self._stages: dict[tuple[str, int], torch.Tensor] = {}
        _say_once_about_read_only_arrays()

    @torch.inference_mode()
    def run(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        """Fill `outputs` from `inputs`; lists of (n, features) views with one n.

        Raises:
            PipelineError: the network returned another shape.
        """
        x, y = self._direct(inputs), self._direct(outputs)
        n = len(inputs[0])
        if x is not None and y is not None and n <= self.block and not self.reproducible:
            y.copy_(self._checked(self.network(x), n, y.shape[1]))  # the common case, without further ado
            return
        width = sum(array.shape[1] for array in outputs)
        for begin in range(0, n, self.block):
            part = slice(begin, min(begin + self.block, n))
            block = x[part] if x is not None and not self.reproducible else self._gather(inputs, part)
            result = self._checked(self.network(block), len(block), width)[: part.stop - begin]
            if y is not None:
                y[part].copy_(result)
            else:
                self._scatter(result, outputs, part)

    def _direct(self, arrays: Sequence[np.ndarray]) -> torch.Tensor | None:
        """The array itself as a tensor, where the network can work on it."""
        if len(arrays) > 1 or self.device.type != "cpu" or not arrays[0].flags.c_contiguous:
            return None
        tensor = torch.from_numpy(arrays[0])
        return tensor if tensor.dtype == self.dtype else None

    def _gather(self, arrays: Sequence[np.ndarray], part: slice) -> torch.Tensor:
        """A block in the network's type, order and device."""
        count = part.stop - part.start
        stage = self._stage("in", sum(array.shape[1] for array in arrays))
        numbers, first = stage.numpy(), 0
        for array in arrays:
            np.copyto(numbers[:count, first : first + array.shape[1]], array[part], casting="same_kind")
            first += array.shape[1]
        if self.reproducible:
            numbers[count:] = numbers[:1]  # as harmless to the network as the first column is
            count = self.block
        return stage[:count].to(self.device, non_blocking=True)

    def _scatter(self, result: torch.Tensor, arrays: Sequence[np.ndarray], part: slice) -> None:
        if self.device.type != "cpu":
            stage = self._stage("out", result.shape[1])[: len(result)]
            result = stage.copy_(result)  # waits for the device
        numbers, first = result.numpy(), 0
        for array in arrays:
            np.copyto(array[part], numbers[:, first : first + array.shape[1]], casting="same_kind")
            first += array.shape[1]

    def _stage(self, name: str, width: int) -> torch.Tensor:
        """Buffer of one block on this side of the device; page-locked where a GPU reads it."""
        if (name, width) not in self._stages:
            pin = self.device.type == "cuda"
            self._stages[name, width] = torch.empty(self.block, width, dtype=self.dtype, pin_memory=pin)
        return self._stages[name, width]

    def _checked(self, result: torch.Tensor, n: int, width: int) -> torch.Tensor:
        if result.shape != (n, width):
            raise PipelineError(
                f"network: {tuple(result.shape)} came out for {n} columns, the output arrays hold {(n, width)}; "
                "check `inputs`, `outputs` and `features`"
            )
        return result


class NetworkCallback:
    """A network on this rank's own columns, to be registered.

    Args:
        network: see `Columns`, or the file of one, see `load`.
        inputs, outputs: the first `inputs` arrays of the call are read, the last `outputs` are written; with a single
            array it is worked on in place.
        features: which axis of an array holds a column's features. `first`: x(levels, ...), contiguous columns;
            `last`: x(..., levels); `none`: each element is a column. An array with one dimension less than the others,
            such as ps(nlon, nlat) beside t(nlev, nlon, nlat), has one feature.
        block, reproducible: see `Columns`.
        device, dtype: see `load`.
    """

    def __init__(
        self,
        network: nn.Module | str | os.PathLike,
        inputs: int = 1,
        outputs: int = 1,
        features: str = "first",
        block: int | None = None,
        reproducible: bool = False,
        device: str = "auto",
        dtype: torch.dtype | None = None,
    ):
        self._engine = Columns(load(network, device, dtype), block, reproducible)
        self._bind(inputs, outputs, features)

    def _bind(self, inputs: int, outputs: int, features: str) -> None:
        if features not in FEATURES:
            raise PipelineError(f"features: {features!r}; choose one of {', '.join(FEATURES)}")
        self.inputs, self.outputs, self.features = inputs, outputs, features

    def __call__(self, *arrays: np.ndarray) -> None:
        """What Fortran calls: views of its arrays."""
        self._engine.run(*self.arrange(arrays))

    def arrange(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Inputs and outputs as (columns, features).

        Raises:
            PipelineError: too few arrays, or arrays that do not hold the same columns.
        """
        if len(arrays) < max(self.inputs, self.outputs):
            wanted = f"{self.inputs} inputs and {self.outputs} outputs"
            raise PipelineError(f"network: expected {wanted}, Fortran passed {len(arrays)} arrays")
        columns = columns_of(arrays, self.features)
        return columns[: self.inputs], columns[len(columns) - self.outputs :]


def columns_of(arrays: Sequence[np.ndarray], features: str) -> list[np.ndarray]:
    """Fortran-ordered arrays as (columns, features), without a copy.

    Args:
        arrays: views of Fortran arrays; those of lower rank have one feature.
        features: `first`, `last` or `none`, see `NetworkCallback`.

    Raises:
        PipelineError: the arrays do not hold the same number of columns.
    """
    rank = max(array.ndim for array in arrays)
    views = [_as_columns(array, features if array.ndim == rank else "none") for array in arrays]
    if any(len(view) != len(views[0]) for view in views):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise PipelineError(
            f"network: arrays of shapes {shapes} hold different numbers of columns; features: {features!r}"
        )
    return views


def _as_columns(array: np.ndarray, features: str) -> np.ndarray:
    if features == "first":
        return (array if array.ndim == 2 else array.reshape((array.shape[0], -1), order="F")).T
    if features == "last":
        return array if array.ndim == 2 else array.reshape((-1, array.shape[-1]), order="F")
    return array.reshape((-1, 1), order="F")


def _say_once_about_read_only_arrays() -> None:
    """PyTorch warns, once per process, of a tensor on read-only memory; the network's inputs are never written."""
    read_only = np.zeros(1)
    read_only.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.from_numpy(read_only)
