"""Three-dimensional variational analysis in the space of a transform:

    J(z) = 1/2 |z - z_b|^2_(B^-1) + 1/2 |y - H(x(z))|^2_(R^-1),      z_b = E(x_b)
    x(z) = x_b + D(z) - D(z_b)   (update: increment)      x(z) = D(z)   (update: replace)
    x_a  = x_b + c (x(z_a) - x_b)

With the identity this is 3D-Var in model space, with an autoencoder latent 3D-Var, with linear whitening and B = I the
Kalman analysis. The cost sees the state that is returned, so that with `increment` an error of reconstruction that the
background shares with the analysis costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pipeline.assimilation._cost import CONTROLS, Cost, ObservationTerm
from pipeline.assimilation._gauss_newton import GaussNewton
from pipeline.assimilation._minimizers import LBFGS, Adam, Minimum
from pipeline.assimilation.base import (
    Analysis,
    ObservationOperator,
    OperatorFactory,
    check_background,
    deviations,
    free_elements,
    shares,
    usable,
    variables_of,
)
from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.precision import matched
from pipeline.spaces import Space
from pipeline.transforms.base import Transform


class ThreeDVar:
    """3D-Var.

    Args:
        transform: E and D.
        covariance: B of z - z_b.
        operator: makes H of (space, observations).
        space: what the elements of the state are.
        update: `increment` adds D(z_a) - D(z_b) to the background, `replace` takes D(z_a) for it.
        coefficient: c, the share of the increment that is applied; one, or one per component.
        control: `preconditioned` (dz = B^1/2 v) or `direct` (dz itself).
        minimizer: `adam` (the papers'); `lbfgs`, the cheapest where the cost is smooth; `gauss_newton`, the most exact.
        iterations: at most; of the inner loops for `gauss_newton`.
        learning_rate: Adam's first step, in standard deviations of z where preconditioned.
        tolerance: the others end when the gradient has fallen to this share of the first.
        patience, stop: Adam halves its step, and ends, after so many iterations without gain.
        components: change these alone, by their own observations (weak coupling); all by default.
        representativeness: standard deviation per variable, in its units, of what the decoder cannot represent; its
            square is added to that of the observation error.
        batch_size: backgrounds treated at once; bounds the memory.
        device: `cpu`, `cuda`, ...; that of the background by default.
        dtype: `float32` or `float64`; that of the background by default.
    """

    def __init__(
        self,
        transform: Transform,
        covariance: Covariance,
        operator: OperatorFactory,
        space: Space,
        update: str = "increment",
        coefficient: float | Mapping[str, float] = 1.0,
        control: str = "preconditioned",
        minimizer: str = "adam",
        iterations: int = 200,
        learning_rate: float = 0.1,
        tolerance: float = 1e-3,
        patience: int = 5,
        stop: int = 20,
        components: Sequence[str] | None = None,
        representativeness: Mapping[str, float] | None = None,
        batch_size: int = 16,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        _choose("update", update, ("increment", "replace"))
        _choose("control", control, tuple(CONTROLS))
        _choose("minimizer", minimizer, ("adam", "lbfgs", "gauss_newton"))
        _choose("dtype", dtype, (None, "float32", "float64"))
        _refuse_not_positive(
            iterations=iterations,
            learning_rate=learning_rate,
            tolerance=tolerance,
            patience=patience,
            stop=stop,
            batch_size=batch_size,
        )
        if minimizer == "gauss_newton" and control != "preconditioned":
            raise PipelineError("assimilation/three_d_var: gauss_newton needs control: preconditioned")
        self.transform, self.covariance, self.operator, self.space = transform, covariance, operator, space
        self.update, self.coefficient, self.control = update, coefficient, control
        self.shares = shares(coefficient, space)
        self.minimize = {
            "adam": Adam(iterations, learning_rate, patience, stop),
            "lbfgs": LBFGS(iterations, tolerance),
            "gauss_newton": GaussNewton(iterations, tolerance),
        }[minimizer]
        self.variables = variables_of(space, components)
        self.free = free_elements(space, components)
        self.representativeness = deviations(representativeness, space)
        self.batch_size, self.device = (1 if minimizer == "lbfgs" else batch_size), device
        self.dtype = getattr(torch, dtype) if dtype else None

    def analysis(
        self, background: torch.Tensor, observations: Observations, ensemble: torch.Tensor | None = None
    ) -> Analysis:
        """The analysis of a background (..., n), physical units; `ensemble` (K, n) gives errors of the day.

        Raises:
            PipelineError: background, observations or ensemble are not what they should be.
        """
        check_background(background, self.space)
        operator = self.operator(self.space, usable(observations, self.variables))
        if not len(operator.observations) or not background.numel():
            return Analysis.unchanged(background)
        x_b = background.to(device=self.device, dtype=self.dtype).reshape(-1, self.space.size)
        with torch.no_grad():
            transform, covariance = self._prepare(x_b, ensemble)
            term = self._observation_term(operator, x_b)
            parts = [self._minimize(x, transform, covariance, term) for x in x_b.split(self.batch_size)]
        return self._assemble(background, term, operator.observations.variable, parts)

    def _prepare(self, x_b: torch.Tensor, ensemble: torch.Tensor | None) -> tuple[Transform, Covariance]:
        """Transform and covariance on the background's device and in its precision."""
        transform, covariance = matched(self.transform, x_b), matched(self.covariance, x_b)
        if ensemble is not None:
            covariance = covariance.with_members(transform.encode(ensemble.to(x_b))).to(x_b)
        if self.control == "direct" and not covariance.invertible:
            raise PipelineError(
                "assimilation/three_d_var: control: direct needs a B with an inverse, not this one (increments "
                "outside its span would be free); set control: preconditioned"
            )
        return transform, covariance

    def _observation_term(self, operator: ObservationOperator, like: torch.Tensor) -> ObservationTerm:
        """y, H and R of the observations that H can represent."""
        kept = operator.observations
        unresolved = np.array([self.representativeness.get(str(name), 0.0) for name in kept.variable])
        error = np.hypot(kept.error, unresolved)
        return ObservationTerm(operator, torch.as_tensor(kept.value).to(like), torch.as_tensor(error).to(like))

    def _minimize(
        self, x_b: torch.Tensor, transform: Transform, covariance: Covariance, term: ObservationTerm
    ) -> tuple[torch.Tensor, torch.Tensor, Minimum]:
        """x(z_a) - x_b and z_a - z_b of backgrounds (batch, n), with the course of the minimisation."""
        z_b = transform.encode(x_b)
        reference = transform.decode(z_b) if self.update == "increment" else x_b
        free = self.free.to(x_b.device)

        def change(dz: torch.Tensor) -> torch.Tensor:
            return torch.where(free, transform.decode(z_b + dz) - reference, 0.0)

        cost = Cost(CONTROLS[self.control](covariance), term, lambda dz: x_b + change(dz))
        minimum = self.minimize(cost, cost.background.control(z_b))
        if not bool(torch.isfinite(minimum.background[0] + minimum.observation[0]).all()):
            raise PipelineError("analysis: the cost of the background is not finite; look at the decoder's output")
        dz = cost.background.increment(minimum.v)
        return change(dz), dz, minimum

    def _assemble(
        self,
        background: torch.Tensor,
        term: ObservationTerm,
        variable: np.ndarray,
        parts: list[tuple[torch.Tensor, torch.Tensor, Minimum]],
    ) -> Analysis:
        lead = background.shape[:-1]
        whole = torch.cat([dx for dx, _, _ in parts])
        share = torch.as_tensor(self.shares, dtype=whole.dtype, device=whole.device)
        increment = (share * whole).to(background).reshape(background.shape)
        state = background + increment
        minimum = Minimum.joined([minimum for _, _, minimum in parts])
        return Analysis(
            state=state,
            increment=increment,
            latent_increment=torch.cat([dz for _, dz, _ in parts]).reshape(*lead, -1),
            history={
                "background": minimum.background.reshape(-1, *lead),
                "observation": minimum.observation.reshape(-1, *lead),
            },
            iterations=minimum.iterations.reshape(lead),
            variable=variable,
            innovation=term.departure(background.to(term.value)),
            residual=term.departure(state.to(term.value)),
            error=term.error,
        )


def _choose(name: str, value: str | None, choices: tuple) -> None:
    if value not in choices:
        given = ", ".join(str(choice) for choice in choices if choice is not None)
        raise PipelineError(f"assimilation/three_d_var: {name} {value!r} is unknown; choose one of {given}")


def _refuse_not_positive(**options: float) -> None:
    for name, value in options.items():
        if not value > 0:
            raise PipelineError(f"assimilation/three_d_var: {name} {value} must be positive")
