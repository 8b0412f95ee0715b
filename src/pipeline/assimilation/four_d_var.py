"""Strong-constraint four-dimensional variational analysis in the space of a transform:

    J(z) = 1/2 |z - z_b|^2_(B^-1) + 1/2 sum_i |y_i - H_i(M_(0->i)(x(z)))|^2_(R_i^-1),      x(z) as in 3D-Var.

It is 3D-Var whose observation operator contains the forecast: G = [H_i M_(0->i)]_i in place of H. Whatever holds there
holds here: the transform makes it latent 4D-Var, the covariance makes it hybrid, `gauss_newton` makes it incremental
(outer loops around the trajectory, inner loops with the tangent-linear and the adjoint of M), `adam` and `lbfgs`
descend the full cost. With every observation at the time of the background it is 3D-Var; with linear M, H and D its
analysis is the Kalman smoother's at the window's start.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from pipeline.assimilation._trajectory import ForecastModel, Trajectory
from pipeline.assimilation.base import Analysis, OperatorFactory
from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.precision import matched
from pipeline.spaces import Space
from pipeline.transforms.base import Transform


class FourDVar(ThreeDVar):
    """4D-Var; background and analysis are states at the window's start.

    Args:
        transform, covariance, operator, space: as in 3D-Var, at the window's start; H is made anew for each time.
        model: M, a torch model with `step(x)` and `seconds`.
        window_hours: observations later than this, which is positive, are refused; without it every later one is used.
        checkpoint: steps of the model after which the state is kept and the graph is not; 0 keeps the whole graph.
            The memory falls from all steps to one segment's and the time grows by one more integration.
        options: the others of 3D-Var.
    """

    def __init__(
        self,
        transform: Transform,
        covariance: Covariance,
        operator: OperatorFactory,
        space: Space,
        model: ForecastModel,
        window_hours: float | None = None,
        checkpoint: int = 0,
        **options: Any,
    ) -> None:
        if checkpoint < 0:
            raise PipelineError(f"assimilation/four_d_var: checkpoint {checkpoint} must not be negative")
        if window_hours is not None and not 0 < window_hours < math.inf:
            raise PipelineError(
                f"assimilation/four_d_var: window_hours {window_hours} must be positive and finite; "
                "leave it out to use every later observation"
            )
        super().__init__(transform, covariance, self._along_the_forecast, space, **options)
        self.at_one_time, self.model, self.checkpoint = operator, model, checkpoint
        self.window = None if window_hours is None else round(3600 * window_hours)
        self.begin = 0

    def analysis(
        self,
        background: torch.Tensor,
        observations: Observations,
        ensemble: torch.Tensor | None = None,
        time: int = 0,
    ) -> Analysis:
        """The analysis at `time` [s] of a background (..., n) at that time, by observations from then on.

        Args:
            background: x_b, physical units.
            observations: of the window; by default their times count from the background.
            ensemble: members (K, n) at the same time, for errors of the day.
            time: the background's model clock [s].

        Raises:
            PipelineError: an observation is outside the window, or as in 3D-Var.
        """
        self.begin = time
        return super().analysis(background, observations, ensemble)

    def _along_the_forecast(self, space: Space, observations: Observations) -> Trajectory:
        if isinstance(self.model, torch.nn.Module):
            self.model.requires_grad_(False)
        return Trajectory(self.model, self.at_one_time, space, observations, self.begin, self.window, self.checkpoint)

    def _observation_term(self, operator: Trajectory, like: torch.Tensor) -> Any:
        if isinstance(operator.model, torch.nn.Module):
            operator.model = matched(operator.model, like)
        return super()._observation_term(operator, like)
