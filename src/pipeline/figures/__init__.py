"""The papers' panels, one file per kind of figure."""
