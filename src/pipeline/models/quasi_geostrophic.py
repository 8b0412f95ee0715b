"""Two-level quasi-geostrophic flow on the sphere, spectral, batched and differentiable (after Marshall and Molteni
1993, 10.1175/1520-0469(1993)050<1792:TADUOP>2.0.CO;2, with two levels and a relaxation instead of fitted sources):

    dq_i/dt = -J(psi_i, q_i) + D_i,      q_1 = lap psi_1 - (psi_1 - psi_2)/R^2 + f,   q_2 = lap psi_2 + (...)/R^2 + f
    D_1 = +(psi_1 - psi_2 - theta)/(R^2 t_r) - c lap^4 q'_1
    D_2 = -(psi_1 - psi_2 - theta)/(R^2 t_r) - c lap^4 q'_2 - lap psi_2 / t_E

q' = q - f. Newtonian relaxation to a shear theta that is baroclinically unstable feeds eddies, Ekman friction and
hyperdiffusion take their energy. With `forced=False` energy and potential enstrophy of the truncated equations are
conserved, and waves of one total wavenumber n are exact solutions that turn by -2 Omega / (n (n+1) [+ 2 a^2/R^2]).
Time: classical Runge-Kutta of fourth order.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models import _runge_kutta
from pipeline.spaces import EARTH_RADIUS, Component, Grid, Space
from pipeline.spherical_harmonics import SphericalHarmonics

OMEGA = 7.292e-5
DAY = 86400.0
LEVELS = ("psi_upper", "psi_lower")


class QuasiGeostrophic(nn.Module):
    """The model; a state (..., 2 nlat nlon) holds the streamfunction [m2/s] of the upper and the lower level.

    Args:
        truncation: triangular, T.
        nlat, nlon: Gaussian grid; by default the smallest that is free of aliasing.
        seconds: what `step` advances [s].
        dt: time step [s], a divisor of `seconds`.
        rossby_radius: R [m].
        shear: largest wind of the upper less the lower level in the state relaxed to [m/s], at 39 degrees.
        relaxation_days, friction_days: t_r and t_E.
        diffusion_days: damping time of the shortest wave, c = (a^2 / (T (T+1)))^4 / t_d.
        forced: with D; without it the inviscid equations.

    Attributes:
        space: component `atmosphere` with variables psi_upper and psi_lower.
    """

    equilibrium: torch.Tensor
    planetary: torch.Tensor

    def __init__(
        self,
        truncation: int = 21,
        nlat: int | None = None,
        nlon: int | None = None,
        seconds: int = 21600,
        dt: int = 7200,
        rossby_radius: float = 7e5,
        shear: float = 40.0,
        relaxation_days: float = 20.0,
        friction_days: float = 4.0,
        diffusion_days: float = 1.0,
        forced: bool = True,
    ) -> None:
        super().__init__()
        if seconds % dt or dt <= 0:
            raise PipelineError(f"models/quasi_geostrophic: dt {dt} does not divide seconds {seconds}")
        nlat = nlat or -(-(3 * truncation + 1) // 4) * 2
        nlon = nlon or -(-(3 * truncation + 1) // 4) * 4
        self.harmonics = SphericalHarmonics(truncation, nlat, nlon)
        self.seconds, self.dt, self.forced = seconds, dt, forced
        self.coupling = 1.0 / rossby_radius**2
        self.relaxation, self.friction = 1 / (relaxation_days * DAY), 1 / (friction_days * DAY)
        self.diffusion = 1 / (diffusion_days * DAY * float(truncation * (truncation + 1)) ** 4)
        mu = self.harmonics.mu[:, None].expand(nlat, nlon)
        # u = c U mu^2 cos^3(lat) = -(cos(lat)/a) d psi/d mu; c makes its largest value, at mu^2 = 2/5, U
        c = 1 / (0.4 * 0.6**1.5)
        theta = -EARTH_RADIUS * c * shear * (mu**3 / 3 - mu**5 / 5)
        # zonal fields have real spectra; as such they survive `to(float32)`, which takes the real part of complex ones
        self.register_buffer("equilibrium", self.harmonics.analyse(theta).real, persistent=False)
        self.register_buffer("planetary", self.harmonics.analyse(2 * OMEGA * mu).real, persistent=False)
        self.space = Space((Component("atmosphere", gaussian_grid(self.harmonics), LEVELS),))

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """The state (..., n) after `seconds`; what the truncation does not hold is lost, and global means are 0."""
        q = self.vorticity(self.spectrum(x))
        for _ in range(self.seconds // self.dt):
            q = _runge_kutta.step(self.tendency, q, float(self.dt))
        return self.state(self.streamfunction(q))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.step(x)

    def tendency(self, q: torch.Tensor) -> torch.Tensor:
        """dq'/dt, spectra (..., 2, m, n) [1/s2]."""
        psi = self.streamfunction(q)
        advection = -self.harmonics.jacobian(psi, q + self.planetary) / EARTH_RADIUS**2
        advection = advection * self.harmonics.inside
        return advection + self._dissipation(psi, q) if self.forced else advection

    def _dissipation(self, psi: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        upper, lower = psi.unbind(-3)
        heating = self.coupling * self.relaxation * (upper - lower - self.equilibrium)
        ekman = self.friction * self.harmonics.laplacian / EARTH_RADIUS**2 * lower
        return torch.stack([heating, -heating - ekman], dim=-3) - self.diffusion * self.harmonics.laplacian**4 * q

    def vorticity(self, psi: torch.Tensor) -> torch.Tensor:
        """q' of a streamfunction, spectra (..., 2, m, n) [1/s]."""
        difference = self.coupling * (psi[..., :1, :, :] - psi[..., 1:, :, :])
        return self.harmonics.laplacian / EARTH_RADIUS**2 * psi + torch.cat([-difference, difference], dim=-3)

    def streamfunction(self, q: torch.Tensor) -> torch.Tensor:
        """The inverse of `vorticity`, through the sum and the difference of the levels."""
        eigenvalue = self.harmonics.laplacian / EARTH_RADIUS**2
        safe = torch.where(eigenvalue == 0, 1.0, eigenvalue)
        total = (q[..., 0, :, :] + q[..., 1, :, :]) / safe * self.harmonics.inside
        difference = (q[..., 0, :, :] - q[..., 1, :, :]) / (eigenvalue - 2 * self.coupling) * self.harmonics.inside
        return 0.5 * torch.stack([total + difference, total - difference], dim=-3)

    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        """State (..., n) to the streamfunction's spectra (..., 2, m, n)."""
        fields = x.reshape(*x.shape[:-1], 2, self.harmonics.nlat, self.harmonics.nlon)
        return self.harmonics.analyse(fields) * self.harmonics.inside

    def state(self, psi: torch.Tensor) -> torch.Tensor:
        """The inverse of `spectrum`."""
        return self.harmonics.synthesise(psi).flatten(-3)

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        """Mean energy of both levels, 1/2 <|grad psi_i|^2> + 1/2 <(psi_1 - psi_2)^2> / R^2, shape (...)."""
        psi = self.spectrum(x)
        return -0.5 * self.harmonics.mean_product(psi, self.vorticity(psi)).sum(-1)

    def enstrophy(self, x: torch.Tensor) -> torch.Tensor:
        """Mean potential enstrophy 1/2 <q_i^2> of each level, (..., 2)."""
        q = self.vorticity(self.spectrum(x)) + self.planetary
        return 0.5 * self.harmonics.mean_product(q, q)

    def rest(self) -> torch.Tensor:
        """The zonal flow (n,) whose shear is the one relaxed to, from which any disturbance reaches the attractor."""
        return self.state(0.5 * torch.stack([self.equilibrium, -self.equilibrium]).to(1j * self.equilibrium))

    @torch.no_grad()
    def spun_up(self, count: int = 1, days: float = 100.0, seed: int = 0) -> torch.Tensor:
        """`count` states (count, n) of the attractor: the shear relaxed to, disturbed, and integrated for `days`."""
        noise = torch.randn(count, self.space.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        x = self.rest() + self.state(self.spectrum(1e6 * noise.to(self.harmonics.mu)))
        for _ in range(int(days * DAY / self.seconds)):
            x = self.step(x)
        return x


def gaussian_grid(harmonics: SphericalHarmonics) -> Grid:
    """The transform grid; its latitude bounds enclose the Gaussian weights, as area."""
    edges = np.concatenate([[-1.0], -1.0 + 2 * np.cumsum(harmonics.weight.numpy())])
    bounds = np.degrees(np.arcsin(np.clip(edges, -1.0, 1.0)))
    lon = np.arange(harmonics.nlon) * 360.0 / harmonics.nlon
    return Grid(np.degrees(np.arcsin(harmonics.mu.numpy())), lon, bounds)


def rotation_rate(n: int, baroclinic: bool = False, rossby_radius: float = 7e5) -> float:
    """Angular velocity [rad/s] of a free wave of total wavenumber n, the same at both levels or opposite."""
    return -2 * OMEGA / (n * (n + 1) + (2 * EARTH_RADIUS**2 / rossby_radius**2 if baroclinic else 0.0))


def doubling_days(growth: float, days: float) -> float:
    """Time in which errors double that grow by the factor `growth` in `days`."""
    return days * float(np.log(2) / np.log(growth))
