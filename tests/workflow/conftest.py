"""A copy of the project, and the results of an undisturbed run in it."""

from pathlib import Path

import pytest

from project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(project) -> Path:
    """Results of an undisturbed run at size `test`."""
    done = project.snakemake()
    assert done.returncode == 0, done.stdout[-6000:]
    return project.folder / "results" / "climate_scda" / "test"
