"""Learn the subgrid tendency of the two-scale Lorenz model while it runs, then run on without the fast variables.

    python examples/lorenz96/learn_closure.py

The Fortran model offers (X_k, U_k) after every step to the callback `learn`. When the network explains 80 % of U's
variance on samples it has not seen, Fortran is told to take U from the callback `subgrid` instead. The coarse model
that results is compared with the full one and with one without closure: forecasts from common states, and the climate
of X.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipeline import bridge
from pipeline.bridge.networks_online import OnlineLearner
from pipeline.errors import PipelineError

DT = 0.005
RESOLVED, EMULATED, NEGLECTED = 0, 1, 2


def learn(model: bridge.FortranModel, goal: float = 0.8, block: int = 200, most: int = 10_000) -> OnlineLearner:
    """Run the full model, learning, until the skill is reached.

    Raises:
        PipelineError: it is not, within `most` steps.
    """
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    learner = OnlineLearner(network, features="none", learning_rate=3e-3)
    model.register("learn", learner)
    for _ in range(0, most, block):
        model.tool_run(block, DT)
        if learner.skill > goal:
            model.register("learn", None)
            return learner
    raise PipelineError(
        f"after {most} steps the network explains {learner.skill:.2f} of the variance, {goal} was wanted"
    )


def forecast_errors(model: bridge.FortranModel, starts: int, steps: int) -> dict[int, float]:
    """Root-mean-square error of X after some steps, from states along a run of the full model.

    Returns:
        For `EMULATED` and `NEGLECTED`.
    """
    squares: dict[int, list[float]] = {EMULATED: [], NEGLECTED: []}
    for _ in range(starts):
        slow, fast = model.tool_get_state()
        for closure, errors in squares.items():
            model.tool_use(closure)
            model.tool_set_state(slow, fast)
            errors.append(model.tool_run(steps, DT)[:, -1])
        model.tool_use(RESOLVED)
        model.tool_set_state(slow, fast)
        truth = model.tool_run(steps, DT)[:, -1]
        for errors in squares.values():
            errors.append(np.mean((errors.pop() - truth) ** 2))
    return {closure: float(np.sqrt(np.mean(errors))) for closure, errors in squares.items()}


def climate(model: bridge.FortranModel, closure: int, steps: int) -> tuple[float, float]:
    """Mean and standard deviation of X over a run with a closure."""
    model.tool_init()
    model.tool_use(closure)
    model.tool_run(1000, DT)  # away from where it began
    path = model.tool_run(steps, DT)
    return float(path.mean()), float(path.std())


def main() -> None:
    """Build, learn, compare."""
    torch.set_num_threads(1)
    model = bridge.load(bridge.build("examples/lorenz96/lorenz96.yaml"))
    model.tool_init()
    model.tool_run(1000, DT)
    learner = learn(model)
    print(f"skill {learner.skill:.3f} after {learner.samples} samples")
    model.register("subgrid", learner.emulator(device="cpu"))
    errors = forecast_errors(model, starts=50, steps=100)
    print(f"error of X after 0.5 time units: emulated {errors[EMULATED]:.2f}, no closure {errors[NEGLECTED]:.2f}")
    for name, closure in {"full model": RESOLVED, "emulated": EMULATED, "no closure": NEGLECTED}.items():
        print("climate of X, {}: mean {:.2f}, standard deviation {:.2f}".format(name, *climate(model, closure, 10_000)))


if __name__ == "__main__":
    main()
