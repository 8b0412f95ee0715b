"""HLOBA against the Kalman update, at its limits, with several observers; its sigma against Monte Carlo."""

import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr
from observers import NOMINAL, SPACE, Passes, Units, at_cells
from stand_ins import background, observe, per_element, with_values
from torch import nn

from pipeline.assimilation import build
from pipeline.assimilation.hloba import Hloba, bayes
from pipeline.covariances.blended import Blended
from pipeline.covariances.diagonal import Diagonal
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.gridded import Gridded
from pipeline.observations.latent_observer import LatentObserver
from pipeline.observations.networks import random, simulate
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Component, Grid, Space
from pipeline.transforms.base import Transform
from pipeline.transforms.identity import Identity

SCALE = per_element(SPACE, {"ps": 300.0, "ta": 2.0, "sst": 1.0, "ssh": 0.1})
X_B, TRUTH = background(SPACE, seed=2), background(SPACE, seed=1)
SEA = SPACE.mask
B = torch.where(SEA, SCALE**2, 1.0)
R = torch.where(SEA, (0.4 * SCALE) ** 2, 1.0)


def observer(variance=R, network=None, **options) -> LatentObserver:
    covariance = options.pop("covariance", None) or Diagonal(variance.sqrt())
    return LatentObserver(network or Passes(), covariance, SPACE, NOMINAL, Units(), **options)


def method(observers=None, b=B, transform=None, **options) -> Hloba:
    return Hloba(transform or Identity(), Diagonal(b.sqrt()), observers or observer(), SPACE, **options)


def test_is_the_kalman_update_where_b_and_r_are_diagonal():
    observations = at_cells(TRUTH)
    found = method().analysis(X_B, observations)
    y, _ = Gridded.of(SPACE, observations, NOMINAL).fields(torch.as_tensor(_values(observations)), SPACE.size)
    b, r = B.diag(), R.diag()
    gain = b @ torch.linalg.inv(b + r)
    wanted, a = X_B + gain @ (y - X_B), (torch.eye(len(b)).double() - gain) @ b
    torch.testing.assert_close(found.state[SEA], wanted[SEA], rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found.latent_deviation[SEA] ** 2, a.diagonal()[SEA], rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found.deviation[SEA], a.diagonal()[SEA].sqrt(), rtol=1e-10, atol=0.0)
    assert torch.equal(found.state[~SEA], X_B[~SEA])


def _values(observations):
    """Their values in the order of the cells."""
    return Gridded.of(SPACE, observations, NOMINAL).value


def test_a_network_of_no_information_leaves_the_background():
    worthless = torch.full_like(R, torch.inf)
    covariance = Diagonal(worthless.sqrt())
    for update in ("replace", "increment"):
        found = method(observer(covariance=covariance), update=update).analysis(X_B, at_cells(TRUTH))
        assert torch.equal(found.state, X_B)
        torch.testing.assert_close(found.latent_deviation, B.sqrt())


def test_a_perfect_network_gives_what_it_sees():
    found = method(observer(1e-24 * R)).analysis(X_B, at_cells(TRUTH, noise=0.0))
    torch.testing.assert_close(found.state[SEA], TRUTH[SEA], rtol=1e-12, atol=1e-12)
    assert float((found.deviation / SCALE)[SEA].max()) < 1e-11


def test_two_observing_systems_are_fused_by_their_precisions_in_any_order():
    """Against one observer after the other, and against the formula for three estimates."""
    pair = observer(R, variables=["ta", "sst", "ssh"]), observer(3 * R, network=_Shifted(), variables=["ps"])
    observations = at_cells(TRUTH)
    found, turned = (method(list(o)).analysis(X_B, observations) for o in (pair, pair[::-1]))
    torch.testing.assert_close(found.state, turned.state, rtol=1e-12, atol=0.0)
    z = [pair[k].encode(pair[k].gridded(observations)) for k in (0, 1)]
    precision = 1 / B + 1 / R + 1 / (3 * R)
    wanted = (X_B / B + z[0] / R + z[1] / (3 * R)) / precision
    torch.testing.assert_close(found.state[SEA], wanted[SEA], rtol=1e-10, atol=0.0)
    torch.testing.assert_close(found.latent_deviation**2, 1 / precision, rtol=1e-10, atol=0.0)


class _Shifted(nn.Module):
    def forward(self, y, m):
        return y + 1.0


def test_the_climate_is_taken_out_of_a_conditional_mean():
    """A network of the mean of x given y under x ~ N(c, C): with the climate known, HLOBA is the Kalman update by y."""
    mean = per_element(SPACE, {"ps": 1e5, "ta": 285.0, "sst": 15.0, "ssh": 0.0})
    y_var, climate_var = R, 2.0 * SCALE**2 + (~SEA).double()

    class Conditional(nn.Module):
        def forward(self, y, m):
            return torch.where(m > 0, (climate_var * y + y_var * mean) / (climate_var + y_var), mean)

    posterior = climate_var * y_var / (climate_var + y_var)
    climate = xr.Dataset({"mean": ("latent", mean.numpy()), "variance": ("latent", climate_var.numpy())})
    half = at_cells(TRUTH, 0.6)
    watcher = observer(posterior, network=Conditional(), climate=climate)
    found = method(watcher).analysis(X_B, half)
    seen = watcher.gridded(half).cells
    wanted = method().analysis(X_B, half)
    torch.testing.assert_close(found.state[seen], wanted.state[seen], rtol=1e-10, atol=0.0)
    # without an observation z_o is the climate's mean and R its variance: nothing is learnt
    _, unseen = watcher.likelihood(mean, climate_var)
    assert bool(torch.isinf(unseen).all())
    shrunk = method(observer(posterior, network=Conditional())).analysis(X_B, half)
    assert float(((shrunk.state - wanted.state) / SCALE)[seen].abs().max()) > 0.05


def test_the_likelihood_by_hand():
    """c = 1 and C = 2: R = 1 gives R_l = 2 and z_l = 2 z - c; R = 2 and R = 3 say nothing and leave z_o as it is."""
    climate = xr.Dataset({"mean": ("latent", np.ones(3)), "variance": ("latent", np.full(3, 2.0))})
    z, variance = torch.tensor([3.0, 4.0, 5.0]).double(), torch.tensor([1.0, 2.0, 3.0]).double()
    found = observer(climate=climate).likelihood(z, variance)
    assert [x.tolist() for x in found] == [[5.0, 4.0, 5.0], [2.0, torch.inf, torch.inf]]
    as_published = observer().likelihood(z, variance)
    assert (as_published[0] is z, as_published[1] is variance) == (True, True)


def test_a_climate_without_a_variance_is_refused():
    with pytest.raises(PipelineError, match="no variable 'variance'"):
        observer(climate=xr.Dataset({"mean": ("latent", np.ones(3))}))


def test_the_network_sees_zero_where_nothing_was_observed():
    """Also where a normalized zero would be another number."""

    class Shifted(Units):
        def normalize(self, x):
            return x - 5.0

    watcher = LatentObserver(Passes(), Diagonal(R.sqrt()), SPACE, NOMINAL, Shifted())
    seen = watcher.gridded(at_cells(TRUTH, 0.4))
    wanted = torch.zeros(SPACE.size).double()
    wanted[seen.cells] = seen.value - 5.0
    assert 0 < len(seen.cells) < SPACE.size
    torch.testing.assert_close(watcher.encode(seen), wanted, rtol=0, atol=0)


def test_errors_of_the_day_are_drawn_by_their_seed():
    members, seen = background(SPACE, (3,), seed=8), observer().gridded(at_cells(TRUTH, 0.4))
    first, again, other = (observer(seed=seed).errors(seen, members, members) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_bayes_of_one_estimate_is_itself():
    mean, variance = bayes([X_B], [B])
    assert torch.equal(mean, X_B)
    assert torch.equal(variance, B)


class Bent(Transform):
    """x = mean + (z + bend sin z) W, 12 latent variables."""

    def __init__(self, bend: float = 0.0) -> None:
        super().__init__()
        self.bend = bend
        w = torch.randn(12, SPACE.size, generator=torch.Generator().manual_seed(4)).double()
        self.w, self.mean = nn.Parameter(w * SCALE), X_B

    def encode(self, x):
        return torch.zeros(*x.shape[:-1], 12).to(x)

    def decode(self, z):
        return self.mean + (z + self.bend * torch.sin(z)) @ self.w


class Constant(nn.Module):
    """O gives the same latent vector whatever it sees."""

    def forward(self, y, m):
        return torch.linspace(-1.0, 1.0, 12).to(y).expand(*y.shape[:-1], 12)


def latent(bend: float, **options) -> Hloba:
    deviation = torch.linspace(0.2, 0.6, 12).double()
    watcher = LatentObserver(Constant(), Diagonal(0.5 * deviation), SPACE, NOMINAL, Units())
    return Hloba(Bent(bend), Diagonal(deviation), watcher, SPACE, **options)


def test_sigma_in_model_space_is_the_jacobian_s_and_monte_carlo_s():
    found = latent(0.0, probes=4000).analysis(X_B, at_cells(TRUTH, 0.3))
    sigma, w = found.latent_deviation, Bent().w.detach()
    linear = (sigma[:, None] ** 2 * w**2).sum(0).sqrt()
    torch.testing.assert_close(found.deviation[SEA], linear[SEA], rtol=0.06, atol=0.0)
    z_a = found.latent_increment
    noise = torch.randn(20000, 12, generator=torch.Generator().manual_seed(1)).double()
    drawn = Bent().decode(z_a + sigma * noise).std(0)
    torch.testing.assert_close(found.deviation[SEA], drawn[SEA], rtol=0.08, atol=0.0)


def test_sigma_follows_a_bent_decoder():
    found = latent(0.3, probes=2000).analysis(X_B, at_cells(TRUTH, 0.3))
    transform, z_a, sigma = Bent(0.3), found.latent_increment, found.latent_deviation
    jacobian = torch.func.jacfwd(transform.decode)(z_a).detach()
    linear = (jacobian**2 @ sigma**2).sqrt()
    noise = torch.randn(20000, 12, generator=torch.Generator().manual_seed(1)).double()
    drawn = (transform.decode(z_a + sigma * noise) - transform.decode(z_a)).square().mean(0).sqrt().detach()
    torch.testing.assert_close(found.deviation[SEA], drawn[SEA], rtol=0.1, atol=0.0)
    torch.testing.assert_close(found.deviation[SEA], linear[SEA], rtol=0.2, atol=0.0)


def test_the_papers_single_probe_holds_all_cross_products():
    found = latent(0.0, probes=0).analysis(X_B, at_cells(TRUTH, 0.3))
    signs = torch.sign(found.latent_increment)
    wanted = ((found.latent_deviation * signs) @ Bent().w.detach()).abs()
    torch.testing.assert_close(found.deviation[SEA], wanted[SEA], rtol=1e-9, atol=1e-9)


def test_sigma_is_the_realised_error():
    """500 twins drawn from B and R: errors of the analyses have the variance that is claimed."""
    generator, total = torch.Generator().manual_seed(3), torch.zeros(SPACE.size).double()
    for k in range(500):
        x_b = TRUTH + torch.where(SEA, B.sqrt(), 0.0) * torch.randn(SPACE.size, generator=generator).double()
        exact = per_element(SPACE, NOMINAL) ** 2
        found = method(observer(torch.where(SEA, exact, 1.0)), probes=1).analysis(x_b, at_cells(TRUTH, seed=k))
        total += (found.state - TRUTH) ** 2 / 500
    torch.testing.assert_close(
        (total.sqrt() / found.deviation)[SEA].mean(), torch.tensor(1.0).double(), rtol=0.02, atol=0
    )


def test_sigma_of_a_share_of_the_increment_and_of_components_left_alone_is_the_realised_error():
    """500 twins, 60 % of the increments of two observers of the ocean; the atmosphere keeps the background's error."""
    exact = per_element(SPACE, NOMINAL) ** 2

    def watcher(name):
        r = torch.full_like(B, torch.inf)
        r[SPACE.index(name)] = torch.where(SEA, exact, 1.0)[SPACE.index(name)]
        return observer(r, variables=[name])

    options = {"components": ["ocean"], "coefficient": 0.6, "probes": 1}
    share = method([watcher("sst"), watcher("ssh")], **options)
    generator, errors = torch.Generator().manual_seed(3), []
    for k in range(500):
        x_b = TRUTH + torch.where(SEA, B.sqrt(), 0.0) * torch.randn(SPACE.size, generator=generator).double()
        found = share.analysis(x_b, at_cells(TRUTH, seed=k))
        errors.append(found.state - TRUTH)
    ratio = torch.stack(errors).square().mean(0).sqrt() / found.deviation
    for name in SPACE.names:  # 500 draws of 24 and of 26 elements: 0.7 %
        assert float(ratio[SPACE.slice_of(name)][SEA[SPACE.slice_of(name)]].mean()) == pytest.approx(1.0, abs=0.02)
    assert not found.deviation[~SEA].any()
    torch.testing.assert_close(found.deviation[SEA], torch.where(share.free, found.latent_deviation, B.sqrt())[SEA])


def test_sigma_of_what_is_left_alone_is_decoded_from_the_background():
    """For a bent decoder about z_b, with the probes and the single sign vector of the analysis."""
    for probes in (0, 2000):
        weak = latent(0.3, probes=probes, components=["ocean"]).analysis(X_B, at_cells(TRUTH))
        b, transform = torch.linspace(0.2, 0.6, 12).double(), Bent(0.3)
        z_b = transform.encode(X_B)
        signs = torch.sign(weak.latent_increment)
        if probes:
            signs = torch.sign(torch.randn(4000, 12, generator=torch.Generator().manual_seed(1)).double())
        wanted = (transform.decode(z_b + b * signs) - transform.decode(z_b)).square().reshape(-1, SPACE.size)
        where = SPACE.slice_of("atmosphere")
        torch.testing.assert_close(weak.deviation[where], wanted.mean(0).sqrt()[where].detach(), rtol=0.1, atol=1e-9)
        strong = latent(0.3, probes=probes).analysis(X_B, at_cells(TRUTH))
        where = SPACE.slice_of("ocean")
        assert torch.equal(weak.deviation[where], strong.deviation[where])


def test_increment_keeps_what_the_decoder_cannot_hold_and_replace_adds_its_error():
    class Coarse(Identity):
        def decode(self, z):
            return torch.where(SPACE.mask, 0.5 * z, 0.0)

    watcher = observer()
    kept, lost = (
        method(watcher, transform=Coarse(), update=u).analysis(X_B, at_cells(TRUTH)) for u in ("increment", "replace")
    )
    z_b, z_a = X_B, X_B + kept.latent_increment
    torch.testing.assert_close(kept.state[SEA], (X_B + 0.5 * (z_a - z_b))[SEA])
    torch.testing.assert_close(lost.state[SEA], (0.5 * z_a)[SEA])
    more = method(watcher, representativeness={"sst": 0.7}).analysis(X_B, at_cells(TRUTH))
    plain = method(watcher).analysis(X_B, at_cells(TRUTH))
    sst = torch.arange(SPACE.size)[SPACE.index("sst")][SEA[SPACE.index("sst")]]
    torch.testing.assert_close(more.deviation[sst], torch.hypot(plain.deviation[sst], torch.tensor(0.7).double()))
    half, without = (
        method(watcher, coefficient=0.5, representativeness=r).analysis(X_B, at_cells(TRUTH))
        for r in ({"sst": 0.7}, None)
    )
    torch.testing.assert_close(half.deviation[sst], torch.hypot(without.deviation[sst], torch.tensor(0.35).double()))


def statistics(variance) -> xr.Dataset:
    return xr.Dataset({"variance": ("latent", variance.numpy())})


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_b_and_r_of_the_day(weight):
    """B = (1-w) B_c + w var(z_k), R = (1-w) R_c + w mean(e_k^2), e_k with the stations and errors of this analysis."""
    members, observations = background(SPACE, (7,), seed=8), at_cells(TRUTH, 0.6)
    watcher = observer(covariance=Blended(statistics(R), weight, centred=False, floor=1e-9))
    found = Hloba(Identity(), Blended(statistics(B), weight, floor=1e-9), watcher, SPACE).analysis(
        X_B, observations, ensemble=members
    )
    seen = watcher.gridded(observations)
    e = watcher.errors(seen, members, members)
    b = (1 - weight) * B + weight * torch.maximum(members.var(0), 1e-9 * B)
    r = (1 - weight) * R + weight * torch.maximum(e.square().mean(0), 1e-9 * R)
    torch.testing.assert_close((found.latent_deviation**2)[SEA], (b * r / (b + r))[SEA], rtol=1e-10, atol=0.0)
    drawn = (e[:, seen.cells] / seen.error).std()
    assert 0.85 < float(drawn) < 1.15  # the error of a network that passes its input is the observations'


def test_observations_that_are_withheld_or_of_another_component_are_not_seen():
    observations = at_cells(TRUTH)
    withheld = with_values(observations, observations.value, np.ones(len(observations), dtype=bool))
    assert torch.equal(method().analysis(X_B, withheld).state, X_B)
    assert torch.equal(method().analysis(X_B, Observations.empty()).state, X_B)
    ocean = method(components=["ocean"]).analysis(X_B, observations)
    where = SPACE.slice_of("atmosphere")
    assert torch.equal(ocean.state[where], X_B[where])
    assert set(ocean.statistics) == {"sst", "ssh"}


def test_exact_reports_beside_centres_are_exact_at_the_cells():
    """SST of 28 cos^2(lat) on the demo's ocean: moved as they are, they are off by 0.3 degC, their whole error."""
    bounds = np.linspace(-78.0, 78.0, 51)
    mask = np.ones((50, 90), dtype=bool)
    mask[10:30, 20:40] = False
    grid = Grid(0.5 * (bounds[1:] + bounds[:-1]), 2.0 + 4.0 * np.arange(90), bounds, mask)
    space = Space((Component("ocean", grid, ("sst",)),))
    lat, lon = np.deg2rad(np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    fields = np.stack([28 * np.cos(lat) ** 2, 0.5 * np.sin(2 * lon) * np.cos(lat)]).reshape(2, -1)
    truth, error = torch.where(space.mask, torch.from_numpy(fields), 0.0)
    o = simulate(space, truth[None], np.zeros(1), random(grid, 0.2, seed=3), "sst", 1e-12, seed=1)

    def off(x_b):
        seen = Gridded.of(space, o, {"sst": 0.3}, x_b)
        return (seen.value - truth[seen.cells]).square().mean(-1).sqrt()

    assert 0.25 < float(off(None)) < 0.4
    exact, near = off(torch.stack([truth, truth + error]))
    assert float(exact) < 1e-10
    assert float(near) < 0.1 * float(off(None))  # by the slope of the background's error


def beside_centres() -> Observations:
    """Reports a third of a cell to the east of all centres."""
    o = at_cells(TRUTH, seed=5)
    return dataclasses.replace(o, lon=np.mod(o.lon + 30.0, 360.0))


def test_carried_reports_are_averaged_in_their_cell_and_those_at_centres_stay_as_they_are():
    o, east = at_cells(TRUTH), beside_centres()
    at_centres = Gridded.of(SPACE, o, NOMINAL)
    assert torch.equal(Gridded.of(SPACE, o, NOMINAL, X_B).value, at_centres.value)
    found = Gridded.of(SPACE, Observations.concatenate([o, east]), NOMINAL, X_B)
    assert torch.equal(found.cells, at_centres.cells)
    carried = torch.as_tensor(east.value) + X_B[found.cells] - Interpolation(SPACE, east)(X_B)
    torch.testing.assert_close(found.value, 0.5 * (at_centres.value + carried), rtol=1e-12, atol=1e-12)
    coast = SPACE.index("sst").start + 4  # its neighbour to the east is land: H takes this cell alone
    torch.testing.assert_close(carried[found.cells == coast], torch.as_tensor(east.value)[found.cells == coast])


def test_each_background_of_a_batch_carries_its_own_innovations():
    batch, east = background(SPACE, (2, 3), seed=6), beside_centres()
    found, H = method().analysis(batch, east), Interpolation(SPACE, east)
    torch.testing.assert_close(found.innovation, torch.as_tensor(east.value) - H(batch), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(method().analysis(batch[1, 2], east).state, found.state[1, 2], rtol=1e-12, atol=0.0)
    unchanged = method().analysis(X_B, with_values(east, H(X_B).numpy()))
    torch.testing.assert_close(unchanged.state, X_B, rtol=1e-12, atol=1e-12)
    single = method(dtype="float32").analysis(batch.float(), east)
    torch.testing.assert_close(single.state.double(), found.state, rtol=1e-5, atol=1e-4)


def test_reports_in_one_cell_are_averaged_by_their_variances():
    o = at_cells(TRUTH)
    twice = Observations.concatenate([o, with_values(o, o.value + 2.0)])
    columns = {f.name: getattr(twice, f.name) for f in dataclasses.fields(twice)}
    columns["error"] = np.where(np.arange(len(twice)) < len(o), 1.0, 0.5) * columns["error"]
    seen, one = Gridded.of(SPACE, Observations(**columns), NOMINAL), Gridded.of(SPACE, o, NOMINAL)
    torch.testing.assert_close(seen.value, one.value + 2.0 * 4 / 5)
    torch.testing.assert_close(seen.error, one.error / 5**0.5)
    assert seen.count == 2 * one.count
    assert bool((one.quality == 1).all())
    worse = Gridded.of(SPACE, at_cells(TRUTH, factor=3.0), NOMINAL)
    torch.testing.assert_close(worse.quality, torch.full_like(worse.quality, 1 / 3))


def test_order_does_not_matter_and_a_batch_is_its_elements():
    observations, batch = observe(SPACE, TRUTH), background(SPACE, (2, 3), seed=6)
    shuffled = observations.where(np.random.default_rng(0).permutation(len(observations)))
    found = method().analysis(batch, observations)
    torch.testing.assert_close(method().analysis(batch, shuffled).state, found.state, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(
        method().analysis(batch[1, 2], observations).state, found.state[1, 2], rtol=1e-12, atol=0
    )
    # Sixteen probes of a decoder that mixes: were the signs an element's own, so would its sigma be.
    bent = latent(0.0)
    together = bent.analysis(batch, observations)
    alone = bent.analysis(batch[1, 2], observations)
    torch.testing.assert_close(together.deviation[1, 2], alone.deviation, rtol=1e-10, atol=0.0)


def test_from_configuration_with_two_observers():
    configuration = {
        "kind": "hloba",
        "transform": {"kind": "identity"},
        "covariance": {"kind": "blended", "file": statistics(B)},
        "observers": [
            {
                "kind": "latent_observer",
                "network": Passes(),
                "covariance": {"kind": "blended", "file": statistics(R)},
                "variables": ["ps", "ta", "ssh"],
            },
            {"kind": "latent_observer", "network": Passes(), "covariance": Diagonal(R.sqrt()), "variables": ["sst"]},
        ],
    }
    context = {"space": SPACE, "operator": Interpolation, "normalization": Units(), "nominal": NOMINAL}
    found = build(configuration, **context).analysis(X_B, at_cells(TRUTH))
    assert float(found.latent_deviation[SPACE.index("sst")][0]) < float(R[SPACE.index("sst")][0] ** 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficient": 0.0}, r"coefficient 0.0 is outside \(0, 1\]"),
        ({"coefficient": 1.2}, "coefficient 1.2 is outside"),
        ({"coefficient": float("nan")}, "coefficient nan is outside"),
        ({"dtype": "float16"}, "dtype 'float16' is unknown; choose one of float32, float64"),
        ({"representativeness": {"snow": 1.0}}, "representativeness of 'snow'; the state has ps, ta, sst, ssh"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(PipelineError, match=message):
        method(**options)


def test_observers_of_the_same_variables_are_refused():
    everything, some = observer(), observer(variables=["sst", "ps"])
    with pytest.raises(PipelineError, match="ps, sst would be used by more than one of 2 observers") as error:
        method([everything, some])
    assert "give each observer `variables` of its own" in str(error.value)
    method([observer(variables=["ta", "ssh"]), some])


def test_what_cannot_be_is_refused():
    with pytest.raises(PipelineError, match="update 'add' is unknown"):
        method(update="add")
    with pytest.raises(PipelineError, match="no nominal error of ssh; there is ps"):
        Gridded.of(SPACE, at_cells(TRUTH).select(variable="ssh"), {"ps": 1.0})
    with pytest.raises(PipelineError, match="weight 2"):
        Blended(statistics(B), 2.0)
    with pytest.raises(PipelineError, match="too few"):
        Blended(statistics(B), 0.5).with_members(X_B[None])
    with pytest.raises(PipelineError, match="a member is not finite"):
        Blended(statistics(B), 0.5).with_members(torch.full((3, SPACE.size), torch.nan))
