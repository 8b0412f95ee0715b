"""The configuration: one pydantic model makes the defaults, the JSON schema and every error message.

Layers, later ones win: the defaults below < `config/experiments/<experiment>.yaml` < its `sizes: <size>` block < what
the user says (`config/config.yaml`, `--configfile`, `--config key=value`). Unknown keys and impossible values are
refused before any job runs.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.config_base import (
    Kind,
    MethodKind,
    ModelKind,
    NetworkKind,
    RowName,
    Section,
    Training,
    without_removed,
)
from pipeline.config_testbed import Testbed
from pipeline.errors import PipelineError

ROOT = Path(__file__).resolve().parents[2]
SIZES = ("test", "demo", "standard", "paper")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
Size = Literal["test", "demo", "standard", "paper"]


class AtmosphereGrid(Section):
    """Spectral atmosphere: triangular truncation and its Gaussian grid."""

    trunc: int = Field(31, ge=5, le=340, description="triangular truncation")
    nlon: int = Field(96, ge=16, description="longitudes")
    nlat: int = Field(48, ge=8, description="Gaussian latitudes, even")
    nlev: int = Field(8, ge=2, le=100, description="sigma levels")
    dt: int = Field(3600, ge=30, description="time step [s], a divisor of the coupling interval")

    @model_validator(mode="after")
    def _resolves(self) -> AtmosphereGrid:
        if self.nlat % 2:
            raise ValueError(f"nlat = {self.nlat} must be even")
        if self.nlon < 2 * self.trunc + 2:
            raise ValueError(f"nlon = {self.nlon} cannot hold truncation {self.trunc}: at least {2 * self.trunc + 2}")
        return self


class OceanGrid(Section):
    """B-grid ocean between 78S and 78N."""

    nlon: int = Field(90, ge=16, description="longitudes")
    nlat: int = Field(50, ge=8, description="latitudes")
    nlev: int = Field(10, ge=3, le=100, description="levels")
    dt: int = Field(3600, ge=30, description="internal step [s], a divisor of the coupling interval")


class Model(Section):
    """Which Fortran model, how large, and its namelist."""

    name: str = Field("climate", description="config/models/<name>.yaml")
    ranks: int = Field(2, ge=1, description="MPI ranks of every model job")
    atmosphere: AtmosphereGrid = AtmosphereGrid()
    ocean: OceanGrid = OceanGrid()
    namelist: dict[str, dict[str, Any]] = Field(default_factory=dict, description="namelist group -> key -> value")


class Nature(Section):
    """The nature run: training data and the source of the stationary ensemble."""

    spinup_days: int = Field(60, ge=0)
    days: int = Field(365, ge=2)
    segment_days: int = Field(90, ge=1, description="length of one job of the chain")
    interval_hours: int = Field(6, ge=2, description="sampling of the interface variables")
    state_interval_days: int = Field(10, ge=1, description="interval of three-dimensional snapshots")

    @model_validator(mode="after")
    def _divides(self) -> Nature:
        if 24 % self.interval_hours:
            raise ValueError(f"interval_hours = {self.interval_hours} must divide 24")
        return self


class Splits(Section):
    """Shares of the nature run, in time order; a gap keeps neighbours out of each other's periods."""

    train: float = Field(0.8, gt=0, lt=1)
    validation: float = Field(0.1, gt=0, lt=1)
    gap_days: float = Field(2.0, ge=0)

    @model_validator(mode="after")
    def _leaves_a_test(self) -> Splits:
        if self.train + self.validation >= 1:
            raise ValueError("train + validation must leave a share for the test period")
        return self


class ObservationNetwork(Section):
    """The observation-to-latent network of `hloba`, trained after the autoencoder on the twin's observing system."""

    network: NetworkKind = Kind(kind="o2lnet")
    training: Training = Training()
    lowest_quality: float = Field(0.3, gt=0, le=1, description="nominal over largest observation error in training")


class Background(Section):
    """Background error covariance in latent space."""

    kind: Literal["nmc", "identity"] = Field("nmc", description="nmc: from lagged differences; identity: the papers'")
    lag_hours: int = Field(24, ge=1, description="of the differences E(x_(t+lag)) - E(x_t)")
    rank: int = Field(0, ge=0, description="directions beside the diagonal; 0: diagonal, the papers' choice")
    inflation: float = Field(1.0, gt=0, description="factor on the variance")


class Truth(Section):
    """The imperfect twin's truth: another start and other parameters than the assimilating model's."""

    offset_days: int = Field(30, ge=1, description="days that truth and background run apart before the cycles begin")
    namelist: dict[str, dict[str, Any]] = Field(default_factory=dict)


class StationNetwork(Section):
    """Observations of one variable by a network of stations (`observations/networks.py`)."""

    error: float = Field(gt=0, description="standard deviation in the variable's units")
    interval_hours: int = Field(ge=1)
    network: Kind
    gaps: float = Field(0.1, ge=0, lt=1, description="share of reports missing at random")
    withheld: float = Field(0.1, ge=0, lt=1, description="share of the places kept for verification")


class RealObservations(Section):
    """Observations from an archive instead of the twin's truth."""

    source: Literal["ersst", "oisst"] = "ersst"
    files: tuple[str, ...] = Field(("ersstv5_sst.mnmean.nc",), description="in data_dir")
    climatology: str | None = Field(None, description="an OISST day to compare with, in data_dir")
    error: float = Field(0.5, gt=0, description="standard deviation [degC]")
    interval_hours: int = Field(24, ge=1)
    withheld: float = Field(0.1, ge=0, lt=1)


class InterfaceEnsemble(Section):
    """Anomalies of the nature run at the air-sea interface, set about the background of each analysis."""

    members: int = Field(40, ge=2)
    harmonics: int = Field(0, ge=0, le=2, description="of the seasonal cycle that is taken out; needs a year or more")
    scale: float = Field(1.0, gt=0, description="factor on their covariance")


class Analysis(Section):
    """An analysis of the joined state at the air-sea interface, in latent or in model space."""

    every_hours: int = Field(24, ge=1)
    ensemble: InterfaceEnsemble | None = Field(None, description="for methods and covariances that take one")
    method: MethodKind


class Ensemble(Section):
    """The Fortran filter's stationary ensemble: anomalies of the nature run's snapshots."""

    members: int = Field(30, ge=3)
    harmonics: int = Field(0, ge=0, le=2, description="of the seasonal cycle that is taken out; needs a year or more")


class LowFrequencyEnsemble(Section):
    """Anomalies of months, for the Fortran filter."""

    members: int = Field(20, ge=2)
    cutoff_days: float = Field(50.0, gt=0, description="period whose amplitude is halved; slower ones pass")
    half_width_days: float = Field(60.0, gt=0, description="of the filter in time")
    spacing_days: float = Field(30.0, gt=0, description="between members, the last of the nature run")
    harmonics: int = Field(0, ge=0, le=2, description="of the seasonal cycle that is taken out; needs a year or more")


class HighFrequencyEnsemble(Section):
    """Anomalies of days, for the Fortran filter."""

    members: int = Field(20, ge=2)
    cutoff_days: float = Field(20.0, gt=0, description="period whose amplitude is halved; faster ones pass")
    half_width_days: float = Field(24.0, gt=0, description="of the filter in time")
    spacing_days: float = Field(0.0, ge=0, description="between members, the last of the nature run; 0: every snapshot")


class Filter(Section):
    """The Fortran filter: its ensembles, and its entries of the namelist."""

    ensemble: Ensemble = Ensemble()
    low_frequency: LowFrequencyEnsemble | None = Field(None, description="weights: namelist weights_*")
    high_frequency: HighFrequencyEnsemble | None = None
    namelist: dict[str, Any] = Field(default_factory=dict, description="key of &da_nml -> value")


class Method(Section):
    """What is done at each cycle: the Fortran filter, a latent analysis, both or nothing."""

    filter: bool = False
    analysis: Analysis | None = None


class Cycling(Section):
    """The assimilation experiment."""

    start: date = Field(date(2010, 6, 17), description="first day of the cycles; the nature run ends before it")
    days: int = Field(60, ge=1)
    window_hours: int = Field(6, ge=2, description="the filter's cycle and the sampling of the trajectories")
    segment_days: int = Field(15, ge=1, description="length of one job of the chain")
    checkpoint_days: int = Field(5, ge=1, description="what a killed job may lose inside a segment")
    burn_in_days: int = Field(10, ge=0, description="left out of the scores")
    seeds: tuple[int, ...] = (1,)
    state_interval_days: int = Field(0, ge=0, description="of 3-D snapshots for scores aloft and at depth; 0: none")

    @model_validator(mode="after")
    def _divides(self) -> Cycling:
        if self.burn_in_days >= self.days:
            raise ValueError(f"burn_in_days = {self.burn_in_days} leaves nothing of days = {self.days}")
        if 24 % self.window_hours:
            raise ValueError(f"window_hours = {self.window_hours} must divide 24")
        return self


class BenchmarkObservations(Section):
    """What is observed of a benchmark's truth, element by element."""

    interval: int = Field(1, ge=1, description="model steps between two observation times")
    error: float = Field(1.0, gt=0, description="standard deviation")
    every: int = Field(1, ge=1, description="each so-many-th element of the state is observed")


class BenchmarkRow(Section):
    """One line of a benchmark's table: a method, and what others have published for it."""

    method: MethodKind
    members: int = Field(1, ge=1)
    tangent: float | None = Field(None, gt=0, description="size of anomalies in forecasts; small: tangent-linear")
    rmse: float | None = Field(None, description="published analysis RMSE")
    cpu_seconds: float | None = Field(None, description="CPU seconds per 1000 cycles of the published code")


class Benchmark(Section):
    """Identical twins of a model in PyTorch: methods cycled over the same truths and observations."""

    model: ModelKind
    observations: BenchmarkObservations = BenchmarkObservations()
    cycles: int = Field(1000, ge=1, description="that are scored")
    burn_in: int = Field(400, ge=0, description="cycles before those")
    spin_up: int = Field(1000, ge=1, description="steps from rest to the attractor")
    initial_spread: float = Field(1.0, gt=0, description="standard deviation of the first ensembles about the truth")
    climatology: int = Field(10000, ge=2, description="states in the climatology, one observation interval apart")
    seeds: tuple[int, ...] = Field((1,), min_length=1)
    dtype: Literal["float64", "float32"] = "float64"
    rows: dict[RowName, BenchmarkRow] = Field(default_factory=dict)

    @field_validator("rows", mode="before")
    @classmethod
    def _without_removed(cls, rows: Any) -> Any:
        return without_removed(rows)


class Config(Section):
    """Everything an experiment needs."""

    experiment: str = "climate_scda"
    size: Size = "demo"
    data_dir: str = Field("data", description="where archive files are looked for and downloaded to")
    results_dir: str = "results"
    build_dir: str = "build"
    seed: int = 1
    title: str = ""
    extends: str = Field("", description="experiment whose keys this one starts from")
    shares: str = Field("", description="the same, and its nature run and network are used")
    shares_network: bool = Field(True, description="false: train a network here, on the shared nature run")
    model: Model = Model()
    nature: Nature = Nature()
    splits: Splits = Splits()
    network: NetworkKind = Kind(kind="coupled_vae")
    training: Training = Training()
    observer: ObservationNetwork | None = None
    background: Background = Background()
    filter: Filter = Filter()
    truth: Truth = Truth()
    observations: dict[str, StationNetwork] = Field(default_factory=dict, description="variable -> network of the twin")
    real_observations: RealObservations | None = None
    methods: dict[str, Method] = Field(default_factory=dict)
    cycling: Cycling = Cycling()
    benchmark: Benchmark | None = Field(None, description="instead of the coupled model: a small model's table")
    testbed: Testbed | None = Field(None, description="instead of the coupled model: a table of latent methods")

    @field_validator("methods", "observations", mode="before")
    @classmethod
    def _without_removed(cls, entries: Any) -> Any:
        return without_removed(entries)

    @model_validator(mode="after")
    def _keeps_time(self) -> Config:
        """What is done at intervals falls on windows' ends, and on the same ones however long a job is."""
        window, jobs = self.cycling.window_hours, self.cycling.days > self.cycling.segment_days
        rhythms = [
            (f"observations.{name}.interval_hours", network.interval_hours, "cycling.window_hours", window)
            for name, network in self.observations.items()
        ]
        for name, method in self.methods.items():
            if method.analysis:
                key, hours = f"methods.{name}.analysis.every_hours", method.analysis.every_hours
                rhythms.append((key, hours, "cycling.window_hours", window))
                if jobs:
                    rhythms.append(("cycling.segment_days in hours", 24 * self.cycling.segment_days, key, hours))
        if jobs and (interval := self.cycling.state_interval_days):
            segment = ("cycling.segment_days", self.cycling.segment_days)
            rhythms.append((*segment, "cycling.state_interval_days", interval))
        if self.nature.days > self.nature.segment_days:
            segment = ("nature.segment_days", self.nature.segment_days)
            rhythms.append((*segment, "nature.state_interval_days", self.nature.state_interval_days))
        lag = ("background.lag_hours", self.background.lag_hours)
        rhythms.append((*lag, "nature.interval_hours", self.nature.interval_hours))
        for key, value, of, unit in rhythms:
            if value % unit:
                raise ValueError(f"{key} = {value} must be a multiple of {of} = {unit}")
        return self


def resolve(user: Mapping[str, Any], root: Path = ROOT) -> Config:
    """Defaults, experiment, size and the user's own keys, merged and validated.

    Raises:
        PipelineError: with the path of the offending key, what was given and what was possible.
    """
    name = str(user.get("experiment", "climate_scda"))
    size = str(user.get("size", "demo"))
    if size not in SIZES:
        raise PipelineError(f"size: {size!r} is not a size; choose one of {', '.join(SIZES)}")
    user = _typed(dict(user))
    if isinstance(user.get("model"), str):  # --config model=<name>
        user["model"] = {"name": user["model"]}
    merged = merge(_experiment(name, size, root), user)
    merged["experiment"], merged["size"] = name, size
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise PipelineError(_explain(error)) from None


def _typed(value: Any) -> Any:
    """Numbers and logicals of texts, at any depth: `--config a={b: 1.0}` gives what is nested as texts."""
    if isinstance(value, Mapping):
        return {key: _typed(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_typed(held) for held in value]
    if not isinstance(value, str):
        return value
    if _NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value)
    return {"true": True, "false": False}.get(value.lower(), value)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping, or a PipelineError that names the file and the line."""
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", "")
        raise PipelineError(f"{path}: not YAML: {str(error).splitlines()[0]} {where}") from None
    if not isinstance(content or {}, dict):
        raise PipelineError(f"{path}: a mapping of keys to values was expected, found {type(content).__name__}")
    return content or {}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, mapping by mapping; a component of another `kind` replaces the whole component."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        nested = isinstance(value, Mapping) and isinstance(below, Mapping)
        same_kind = nested and value.get("kind", below.get("kind")) == below.get("kind")
        merged[key] = merge(below, value) if same_kind else value
    return merged


def nature_start(config: Config) -> date:
    """The day of the cold start: spin-up, nature run and the days of running apart end when the cycles begin."""
    lead = config.nature.spinup_days + config.nature.days + config.truth.offset_days
    return config.cycling.start - timedelta(days=lead)


def schema() -> dict[str, Any]:
    """JSON schema of a user's configuration file, for editors."""
    return Config.model_json_schema()


def defaults() -> dict[str, Any]:
    """The defaults as plain data."""
    return json.loads(Config().model_dump_json())


def _experiment(name: str, size: str, root: Path) -> dict[str, Any]:
    """An experiment's keys at a size, on top of those of the experiment that it extends or shares."""
    own = read_yaml(_experiment_file(name, root))
    sizes = own.pop("sizes", {})
    merged = merge(own, sizes.get(size, {}))
    base = own.get("extends") or own.get("shares")
    return merge(_experiment(base, size, root), merged) if base else merged


def _experiment_file(name: str, root: Path) -> Path:
    folder = root / "config" / "experiments"
    choices = sorted(p.stem for p in folder.glob("*.yaml"))
    if name not in choices:
        raise PipelineError(f"experiment: {name!r} is not in {folder}; choose one of {', '.join(choices)}")
    return folder / f"{name}.yaml"


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = [str(part) for part in item["loc"]]
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            choices = _keys_at(where[:-1])
            close = difflib.get_close_matches(where[-1], choices, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            text = f"unknown key{hint}; choose from {', '.join(choices)}"
        else:
            text += f" (given: {item['input']!r})" if not isinstance(item["input"], dict) else ""
        lines.append(f"{' '.join(['configuration', '.'.join(where)]).strip()}: {text}")
    return "\n".join(lines)


def _keys_at(path: list[str]) -> list[str]:
    schema_node: dict[str, Any] = schema()
    definitions = schema_node["$defs"]
    for part in path:
        child = schema_node.get("properties", {}).get(part) or schema_node.get("additionalProperties") or {}
        reference = child.get("$ref") or next((c["$ref"] for c in child.get("anyOf", []) if "$ref" in c), None)
        schema_node = definitions[reference.rsplit("/", 1)[1]] if reference else child
    return list(schema_node.get("properties", {}))
