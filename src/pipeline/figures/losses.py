"""Hf2pMDA figure 9a: background and observation loss of the latent analysis against the iteration."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style


def draw_minimisation(background: np.ndarray, observation: np.ndarray) -> Figure:
    """Median and 10-90 % range over the analyses of both terms of the cost.

    Args:
        background, observation: J_b and J_o, shape (analysis, iteration).
    """
    style.use()
    figure, axes = plt.subplots(figsize=(4.2, 3.0))
    for label, values, colour in (
        ("J$_b$, background", background, "background"),
        ("J$_o$, observations", observation, "observation"),
    ):
        low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9], axis=0)
        iterations = np.arange(len(middle))
        axes.plot(iterations, middle, color=style.COLOURS[colour], label=label)
        axes.fill_between(iterations, low, high, color=style.COLOURS[colour], alpha=0.2, lw=0)
    axes.set(xlabel="Iteration", ylabel="Cost", title=f"Median and 10-90 % range of {len(background)} analyses")
    axes.set_yscale("symlog", linthresh=10.0)
    axes.legend()
    return figure


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
