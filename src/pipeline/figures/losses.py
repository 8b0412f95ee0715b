"""Hf2pMDA figure 9a: background and observation loss of the latent analysis against the iteration."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures import style


def draw_minimisation(costs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Median and 10-90 % range over the analyses of both terms of the cost, a panel per method.

    Args:
        costs: method -> J_b and J_o, each (analysis, iteration); nothing where no method is variational.
    """
    style.use()
    columns = min(max(len(costs), 1), 4)
    rows = max(-(-len(costs) // columns), 1)
    size = (4.2, 3.0) if len(costs) < 2 else (2.4 * columns, 2.2 * rows)
    figure, panels = plt.subplots(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(costs) :]:
        axes.axis("off")
    for axes, (method, terms) in zip(panels.flat, costs.items(), strict=False):
        _both_terms(axes, *terms)
        axes.set(title=f"{method.upper()}, {len(terms[0])} analyses")
    for axes in panels[-1]:
        axes.set_xlabel("Iteration")
    for axes in panels[:, 0]:
        axes.set_ylabel("Cost")
    if costs:
        panels[0, 0].legend(title="median, 10-90 %", title_fontsize=7)
    else:
        panels[0, 0].text(0.5, 0.5, "no variational analysis", ha="center")
    return figure


def _both_terms(axes: Axes, background: np.ndarray, observation: np.ndarray) -> None:
    for label, values, colour in (
        ("J$_b$, background", background, "background"),
        ("J$_o$, observations", observation, "observation"),
    ):
        low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9], axis=0)
        iterations = np.arange(len(middle))
        axes.plot(iterations, middle, color=style.COLOURS[colour], label=label)
        axes.fill_between(iterations, low, high, color=style.COLOURS[colour], alpha=0.2, lw=0)
    axes.set_yscale("symlog", linthresh=10.0)


def draw_training(history: pd.DataFrame) -> Figure:
    """Training and validation loss of the autoencoder against the epoch."""
    style.use()
    figure, axes = plt.subplots(figsize=(4.2, 3.0))
    for column, style_, label in (
        ("train_reconstruction", "-", "training"),
        ("validation_reconstruction", "--", "validation"),
    ):
        axes.semilogy(history["epoch"], history[column], style_, color="k", label=label)
    axes.set(xlabel="Epoch", ylabel="Reconstruction loss (normalised)")
    axes.legend()
    return figure
