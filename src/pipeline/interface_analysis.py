"""The analysis of the joined air-sea state in a run of the model: a configured method with the run's own files.

A method's configuration may leave out what the experiment has: its transform (the trained autoencoder), its covariance
(the climatological B of `background`, also as a part: `static: {kind: climate}`), its observers and its ensemble.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from pipeline import assimilation, registry
from pipeline.assimilation.base import Analysis
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
        run: its files: weights, statistics, background, and as needed interface, observer, observation_errors.
        space: of the joined state.
    """

    def __init__(self, configuration: Mapping[str, Any], run: Files, space: Space) -> None:
        wanted, climate = configuration["method"], _climate(run)
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
            x = torch.from_numpy(read(run.input["interface"], "x")["x"].values.copy())
            self.anomalies = x * ensemble["scale"] ** 0.5

    def __call__(self, background: torch.Tensor, observations: Observations) -> Analysis:
        """The analysis of a background (n,), physical units."""
        ensemble = None if self.anomalies is None else background + self.anomalies
        return self.method.analysis(background, observations, ensemble)


def _parts(run: Files, climate: dict[str, Any]) -> dict[str, Any]:
    """Components that the experiment has."""
    network = str(Path(run.input["weights"]).parent)
    parts = {"transform": {"kind": "autoencoder", "network": network}, "covariance": climate}
    if "observer" in run.input:
        r = {"kind": "blended", "file": run.input["observation_errors"], "centred": False}
        network = str(Path(run.input["observer"]).parent)
        parts["observers"] = {"kind": "latent_observer", "network": network, "covariance": r}
    return parts


def _climate(run: Files) -> dict[str, Any]:
    """The experiment's climatological B in latent space."""
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
