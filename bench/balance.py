"""What balanced control variables are worth and cost: make bench AREA=balance, after make run EXPERIMENT=climate_scda.

Anomalies of the climate model stand for errors: B is fitted to all of `errors/ensemble.nc` but the last eight, and four
of those are analysed from 150 stations, of temperature and pressure or of wind. Errors are shares of those of the
background, by area over all levels; the peer is a `spectral` covariance of the state itself. CPU seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from report import ROOT, publish, row, timed

from pipeline.assimilation import build
from pipeline.covariances import spectral
from pipeline.models.quasi_geostrophic import gaussian_grid
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Component, Space
from pipeline.spherical_harmonics import SphericalHarmonics
from pipeline.transforms.balance import Balance, fit

STATIONS, HELD_OUT, NOISE = 150, 8, 0.1


def anomalies(path: Path) -> tuple[Space, SphericalHarmonics, torch.Tensor]:
    """u, v, t of all levels and ps, (N, n)."""
    with xr.open_dataset(path) as file:
        nlat, nlon, levels = (file.sizes[name] for name in ("lat", "lon", "level"))
        fields = [file[name].values for name in "uvt"] + [file["ps"].values[:, None]]
    h = SphericalHarmonics((nlon - 1) // 3, nlat, nlon)
    names = (*(f"{name}_{k}" for name in "uvt" for k in range(levels)), "ps")
    space = Space((Component("atmosphere", gaussian_grid(h), names),))
    return space, h, torch.from_numpy(np.concatenate(fields, 1)).double().flatten(1)


def squares(x: torch.Tensor, space: Space) -> dict[str, torch.Tensor]:
    """Mean square by area of wind, temperature and pressure, per level."""
    each = (x.square().mean(0) * space.weights).unflatten(0, (len(space.components[0].variables), -1)).sum(1)
    levels = len(each) // 3
    return {"wind": each[: 2 * levels], "t": each[2 * levels : -1], "ps": each[-1:]}


def stations(space: Space, seen: str, deviation: torch.Tensor) -> Observations:
    """Of all variables that begin with a letter of `seen`, with NOISE of each variable's deviation, (variable,)."""
    rng = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, STATIONS))), rng.uniform(0, 360, STATIONS)
    all_names = space.components[0].variables
    names = sorted(name for name in all_names if name[0] in seen)
    error = [NOISE * float(deviation[all_names.index(name)]) for name in names]
    p = len(names) * STATIONS
    columns = {"time": np.zeros(p, int), "withheld": np.zeros(p, bool), "variable": np.repeat(names, STATIONS)}
    columns |= {"lat": np.tile(lat, len(names)), "lon": np.tile(lon, len(names)), "error": np.repeat(error, STATIONS)}
    value = np.where(columns["variable"] == "ps", 1e5, np.where(np.char.startswith(columns["variable"], "t"), 250.0, 0))
    return Observations(value=value, **columns)


def analysis_errors(method: Any, space: Space, truths: torch.Tensor, network: Observations) -> dict[str, float]:
    """Error of the analyses over that of the backgrounds; these hold the values of `network` at all stations."""
    background = torch.zeros(space.size).double()
    for name in np.unique(network.variable):
        background[space.index(str(name))] = float(network.value[network.variable == name][0])
    operator, left = Interpolation(space, network), []
    for k, truth in enumerate(truths):
        value = operator(background + truth).numpy() + network.error * np.random.default_rng(k).normal(
            size=len(network)
        )
        given = {name: getattr(network, name) for name in ("time", "variable", "lat", "lon", "error", "withheld")}
        left.append(method.analysis(background, Observations(value=value, **given)).increment - truth)
    after, before = squares(torch.stack(left), space), squares(truths, space)
    return {name: float((after[name] / before[name]).mean().sqrt()) for name in after}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ensemble", type=Path, default=ROOT / "results/climate_scda/demo/errors/ensemble.nc")
    space, h, x = anomalies(parser.parse_args().ensemble)
    fields, shape = len(space.components[0].variables), (h.truncation, h.nlat, h.nlon)
    sample = x[:-HELD_OUT] - x[:-HELD_OUT].mean(0)
    truths = (x[-HELD_OUT:] - x[:-HELD_OUT].mean(0))[::2]
    dataset = fit(sample, space)
    transform = Balance(dataset, space)
    z = spectral.fit(transform.encode(sample), fields, *shape, means=transform.places.scalars)
    rows = [row(name, share, "1", "higher") for name, share in dataset.attrs.items() if name.startswith("explained")]
    rows += [row("decode", timed(lambda: transform.decode(truths[0]))[0], "s", "lower")]
    methods = {
        "balance": {"transform": transform, "covariance": {"kind": "spectral", "file": z}},
        "none": {
            "transform": {"kind": "identity"},
            "covariance": {"kind": "spectral", "file": spectral.fit(sample, fields, *shape)},
        },
    }
    common = {"kind": "three_d_var", "minimizer": "gauss_newton", "tolerance": 1e-2, "iterations": 100}
    deviation = torch.cat([*squares(sample, space).values()]).sqrt()
    for seen in ("tp", "uv"):
        network = stations(space, seen, deviation)
        built = {name: build({**common, **m}, space=space, operator=Interpolation) for name, m in methods.items()}
        found = {name: analysis_errors(method, space, truths, network) for name, method in built.items()}
        for name, error in found["balance"].items():
            peer = f"{found['none'][name]:.3f} without"
            rows.append(row(f"{name} from {'mass' if seen == 'tp' else 'wind'}", error, "1", "lower", peer=peer))
    publish("balance", rows)
