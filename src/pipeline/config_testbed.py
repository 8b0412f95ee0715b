"""The `testbed` section: latent methods on a model that is a function of states, from its nature run to a table."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline import registry
from pipeline.config_base import MethodKind, ModelKind, NetworkKind, RowName, Section, Training, without_removed


class Runs(Section):
    """Runs of the model that make training data and the climate; the last of them is kept for validation."""

    trajectories: int = Field(40, ge=2)
    spinup_days: float = Field(40, ge=0)
    days: float = Field(120, ge=4)
    every: int = Field(4, ge=1, description="model steps between two states that networks are trained on")


class Trained(Section):
    """A network and its training."""

    network: NetworkKind
    training: Training = Training()


class Stations(Section):
    """What is observed."""

    count: int = Field(40, ge=1, description="of stations, drawn by area")
    variables: tuple[str, ...] = Field((), description="all by default")
    error_share: float = Field(0.03, gt=0, description="standard deviation of an error over the variable's anomalies'")
    gaps: float = Field(0.1, ge=0, lt=1, description="share of reports missing at random")


class ErrorStatistics(Section):
    """Forecasts valid at the same time, for B; states with their observations, for R."""

    pairs: int = Field(300, ge=2, description="of forecasts over 48 and 24 hours")
    share: float = Field(0.15, gt=0, description="error of their first states over the difference of two states")
    every: int = Field(4, ge=1, description="model steps between two states that R is estimated from")


class TestbedCycling(Section):
    """The cycles, an analysis at every step of the model."""

    days: int = Field(40, ge=2)
    burn_in_days: int = Field(10, ge=0, description="left out of the scores")
    start_share: float = Field(0.3, gt=0, le=1, description="first error over the difference of two states")
    seeds: tuple[int, ...] = Field((1,), min_length=1)
    ensemble: int = Field(0, ge=0, description="members that rows with `ensemble: true` carry along")

    @model_validator(mode="after")
    def _leaves_days(self) -> TestbedCycling:
        if self.burn_in_days >= self.days:
            raise ValueError(f"burn_in_days = {self.burn_in_days} leaves nothing of days = {self.days}")
        return self


class TestbedRow(Section):
    """One line of the table: a method, or a free run without one."""

    method: MethodKind | None = None
    members: int = Field(0, ge=0, description="of the time-lagged ensemble; 0: none")
    ensemble: bool = Field(False, description="whether it carries an ensemble along, as filters do, not one state")
    variables: tuple[str, ...] = Field((), description="observations that it is given; all by default")
    factor: float = Field(1.0, gt=0, description="on the observation errors")
    told: bool = Field(True, description="whether the method knows of that factor")
    decoder_error: float = Field(
        0, ge=0, description="what D cannot represent, over the anomalies' deviation; enters R"
    )
    base: str | None = Field(None, description="row that differs from this one by its observation errors alone")
    published: dict[str, float] = Field(default_factory=dict, description="score -> what others have published")

    @property
    def learnt(self) -> bool:
        """Whether the method takes networks, or what is estimated from the nature run."""
        if self.method is None:
            return False
        kind, options = self.method.kind, self.method.options
        latent = "transform" not in options and "transform" in registry.options("assimilation", kind)
        return latent or "$folder" in str(options)


class Testbed(Section):
    """A perfect twin, with an autoencoder and an observation-to-latent network of its own where rows take them."""

    model: ModelKind
    nature: Runs = Runs()
    autoencoder: Trained | None = None
    o2lnet: Trained | None = None
    observations: Stations
    errors: ErrorStatistics = ErrorStatistics()
    cycling: TestbedCycling = TestbedCycling()
    rows: dict[RowName, TestbedRow] = Field(default_factory=dict)

    @field_validator("rows", mode="before")
    @classmethod
    def _without_removed(cls, rows: Any) -> Any:
        return without_removed(rows)

    @field_validator("rows")
    @classmethod
    def _known_bases(cls, rows: dict[str, TestbedRow]) -> dict[str, TestbedRow]:
        for name, row in rows.items():
            if row.base and row.base not in rows:
                raise ValueError(f"row {name!r}: base {row.base!r} is no row; choose one of {', '.join(rows)}")
        return rows

    @field_validator("rows")
    @classmethod
    def _an_ensemble_for_filters(cls, rows: dict[str, TestbedRow]) -> dict[str, TestbedRow]:
        for name, row in rows.items():
            if row.ensemble and row.members:
                raise ValueError(f"row {name!r}: {row.members} members of a time-lagged ensemble beside one of its own")
            if row.method is None:
                continue
            kind = row.method.kind
            is_filter = "inflation" in registry.options("assimilation", kind)  # spread is what they alone have
            if is_filter and not row.ensemble:
                raise ValueError(f"row {name!r}: {kind} corrects an ensemble; set ensemble: true")
            if row.ensemble and not is_filter:
                raise ValueError(
                    f"row {name!r}: {kind} corrects one state, so that members would grow alike; leave ensemble: true "
                    "out, or choose a filter"
                )
        return rows

    @model_validator(mode="after")
    def _observed_variables(self) -> Testbed:
        observed = self.observations.variables
        for name, row in self.rows.items():
            if observed and (unknown := [variable for variable in row.variables if variable not in observed]):
                raise ValueError(f"row {name!r}: {unknown[0]!r} is not observed; choose from {', '.join(observed)}")
        return self

    @model_validator(mode="after")
    def _has_networks(self) -> Testbed:
        rows = [name for name, row in self.rows.items() if row.learnt]
        for name in ("autoencoder", "o2lnet"):
            if rows and getattr(self, name) is None:
                raise ValueError(
                    f"row {rows[0]!r} takes networks and error statistics; give testbed.{name}, or let its method work "
                    "without, transform: null"
                )
        return self

    @model_validator(mode="after")
    def _carries_an_ensemble(self) -> Testbed:
        if self.cycling.ensemble < 2 and (rows := [name for name, row in self.rows.items() if row.ensemble]):
            raise ValueError(f"row {rows[0]!r} carries an ensemble; set cycling.ensemble to 2 or more")
        return self
