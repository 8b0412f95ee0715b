"""Forecast models: what advances a state in time."""
