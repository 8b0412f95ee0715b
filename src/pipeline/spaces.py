"""Coordinates of a state: grids, variables, components, and the one place where xarray turns into tensors.

A method of assimilation sees a vector `x` of shape `(..., n)`. A `Space` says what its elements are: the fields of one
or several components, each on its own grid. Strong coupling is a method on a joined space, `atmosphere + ocean`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr

EARTH_RADIUS = 6.371e6
"""Metres, as in the Fortran models."""


@dataclass(frozen=True)
class Variable:
    """A field's name with its units, as they stand in NetCDF, YAML, Python and Fortran alike."""

    name: str
    units: str
    long_name: str
    standard_name: str = ""


ON_LEVELS: dict[str, Variable] = {
    v.name: v
    for v in (
        Variable("u", "m s-1", "eastward wind", "eastward_wind"),
        Variable("v", "m s-1", "northward wind", "northward_wind"),
        Variable("t", "K", "air temperature", "air_temperature"),
        Variable("q", "kg kg-1", "specific humidity", "specific_humidity"),
    )
}


class Vocabulary(dict[str, Variable]):
    """Variables by name: those listed, and those of `ON_LEVELS` by the rule <name>_<level>, as `u_850`."""

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def get(self, name: str, default: Any = None) -> Any:
        stem, _, level = name.partition("_")
        if not level.isdigit() or stem not in ON_LEVELS:
            return super().get(name, default)
        v = ON_LEVELS[stem]
        return Variable(name, v.units, f"{v.long_name} at level {level}", v.standard_name)

    def __missing__(self, name: str) -> Variable:
        if found := self.get(name):
            return found
        raise KeyError(name)


VOCABULARY = Vocabulary(
    (v.name, v)
    for v in (
        Variable("ps", "Pa", "surface pressure", "surface_air_pressure"),
        Variable("ta", "K", "air temperature at the lowest level", "air_temperature"),
        Variable("ua", "m s-1", "eastward wind at the lowest level", "eastward_wind"),
        Variable("va", "m s-1", "northward wind at the lowest level", "northward_wind"),
        Variable("sst", "degC", "sea surface temperature", "sea_surface_temperature"),
        Variable("ssu", "m s-1", "eastward surface current", "surface_eastward_sea_water_velocity"),
        Variable("ssv", "m s-1", "northward surface current", "surface_northward_sea_water_velocity"),
        Variable("ssh", "m", "sea surface height", "sea_surface_height_above_geoid"),
        Variable("x", "1", "variable of Lorenz's models"),
        Variable("y", "1", "second variable of Lorenz (1963)"),
        Variable("z", "1", "third variable of Lorenz (1963)"),
        Variable("psi_upper", "m2 s-1", "streamfunction of the upper level", "atmosphere_horizontal_streamfunction"),
        Variable("psi_lower", "m2 s-1", "streamfunction of the lower level", "atmosphere_horizontal_streamfunction"),
    )
)
"""The one vocabulary of variables; every data source maps its own names into it."""

ATMOSPHERE_VARIABLES = ("ps", "ta", "ua", "va")
OCEAN_VARIABLES = ("sst", "ssu", "ssv", "ssh")


@dataclass(frozen=True, eq=False)
class Grid:
    """A separable latitude-longitude grid.

    Attributes:
        lat: cell centres, degrees north, ascending, shape (ny,).
        lon: cell centres, degrees east in [0, 360), ascending, shape (nx,).
        lat_bounds: cell edges, shape (ny + 1,).
        mask: True where the field exists (sea for an ocean grid), shape (ny, nx).
    """

    lat: np.ndarray
    lon: np.ndarray
    lat_bounds: np.ndarray
    mask: np.ndarray = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.mask is None:
            object.__setattr__(self, "mask", np.ones(self.shape, dtype=bool))
        if self.mask.shape != self.shape:
            raise ValueError(f"mask has shape {self.mask.shape}, the grid {self.shape}")
        if self.lat_bounds.shape != (len(self.lat) + 1,):
            raise ValueError(f"{len(self.lat)} latitudes need {len(self.lat) + 1} bounds, got {len(self.lat_bounds)}")

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.lat), len(self.lon)

    @cached_property
    def weights(self) -> np.ndarray:
        """Share of each cell in the area of the unmasked cells, shape (ny, nx), sum 1, zero where masked."""
        band = np.diff(np.sin(np.deg2rad(self.lat_bounds)))
        area = np.where(self.mask, band[:, None], 0.0)
        return area / area.sum()

    def matches(self, lat: np.ndarray, lon: np.ndarray, tolerance: float = 1e-6) -> bool:
        """Whether the coordinates are this grid's within `tolerance` degrees."""
        return (
            lat.shape == self.lat.shape
            and lon.shape == self.lon.shape
            and bool(np.allclose(lat, self.lat, atol=tolerance) and np.allclose(lon, self.lon, atol=tolerance))
        )


@dataclass(frozen=True, eq=False)
class Component:
    """The fields of one model component (`atmosphere`, `ocean`) on its grid."""

    name: str
    grid: Grid
    variables: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.variables), *self.grid.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def description(self) -> dict[str, Any]:
        """As `Space.description` has it; coordinates to six decimals, without negative zeros."""
        coordinates = np.concatenate([self.grid.lat, self.grid.lon]).astype(np.float64).round(6) + 0.0
        return {
            "variables": list(self.variables),
            "shape": list(self.grid.shape),
            "mask": digest(np.packbits(self.grid.mask).tobytes()),
            "coordinates": digest(coordinates.tobytes()),
        }


def digest(data: bytes) -> str:
    """Short hash of bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Space:
    """What the elements of a state vector are: components side by side, each (variable, lat, lon) in C order."""

    components: tuple[Component, ...]

    @property
    def size(self) -> int:
        return sum(c.size for c in self.components)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.components)

    def __deepcopy__(self, memo: dict[int, Any]) -> Space:
        return self  # nothing in it changes, and modules that hold it are copied for every analysis

    def __add__(self, other: Space) -> Space:
        return Space(self.components + other.components)

    def description(self) -> dict[str, dict[str, Any]]:
        """In JSON, as files say what they were made for: variables, shape, hashes of mask and coordinates."""
        return {c.name: c.description() for c in self.components}

    def __getitem__(self, name: str) -> Component:
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(f"no component {name!r}; choose one of {', '.join(self.names)}")

    def slice_of(self, name: str) -> slice:
        """Where a component stands in the vector."""
        start = 0
        for component in self.components:
            if component.name == name:
                return slice(start, start + component.size)
            start += component.size
        raise KeyError(f"no component {name!r}; choose one of {', '.join(self.names)}")

    def index(self, variable: str) -> slice:
        """Where a variable's field stands in the vector."""
        for component in self.components:
            if variable in component.variables:
                points = int(np.prod(component.grid.shape))
                start = self.slice_of(component.name).start + component.variables.index(variable) * points
                return slice(start, start + points)
        known = [v for c in self.components for v in c.variables]
        raise KeyError(f"no variable {variable!r}; choose one of {', '.join(known)}")

    def split(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Vector (..., n) to fields per component (..., variable, lat, lon); a view where possible."""
        if x.shape[-1] != self.size:
            raise ValueError(f"vector of {x.shape[-1]} elements, the space has {self.size}")
        return {c.name: x[..., self.slice_of(c.name)].reshape(*x.shape[:-1], *c.shape) for c in self.components}

    def join(self, fields: dict[str, torch.Tensor]) -> torch.Tensor:
        """Fields per component to a vector (..., n)."""
        return torch.cat([fields[c.name].flatten(start_dim=-3) for c in self.components], dim=-1)

    @cached_property
    def mask(self) -> torch.Tensor:
        """True where an element exists, shape (n,)."""
        parts = [np.broadcast_to(c.grid.mask, c.shape).ravel() for c in self.components]
        return torch.from_numpy(np.concatenate(parts))

    @cached_property
    def weights(self) -> torch.Tensor:
        """Area weights, summing to 1 per variable, float64, shape (n,)."""
        parts = [np.broadcast_to(c.grid.weights, c.shape).ravel() for c in self.components]
        return torch.from_numpy(np.concatenate(parts))

    def from_xarray(self, datasets: dict[str, xr.Dataset], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Datasets per component, dimensions (..., lat, lon), to a vector (..., n); masked points become 0.

        Raises:
            ValueError: a variable or a grid does not fit; the message names it.
        """
        fields = {}
        for c in self.components:
            ds = datasets[c.name]
            missing = [v for v in c.variables if v not in ds]
            if missing:
                raise ValueError(f"{c.name}: no variable {missing[0]!r}; the dataset has {', '.join(map(str, ds))}")
            if not c.grid.matches(ds["lat"].values, ds["lon"].values):
                given = f"{ds.sizes['lat']}x{ds.sizes['lon']}"
                raise ValueError(f"{c.name}: dataset on a grid of {given} that is not the space's {c.grid.shape}")
            stacked = np.stack([ds[v].transpose(..., "lat", "lon").values for v in c.variables], axis=-3)
            fields[c.name] = torch.as_tensor(np.where(c.grid.mask, stacked, 0.0), dtype=dtype)
        return self.join(fields)

    def to_xarray(self, x: torch.Tensor, dims: tuple[str, ...] = ()) -> dict[str, xr.Dataset]:
        """Vector (..., n) to one CF dataset per component; `dims` names the leading axes, masked points become NaN."""
        datasets = {}
        for c in self.components:
            values = self.split(x)[c.name].detach().cpu().numpy()
            values = np.where(c.grid.mask, values, np.nan)
            data = {
                name: ((*dims, "lat", "lon"), values[..., k, :, :], _attributes(name))
                for k, name in enumerate(c.variables)
            }
            datasets[c.name] = xr.Dataset(data, coords=coordinates(c.grid))
        return datasets


def air_sea_space(atmosphere: Grid, ocean: Grid) -> Space:
    """The eight variables at the air-sea interface, atmosphere first: 343,296 elements at Hf2pMDA's size."""
    return Space(
        (Component("atmosphere", atmosphere, ATMOSPHERE_VARIABLES), Component("ocean", ocean, OCEAN_VARIABLES))
    )


def coordinates(grid: Grid) -> dict[str, tuple]:
    """CF coordinates of a grid."""
    return {
        "lat": ("lat", grid.lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", grid.lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }


def _attributes(name: str) -> dict[str, str]:
    v = VOCABULARY.get(name)
    return {"units": v.units, "long_name": v.long_name, "standard_name": v.standard_name} if v else {}
