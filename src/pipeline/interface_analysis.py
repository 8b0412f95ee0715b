"""The analysis of the joined air-sea state in a run of the model: a configured method with the run's own files.

A method's configuration may leave out what the experiment has: its transform (the trained autoencoder), its covariance
(the climatological B of `background`, also as a part: `static: {kind: climate}`), its observers and its ensemble.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from pipeline import assimilation, registry
from pipeline.assimilation.base import Analysis
from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.normalization import Normalization
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Space


class Files(Protocol):
    """What is used of a run's specification (`cycling.Run`)."""

    input: dict[str, str]
    background: dict[str, Any]
    nominal: dict[str, float]


class InterfaceAnalysis:
    """The method, and the anomalies that stand about each background.

    Args:
        configuration: `method`, and `ensemble` where it uses one.
        run: its files: statistics, and as needed weights, background, interface, observer, observation_errors.
        space: of the joined state.

    Raises:
        PipelineError: the anomalies' file was made for another state or number of members, or is not finite; or there
            is no ensemble and a covariance waits for one.
    """

    def __init__(self, configuration: Mapping[str, Any], run: Files, space: Space) -> None:
        wanted, climate = configuration["method"], _climate(run)
        if not configuration.get("ensemble") and (weight := weight_of_the_day(wanted)):
            raise PipelineError(
                f"analysis with {wanted['kind']}: a blended covariance has weight {weight} of the day, but there is no "
                "ensemble and it would stay climatological; set `ensemble` beside `method`, or weight: 0"
            )
        allowed = registry.options("assimilation", wanted["kind"])
        self.method = assimilation.build(
            _with_climate(wanted, climate),
            {name: part for name, part in _parts(run, climate).items() if name in allowed},
            space=space,
            operator=Interpolation,
            normalization=Normalization.load(run.input["statistics"], space),
            nominal=run.nominal,
        )
        self.anomalies = None
        if ensemble := configuration.get("ensemble"):
            x = _anomalies(run.input["interface"], (ensemble["members"], space.size))
            self.anomalies = x * ensemble["scale"] ** 0.5

    def __call__(self, background: torch.Tensor, observations: Observations) -> Analysis:
        """The analysis of a background (n,), physical units."""
        ensemble = None if self.anomalies is None else background + self.anomalies
        return self.method.analysis(background, observations, ensemble)


def is_latent(configuration: Mapping[str, Any]) -> bool:
    """Whether a method's configuration needs the trained autoencoder: named, left out, or under the climate's B."""
    allowed = registry.options("assimilation", configuration["kind"])
    left_out = [name for name in ("transform", "covariance") if name in allowed and name not in configuration]
    return bool(left_out) or any(part["kind"] in ("autoencoder", "climate") for part in _components(configuration))


def weight_of_the_day(configuration: Mapping[str, Any]) -> float:
    """The largest weight of an ensemble in the `blended` covariances of a method's configuration; 0: none needs it."""
    weights = [part.get("weight", 0.0) for part in _components(configuration) if part["kind"] == "blended"]
    return max(weights, default=0.0)


def _components(part: Any) -> Iterator[Mapping[str, Any]]:
    """A configuration and all that it holds, as far as it has a kind."""
    if isinstance(part, Mapping):
        if "kind" in part:
            yield part
        part = part.values()
    if not isinstance(part, str) and isinstance(part, Iterable):
        for held in part:
            yield from _components(held)


def _anomalies(file: str, shape: tuple[int, int]) -> torch.Tensor:
    """x'_k (K, n), physical units, of a file that must hold this shape."""
    x = torch.from_numpy(read(file, "x")["x"].values.copy())
    if tuple(x.shape) != shape:
        raise PipelineError(
            f"{file}: x (member, state) is {tuple(x.shape)}, this run's ensemble and state ask for {shape}; "
            "the file is another experiment's or grid's: remove it and start the workflow again"
        )
    bad = ~torch.isfinite(x)
    if bool(bad.any()):
        member = int(bad.any(1).nonzero()[0])
        raise PipelineError(
            f"{file}: {int(bad.sum())} anomalies are not finite, the first in member {member}, where all must be; "
            "look at the nature run, then remove the file and start the workflow again"
        )
    return x


def _parts(run: Files, climate: dict[str, Any]) -> dict[str, Any]:
    """Components that the experiment has."""
    parts = {}
    if "weights" in run.input:
        network = str(Path(run.input["weights"]).parent)
        parts = {"transform": {"kind": "autoencoder", "network": network}, "covariance": climate}
    if "observer" in run.input:
        r = {"kind": "blended", "file": run.input["observation_errors"], "centred": False}
        network = str(Path(run.input["observer"]).parent)
        parts["observers"] = {"kind": "latent_observer", "network": network, "covariance": r}
    return parts


def _climate(run: Files) -> dict[str, Any]:
    """The experiment's climatological B in latent space; empty for a run without the network."""
    if "weights" not in run.input:
        return {}
    if run.background["kind"] != "nmc":
        return {"kind": run.background["kind"]}
    return {name: run.background[name] for name in ("kind", "rank", "inflation")} | {"file": run.input["background"]}


def _with_climate(configuration: Mapping[str, Any], climate: dict[str, Any]) -> dict[str, Any]:
    """A configuration in which every `{kind: climate}` is the climatological B."""
    filled = {}
    for name, value in configuration.items():
        if isinstance(value, Mapping):
            value = climate if value.get("kind") == "climate" else _with_climate(value, climate)
        filled[name] = value
    return filled
