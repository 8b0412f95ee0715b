"""Control variables of wind and mass, U_p and U_v of the control variable transform of global 3D-Var:

    chi = chi_u + c(phi) psi      t = t_u + G(phi) psi      ps = ps_u + g(phi)^T psi      u, v = winds(psi, chi)
    psi = V_psi(phi) z_1          chi_u = V_chi(phi) z_2    t_u = V_t(phi) z_3            ps_u = s(phi) z_4

psi and chi are streamfunction and velocity potential on all levels, c, G and g regressions by latitude phi (Wu, Purser
and Parrish 2002, Mon. Wea. Rev. 130; GEN_BE, Descombes et al. 2015, 10.5194/gmd-8-669-2015). What the regressions leave
(index u) is nearly independent of psi, so that a covariance may treat it so, yet an observation of temperature or
pressure moves the wind along the isobars. V is the symmetric root of the covariance between the levels
of one variable: G psi holds differences of psi between levels, whose size depends on the latitude. z has the places of
x, psi's in those of u and chi_u's in those of v.

`fit` takes g^T and the rows of G together, from covariances <.> over differences, longitude and a Gaussian window of
latitudes, which is regression weighted by the window: neighbouring latitudes share their data, the sign still changes
with that of the Coriolis parameter. M are the leading EOFs of psi over the globe,

    G = <t psi^T> M (M^T <psi psi^T> M)^-1 M^T
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.spaces import EARTH_RADIUS, Component, Space
from pipeline.spherical_harmonics import SphericalHarmonics
from pipeline.transforms.base import Transform

_LOWEST = "a"
"""Level of ua and va, the winds at the air-sea interface."""


class Balance(Transform):
    """Linear; the winds that the truncation does not hold are lost in x = D(E(x)), the scalars return exactly.

    Args:
        file: NetCDF file or dataset, as `fit` makes it.
        space: of the state, to make sure that the file is for it.
    """

    chi_psi: torch.Tensor
    scalar_psi: torch.Tensor
    vertical: torch.Tensor
    vertical_inverse: torch.Tensor

    def __init__(self, file: str | Path | xr.Dataset, space: Space | None = None) -> None:
        super().__init__()
        dataset = read(file, "chi_psi", "scalar_psi", "vertical")
        variables, shape = tuple(dataset.attrs["variables"].split()), (dataset.sizes["lat"], int(dataset.attrs["nlon"]))
        if space is not None and [(c.variables, c.grid.shape) for c in space.components] != [(variables, shape)]:
            raise PipelineError(
                f"transforms/balance: the file is for {', '.join(variables)} on {shape[0]}x{shape[1]} points, "
                "the state is another; fit it to differences of this state"
            )
        self.places = Places.of(variables)
        self.channels = len(variables)
        self.harmonics = SphericalHarmonics(int(dataset.attrs["truncation"]), *shape)
        for name in ("chi_psi", "scalar_psi", "vertical"):
            self.register_buffer(name, torch.as_tensor(dataset[name].values.copy()))
        self.register_buffer("vertical_inverse", torch.linalg.inv(self.vertical))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        u, v, scalars, others = self._split(self._fields(x))
        psi, chi = potentials(self.harmonics, u, v)
        unbalanced = self._join(psi, chi - self._balanced_chi(psi), scalars - self._balanced_scalars(psi), others)
        return _on_columns(self.vertical_inverse, unbalanced).flatten(-3)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        psi, chi_u, scalars_u, others = self._split(_on_columns(self.vertical, self._fields(z)))
        h = self.harmonics
        spectrum = h.analyse(psi) * h.inside
        psi = h.synthesise(spectrum)  # what the wind holds of it is what determines chi and the scalars
        u, v = h.winds(spectrum, h.analyse(chi_u + self._balanced_chi(psi)))
        scalars = scalars_u + self._balanced_scalars(psi)
        return self._join(u / EARTH_RADIUS, v / EARTH_RADIUS, scalars, others).flatten(-3)

    def _balanced_chi(self, psi: torch.Tensor) -> torch.Tensor:
        return self.chi_psi[..., None] * psi

    def _balanced_scalars(self, psi: torch.Tensor) -> torch.Tensor:
        return _on_columns(self.scalar_psi, psi)

    def _fields(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.channels, self.harmonics.nlat, self.harmonics.nlon))

    def _split(self, fields: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Fields (..., k, lat, lon) of u or psi, of v or chi, of scalars that psi determines in part, the others."""
        return tuple(fields[..., place, :, :] for place in self.places.parts)

    def _join(self, *parts: torch.Tensor) -> torch.Tensor:
        return torch.cat(parts, dim=-3)[..., self.places.order, :, :]


def _on_columns(matrix: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
    """Matrices (lat, row, field), times fields (..., field, lat, lon)."""
    return torch.einsum("jkl,...lji->...kji", matrix, fields)


@dataclass(frozen=True)
class Places:
    """Where the fields of a state stand.

    Attributes:
        levels: of the winds, from their names.
        parts: places of u and v by level, of the scalars that psi determines in part, of the others.
        order: from the parts side by side back to the state.
    """

    levels: tuple[str, ...]
    parts: tuple[list[int], ...]
    order: list[int]

    @property
    def scalars(self) -> list[int]:
        """All but the winds: fields whose global mean means something in z."""
        return [*self.parts[2], *self.parts[3]]

    @classmethod
    def of(cls, variables: tuple[str, ...]) -> Places:
        """u_850 belongs to v_850, ua to va; t_*, ta and ps are balanced, all others are not."""
        levels = wind_levels(variables)
        u, v = ([variables.index(_name(part, level)) for level in levels] for part in "uv")
        scalars = [k for k, name in enumerate(variables) if name in ("ps", "ta") or name.startswith("t_")]
        others = sorted(set(range(len(variables))) - {*u, *v, *scalars})
        return cls(levels, (u, v, scalars, others), np.argsort(u + v + scalars + others).tolist())


def wind_levels(variables: tuple[str, ...]) -> tuple[str, ...]:
    """Levels of the winds among a state's variables: 850 of u_850 and v_850, a of ua and va; empty where none are.

    Raises:
        PipelineError: one of the two is missing.
    """
    found = {part: [name[1:].lstrip("_") for name in variables if re.match(f"{part}(_|a$)", name)] for part in "uv"}
    if alone := sorted(set(found["u"]) ^ set(found["v"])):
        u, v = (_name(part, alone[0]) for part in "uv")
        raise PipelineError(f"wind at level {alone[0]}: of {u} and {v} one is missing; give both")
    return tuple(found["u"])


def _name(part: str, level: str) -> str:
    return f"{part}a" if level == _LOWEST else f"{part}_{level}"


def potentials(h: SphericalHarmonics, u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Streamfunction and velocity potential [m2/s] of winds [m/s], all fields (..., lat, lon)."""
    psi, chi = h.streamfunction_and_potential(u, v)
    return EARTH_RADIUS * h.synthesise(psi), EARTH_RADIUS * h.synthesise(chi)


def fit(
    differences: torch.Tensor, space: Space, truncation: int | None = None, width: float = 5.0, share: float = 0.999
) -> xr.Dataset:
    """c, G, g and V from differences (N, n), N >= 2, physical units; their mean is removed.

    Args:
        differences: of states, as of forecasts valid at the same time.
        space: of one component on a Gaussian grid, with winds u_*, v_* on levels.
        truncation: triangular; the largest that the grid holds by default.
        width: standard deviation of the window of latitudes [degrees].
        share: of the variance of psi that its EOFs keep; each level counts alike.

    Returns:
        `chi_psi` (level, lat), `scalar_psi` (lat, scalar, level) and `vertical` (lat, field, control); as attributes
        the share of the variance that psi explains, over the globe.
    """
    component, places, h = _prepare(differences, space, truncation)
    fields = (differences - differences.mean(0)).double().unflatten(-1, component.shape)
    u, v, scalars, others = (fields[:, place] for place in places.parts)
    psi, chi = potentials(h, u, v)
    lat = torch.from_numpy(component.grid.lat)
    window = torch.softmax(-0.5 * ((lat[:, None] - lat) / width) ** 2, dim=1)

    psi_psi, near = _covariance(psi, psi, window)
    if not bool((psi_psi.diagonal(dim1=1, dim2=2) > 0).all()):
        raise PipelineError("transforms/balance: the differences have a level without wind; give those of forecasts")
    c = (_covariance(chi, psi, window)[1] / near).diagonal(dim1=1, dim2=2).T
    m = _modes(torch.einsum("j,jlk->lk", h.weight, psi_psi), share)
    g = torch.linalg.solve(m.T @ near @ m, _covariance(scalars, psi, window)[1] @ m, left=False) @ m.T

    chi_u, scalars_u = chi - c[..., None] * psi, scalars - _on_columns(g, psi)
    names = [f"chi_{level}" for level in places.levels] + [component.variables[k] for k in places.parts[2]]
    left, whole = (torch.cat(pair, 1).square().mean((0, 3)) @ h.weight for pair in ((chi_u, scalars_u), (chi, scalars)))
    explained = {f"explained_{name}": float(share) for name, share in zip(names, 1 - left / whole, strict=True)}
    z = torch.cat([psi, chi_u, scalars_u, others], 1)[:, places.order]
    return xr.Dataset(
        {
            "chi_psi": (("level", "lat"), c.numpy()),
            "scalar_psi": (("lat", "scalar", "level"), g.numpy()),
            "vertical": (("lat", "field", "control"), _roots(z, component.variables, window).numpy()),
        },
        {"lat": component.grid.lat, "level": list(places.levels), "scalar": names[len(places.levels) :]},
        {"variables": " ".join(component.variables), "nlon": h.nlon, "truncation": h.truncation}
        | {"samples": len(fields), "modes": m.shape[1]}
        | explained,
    )


def _covariance(a: torch.Tensor, b: torch.Tensor, window: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """<a b^T> of fields (N, field, lat, lon), (lat, field, field): at each latitude, and over its window."""
    at = torch.einsum("nkji,nlji->jkl", a, b) / (len(a) * a.shape[-1])
    return at, torch.einsum("jk,kab->jab", window, at)


def _roots(z: torch.Tensor, variables: tuple[str, ...], window: torch.Tensor, floor: float = 1e-6) -> torch.Tensor:
    """V (lat, field, field): deviation times symmetric root of the correlation between levels; 0 between variables."""
    stems = np.array([name.partition("_")[0] for name in variables])
    together = torch.from_numpy(stems[:, None] == stems)
    covariance = torch.where(together, _covariance(z, z, window)[1], 0.0)
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
    deviation = torch.where(deviation > 0, deviation, 1.0)[:, :, None]
    values, vectors = torch.linalg.eigh(covariance / (deviation * deviation.mT))
    return deviation * (vectors * values.clamp(min=floor).sqrt()[:, None]) @ vectors.mT


def _modes(psi_psi: torch.Tensor, share: float) -> torch.Tensor:
    """M (level, mode): leading EOFs of psi in standard deviations of each level, which hold `share` of its variance."""
    deviation = psi_psi.diagonal().sqrt()[:, None]
    values, vectors = torch.linalg.eigh(psi_psi / (deviation * deviation.T))
    held = values.flip(0).cumsum(0) / values.sum()
    kept = int((held < share).sum()) + 1
    return vectors.flip(1)[:, :kept] / deviation


def _prepare(
    differences: torch.Tensor, space: Space, truncation: int | None
) -> tuple[Component, Places, SphericalHarmonics]:
    """The one component, the places of its fields, its harmonics."""
    if len(differences) < 2:
        raise PipelineError(f"transforms/balance: {len(differences)} differences are too few; give two at least")
    if len(space.components) != 1:
        raise PipelineError(f"transforms/balance: components {', '.join(space.names)}; give a space of one alone")
    component = space.components[0]
    places = Places.of(component.variables)
    if not places.levels:
        raise PipelineError(f"transforms/balance: no winds u_*, v_* or ua, va among {', '.join(component.variables)}")
    nlat, nlon = component.grid.shape
    h = SphericalHarmonics(truncation or min(nlon - 1, 2 * nlat - 1) // 3, nlat, nlon)
    gaussian = np.degrees(np.arcsin(h.mu.numpy()))
    if not component.grid.mask.all() or not np.allclose(component.grid.lat, gaussian, atol=1e-3):
        raise PipelineError(f"transforms/balance: the {nlat}x{nlon} points are no Gaussian grid without gaps")
    return component, places, h
