"""The graph of rules, drawn from what `snakemake --rulegraph` prints."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.figure import Figure

from pipeline.errors import PipelineError
from pipeline.figures import style

_NODE = re.compile(r'^\s*(\d+)\s*\[label\s*=\s*"([^"\\]+)')
_EDGE = re.compile(r"^\s*(\d+)\s*->\s*(\d+)")


def rulegraph(config: dict[str, Any]) -> str:
    """Graphviz text of the whole workflow under a configuration, without running or locking anything."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config))
        command = ["snakemake", "--rulegraph", "--nolock", "--forceall", "--quiet", "--configfile", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PipelineError(f"snakemake --rulegraph failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def parse(dot: str) -> nx.DiGraph:
    """Rules and their dependencies out of Graphviz text."""
    graph, names = nx.DiGraph(), {}
    for line in dot.splitlines():
        if node := _NODE.match(line):
            names[node[1]] = node[2]
            graph.add_node(node[2])
        elif edge := _EDGE.match(line):
            graph.add_edge(names[edge[1]], names[edge[2]])
    graph.remove_edges_from(nx.selfloop_edges(graph))
    return graph


def draw(graph: nx.DiGraph) -> Figure:
    """Layers of rules from first to last, top to bottom."""
    style.use()
    # A chain of segments makes a rule follow itself; without that the graph has no cycle.
    reduced = nx.transitive_reduction(graph)
    layers = list(nx.topological_generations(reduced))
    figure, axes = plt.subplots(figsize=(9.0, 0.62 * len(layers) + 0.5))
    position = {}
    for depth, layer in enumerate(layers):
        for place, name in enumerate(sorted(layer)):
            position[name] = ((place + 1) / (len(layer) + 1), -depth)
    for begin, end in reduced.edges:
        (x, y), (to_x, to_y) = position[begin], position[end]
        style_ = {"arrowstyle": "->", "color": "0.5", "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (to_x, to_y + 0.22), (x, y - 0.22), arrowprops=style_)
    for name, (x, y) in position.items():
        axes.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            fontsize=8,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "#e8eef7", "edgecolor": "#4c72b0"},
        )
    axes.set(xlim=(0, 1), ylim=(-len(layers) + 0.5, 0.5))
    axes.axis("off")
    return figure
