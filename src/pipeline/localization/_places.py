"""Where the elements of a state and the observations are, and who is near whom.

A place is a horizontal cell of a component's grid; the variables of a component share its places. Distances run along
great circles, d = 2 asin(|a - b| / 2) for unit vectors a and b, which is exact for small distances too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.localization.base import Localization
from pipeline.observations import Observations
from pipeline.spaces import EARTH_RADIUS, Space

_BLOCK = 1_000_000
"""Distances in memory at once."""


@dataclass(frozen=True)
class Places:
    """The places of a space.

    Attributes:
        vectors: unit vectors, float64, (P, 3).
        elements: elements of the state at each place, as many columns as the largest component has variables, (P, V);
            -1 where a component has fewer.
        component: which of the space's components each is of, (P,).
        cell: longitudes between two cells of the first component [degrees].
    """

    vectors: torch.Tensor
    elements: torch.Tensor
    component: torch.Tensor
    cell: float

    @classmethod
    def of(cls, space: Space) -> Places:
        """Unmasked cells of all components."""
        most = max(len(c.variables) for c in space.components)
        vectors, elements, component = [], [], []
        for number, c in enumerate(space.components):
            lat, lon = np.meshgrid(c.grid.lat, c.grid.lon, indexing="ij")
            kept = np.flatnonzero(c.grid.mask)
            vectors.append(unit_vectors(lat.ravel()[kept], lon.ravel()[kept]))
            own = np.full((len(kept), most), -1)
            for k, variable in enumerate(c.variables):
                own[:, k] = space.index(variable).start + kept
            elements.append(torch.from_numpy(own))
            component.append(torch.full((len(kept),), number))
        cell = 360.0 / len(space.components[0].grid.lon)
        return cls(torch.cat(vectors), torch.cat(elements), torch.cat(component), cell)

    def in_unit(self, angle: torch.Tensor, unit: str) -> torch.Tensor:
        """Angles [rad] as distances in a unit of `Localization`."""
        if unit == "km":
            return EARTH_RADIUS / 1000.0 * angle
        degrees = torch.rad2deg(angle)
        return degrees if unit == "degree" else degrees / self.cell

    def angle(self, distance: float, unit: str) -> float:
        """A distance in a unit of `Localization` as an angle [rad]."""
        if unit == "km":
            return distance / (EARTH_RADIUS / 1000.0)
        return math.radians(distance * (1.0 if unit == "degree" else self.cell))


def unit_vectors(lat: np.ndarray, lon: np.ndarray) -> torch.Tensor:
    """Coordinates in degrees to unit vectors, float64, (..., 3)."""
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return torch.from_numpy(np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1))


def angles(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Angles [rad] between unit vectors (P, 3) and (Q, 3), (P, Q)."""
    # |a - b|^2 = 2 - 2 a.b loses half the digits; the difference itself does not.
    return _angle(torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist"))


def _angle(chord: torch.Tensor) -> torch.Tensor:
    return 2.0 * torch.asin((0.5 * chord).clamp_max(1.0))


def weights(places: Places, vectors: torch.Tensor, localization: Localization) -> torch.Tensor:
    """rho of every place (P) and vector (Q), dense; for small problems."""
    return localization.weight(places.in_unit(angles(places.vectors, vectors), localization.unit))


def positions(observations: Observations) -> torch.Tensor:
    """Unit vectors of observations, (p, 3)."""
    return unit_vectors(observations.lat, observations.lon)


def components_of(observations: Observations, space: Space) -> torch.Tensor:
    """Which of the space's components each observation is of, (p,)."""
    number = {variable: k for k, c in enumerate(space.components) for variable in c.variables}
    return torch.tensor([number[variable] for variable in observations.variable], dtype=torch.int64)


def between_components(localization: Localization, space: Space) -> torch.Tensor:
    """Factor on what observations of other components say about each component, (C,)."""
    between, names = localization.between, space.names
    if not isinstance(between, Mapping):
        return torch.full((len(names),), float(between), dtype=torch.float64)
    if unknown := [name for name in between if name not in names]:
        raise PipelineError(f"localization: between {unknown[0]!r} is no component; choose from {', '.join(names)}")
    return torch.tensor([between.get(name, 1.0) for name in names], dtype=torch.float64)


def coupled(rho: torch.Tensor, own: torch.Tensor, other: torch.Tensor, between: torch.Tensor) -> torch.Tensor:
    """rho (...) between elements of the components `own` and observations of `other`, with the factor of `own`."""
    return torch.where(own == other, rho, between[own] * rho)


@dataclass(frozen=True)
class Neighbours:
    """For each of P centres those of Q points whose weight is not 0, padded with weight 0.

    Attributes:
        index: of the points, (P, most).
        weight: rho, (P, most).
    """

    index: torch.Tensor
    weight: torch.Tensor

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice | torch.Tensor) -> Neighbours:
        """Those of some of the centres."""
        return Neighbours(self.index[rows], self.weight[rows])

    def to(self, like: torch.Tensor) -> Neighbours:
        """On the device and in the precision of a tensor."""
        return Neighbours(self.index.to(like.device), self.weight.to(like))


def neighbours(
    places: Places, centres: torch.Tensor, points: torch.Tensor, localization: Localization
) -> list[tuple[torch.Tensor, Neighbours]]:
    """Blocks of centres with about as many neighbours each: (rows of `centres`, their neighbours); none of no centres.

    Args:
        places: whose unit of length counts.
        centres, points: unit vectors, (P, 3) and (Q, 3).
    """
    reach = places.angle(localization.reach, localization.unit)
    least = math.cos(min(reach, math.pi)) - 1e-9
    found, size = [], max(1, _BLOCK // max(1, len(points)))
    for first in range(0, len(centres), size):
        block = torch.arange(first, min(first + size, len(centres)))
        # Products find who may be near, with a margin; the few distances that count are exact.
        rows, columns = (centres[block] @ points.T > least).nonzero(as_tuple=True)
        apart = _angle((centres[block][rows] - points[columns]).norm(dim=-1))
        rho = localization.weight(places.in_unit(apart, localization.unit))
        rows, columns, rho = rows[rho > 0], columns[rho > 0], rho[rho > 0]
        counts = torch.bincount(rows, minlength=len(block))
        order = torch.arange(len(rows)) - torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        index = torch.zeros(len(block), max(1, int(counts.max())), dtype=torch.int64)
        weight = torch.zeros(index.shape, dtype=torch.float64)
        index[rows, order], weight[rows, order] = columns, rho
        found.append((block, Neighbours(index, weight)))
    return found
