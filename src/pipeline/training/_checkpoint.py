"""Checkpoints of a training run: one file, replaced whole after every epoch and when the run is told to stop."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from pipeline.errors import PipelineError
from pipeline.files import atomic

NAME = "checkpoint.pt"


class Interrupted(PipelineError):
    """Training was told to stop; a checkpoint is there and the same command goes on."""


def write(directory: Path, state: dict[str, Any]) -> Path:
    """Write a checkpoint: tensors, numbers, strings, lists and dictionaries."""
    path = directory / NAME
    with atomic(path) as temporary:
        torch.save(state, temporary)
    return path


def encode_signature(signature: dict[str, Any]) -> str:
    """The signature as it stands in a checkpoint."""
    return json.dumps(signature, sort_keys=True)


def read(directory: Path, signature: dict[str, Any]) -> dict[str, Any] | None:
    """The checkpoint of an interrupted run, or None where there is none.

    Raises:
        PipelineError: it cannot be read, or belongs to a run with other settings; the message names the first.
    """
    path = directory / NAME
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = json.loads(state["signature"])
    except Exception as error:
        raise PipelineError(f"{path}: not a checkpoint ({type(error).__name__}); remove it to start afresh") from None
    wanted = json.loads(encode_signature(signature))
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            raise PipelineError(
                f"{path}: belongs to a run with {key} = {found.get(key)!r}, now it is {wanted.get(key)!r}; "
                "set it back to go on, or remove the file to start afresh"
            )
    return state


class StopRequest:
    """Listens for SIGUSR1, SIGTERM and the wall-clock budget while training runs.

    Attributes:
        reason: empty until something asks to stop.
    """

    def __init__(self, max_minutes: float | None) -> None:
        self.reason = ""
        self._deadline = time.monotonic() + 60 * max_minutes if max_minutes is not None else None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGUSR1, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether to stop now."""
        if not self.reason and self._deadline is not None and time.monotonic() >= self._deadline:
            self.reason = "max_minutes"
        return bool(self.reason)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.reason = signal.Signals(number).name
