"""Land-sea mask, depth and topography on the model's grids."""
