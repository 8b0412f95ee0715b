"""Scores of fields, cycles and networks, and the summary of an experiment."""
