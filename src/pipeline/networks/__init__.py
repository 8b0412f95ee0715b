"""Networks: one file per kind, `nn.Module` alone; no data, no training."""

from pipeline.networks._io import load_network, read_model, save_network

__all__ = ["load_network", "read_model", "save_network"]
