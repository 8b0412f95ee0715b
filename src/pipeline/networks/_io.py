"""Weights on disk: `weights.safetensors` beside `model.json`. Nothing is unpickled.

`model.json` holds what is needed to build the network again and to refuse a wrong use: kind, options, a description of
the space (shapes, variables, hashes of masks and coordinates), the normalization of its inputs, a provenance block and
the hash of the weights it belongs to.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.networks.base import Network, plain
from pipeline.spaces import Space

WEIGHTS, MODEL = "weights.safetensors", "model.json"


def save_network(
    directory: str | Path, network: Network, normalization: dict[str, Any], provenance: dict[str, Any] | None = None
) -> None:
    """Write `weights.safetensors` and `model.json` into a directory.

    Args:
        directory: made where it does not exist.
        network: its `kind`, `options` and `space` go into `model.json`.
        normalization: how its inputs are normalized, as JSON can hold it.
        provenance: configuration hash, commit, seeds, versions.
    """
    from safetensors.torch import save

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    weights = save(state)
    model = {
        "kind": network.kind,
        "options": network.options,
        "space": network.space.description(),
        "normalization": normalization,
        "provenance": provenance or {},
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    text = json.dumps(model, indent=2, allow_nan=False) + "\n"
    with atomic(Path(directory) / WEIGHTS) as path:
        path.write_bytes(weights)
    with atomic(Path(directory) / MODEL) as path:
        path.write_text(text, encoding="utf-8")


def read_model(directory: str | Path) -> dict[str, Any]:
    """The content of `model.json`.

    Raises:
        PipelineError: missing, or not what `save_network` writes.
    """
    path = Path(directory) / MODEL
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: not found; train the network first, or name the directory it was saved in"
        ) from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"{path}: cannot be read ({error}); train the network again") from None
    missing = [key for key in ("kind", "options", "space", "weights_sha256") if key not in model]
    if missing:
        raise PipelineError(f"{path}: no key {missing[0]!r}; it was not written by this pipeline")
    return model


def load_network(
    directory: str | Path, space: Space, kind: str | None = None, options: dict[str, Any] | None = None
) -> Network:
    """A trained network, in evaluation mode, on the CPU.

    Args:
        directory: where `save_network` wrote.
        space: the space it shall work on.
        kind, options: what the configuration asks for, where it says so; options left out are not compared.

    Raises:
        PipelineError: a file is missing, truncated or of another training; the network is of another kind, has other
            options or lives on another space. The message names the key and both values.
    """
    path = Path(directory)
    model = read_model(path)
    _compare(path / MODEL, "kind", model["kind"], kind if kind is not None else model["kind"])
    for key, wanted in (options or {}).items():
        _compare(path / MODEL, f"options.{key}", model["options"].get(key), plain(wanted))
    _compare_spaces(path / MODEL, model["space"], space.description())
    network = registry.build("networks", model["kind"], space=space, **model["options"])
    _load_weights(network, path / WEIGHTS, model["weights_sha256"])
    return network.eval()


def _load_weights(network: Network, path: Path, expected: str) -> None:
    from safetensors.torch import load

    if not path.is_file():
        raise PipelineError(f"{path}: not found, though {MODEL} is there; train the network again")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != expected:
        raise PipelineError(
            f"{path}: {len(data)} bytes that are not those {MODEL} was written for (truncated or replaced); "
            "copy both files again or train the network again"
        )
    try:
        network.load_state_dict(load(data))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise PipelineError(
            f"{path}: does not fit network {network.kind!r} ({reason}); train the network again"
        ) from None


def _compare(path: Path, key: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise PipelineError(
            f"{path}: the network was trained with {key} = {json.dumps(found)}, the configuration says "
            f"{json.dumps(wanted)}; change it back or train again"
        )


def _compare_spaces(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    if list(found) != list(wanted):
        _compare(path, "space", list(found), list(wanted))
    for component, description in wanted.items():
        for key, value in description.items():
            _compare(path, f"space.{component}.{key}", found[component].get(key), value)
