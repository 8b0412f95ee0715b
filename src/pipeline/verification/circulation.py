"""Circulations, indices and budgets out of the climate model's monthly means.

Arrays are numpy; latitudes ascend, levels run downward in the air (sigma) and in the sea (depth). Currents stand at the
north-eastern corners of their cells, as in the model, so that transports through faces are those of the model.
"""

from __future__ import annotations

import numpy as np

from pipeline.spaces import EARTH_RADIUS

SVERDRUP = 1e6  # m3/s


def thickness(centres: np.ndarray) -> np.ndarray:
    """Thicknesses (n,) of levels that begin at 0, from their centres: floor_k = 2 z_k - floor_(k-1)."""
    floors = [0.0]
    for centre in centres:
        floors.append(2.0 * centre - floors[-1])
    return np.diff(floors)


def cell_areas(lat_bounds: np.ndarray, nlon: int) -> np.ndarray:
    """Areas of spherical cells (ny, 1) [m2]."""
    bands = np.diff(np.sin(np.deg2rad(lat_bounds)))
    return (2.0 * np.pi * EARTH_RADIUS**2 / nlon * bands)[:, None]


def mass_stream_function(mass_flux: np.ndarray, lat: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """psi(k, lat) = 2 pi a cos(lat) sum_(j<=k) [v ps/g]_j ds_j [kg/s], zonal mean, at the floors of the levels.

    Args:
        mass_flux: v ps/g per unit of sigma (level, lat, lon) [kg/m/s].
        lat: degrees (lat,).
        sigma: centres of the levels, top down.
    """
    zonal = mass_flux.mean(axis=-1) * thickness(sigma)[:, None]
    return 2.0 * np.pi * EARTH_RADIUS * np.cos(np.deg2rad(lat)) * np.cumsum(zonal, axis=0)


def overturning(v: np.ndarray, corner_lat: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """psi(k, y): northward transport above the floor of level k [Sv], at the latitudes of the corners.

    Args:
        v: northward current at corners (depth, y, x), 0 on land [m/s].
        corner_lat: degrees (y,).
        depth: centres of the levels [m].
    """
    width = 2.0 * np.pi * EARTH_RADIUS * np.cos(np.deg2rad(corner_lat)) / v.shape[-1]
    transport = v.sum(axis=-1) * width * thickness(depth)[:, None]
    return np.cumsum(transport, axis=0) / SVERDRUP


def barotropic_stream_function(u: np.ndarray, lat_bounds: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """psi(y, x): eastward transport between the northern edge of the sea and the southern edge of row y [Sv].

    Args:
        u: eastward current at corners (depth, y, x), 0 on land [m/s].
        lat_bounds: degrees (y + 1,), evenly spaced.
        depth: centres of the levels [m].
    """
    dy = EARTH_RADIUS * np.deg2rad(lat_bounds[1] - lat_bounds[0])
    at_corners = np.tensordot(thickness(depth), u, axes=1)
    south = np.vstack([np.zeros((1, u.shape[-1])), at_corners[:-1]])
    through_face = 0.5 * (at_corners + south) * dy
    return np.cumsum(through_face[::-1], axis=0)[::-1] / SVERDRUP


def mean_over(field: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean over the last two axes, missing cells left out; NaN where nothing is known."""
    known = np.isfinite(field) & (weight > 0.0)
    values = np.where(known, field, 0.0)
    total = np.asarray((known * weight).sum(axis=(-2, -1)), dtype=float)
    return (values * weight).sum(axis=(-2, -1)) / np.where(total > 0.0, total, np.nan)


def nino34(sst: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Mean SST over 5S-5N, 170W-120W; missing cells are NaN."""
    box = (np.abs(lat) <= 5.0)[:, None] & ((lon >= 190.0) & (lon <= 240.0))[None, :]
    return mean_over(sst, box * np.cos(np.deg2rad(lat))[:, None])


def anomalies(series: np.ndarray) -> np.ndarray:
    """A series of whole years of months, less its mean season and its straight trend."""
    years = len(series) // 12
    months = series[: 12 * years].reshape(years, 12)
    departures = (months - months.mean(axis=0)).ravel()
    time = np.arange(departures.size)
    return departures - np.polyval(np.polyfit(time, departures, 1), time)


def spectrum(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Periodogram of monthly values: frequencies [1/year] and variance per frequency, its sum is the variance."""
    n = series.size
    power = 2.0 * np.abs(np.fft.rfft(series - series.mean()) / n) ** 2
    if n % 2 == 0:
        power[-1] /= 2.0
    return np.fft.rfftfreq(n, d=1.0 / 12.0)[1:], power[1:]


def band_share(series: np.ndarray, longest: float = 7.0, shortest: float = 2.0) -> float:
    """Share of the variance at periods between two limits [years]."""
    frequency, power = spectrum(series)
    inside = (frequency >= 1.0 / longest - 1e-9) & (frequency <= 1.0 / shortest + 1e-9)
    return float(power[inside].sum() / power.sum())


def trend_per_year(series: np.ndarray) -> float:
    """Slope of the straight line through the yearly means of monthly values."""
    years = len(series) // 12
    yearly = series[: 12 * years].reshape(years, 12).mean(axis=1)
    return float(np.polyfit(np.arange(years), yearly, 1)[0]) if years > 1 else float("nan")


def extent(cover: np.ndarray, area: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Area of the cells (time,) with at least 15 % ice in chosen rows [m2]."""
    return ((cover >= 0.15) * area * rows[:, None]).sum(axis=(-2, -1))
