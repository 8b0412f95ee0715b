"""What a user or the weather can do wrong, through the bridge on two ranks: messages name the place on every rank."""

import json
import os
import subprocess

import pytest
import xarray as xr

from pipeline import bridge

PROGRAM = """
import json, sys
from pathlib import Path
from mpi4py import MPI
import torch
from pipeline import bridge
from pipeline.errors import PipelineError
from pipeline.models.climate import Climate

folder, comm = Path(sys.argv[2]), MPI.COMM_WORLD
module = bridge.load(sys.argv[1])


def restart(model):
    model.read_restart(folder / "five_levels.nc")


def steps(model):
    for _ in range(60):
        model.step()


def not_a_number(model):
    dx = torch.zeros(model.space.size, dtype=torch.float64)
    dx[model.space.index("ua")] = 1e308
    model.add_increment(dx if comm.rank == 0 else None)
    model.step()


good = Climate(module, comm, folder / "good.nml")
good.step()
good.write_restart(folder / "five_levels.nc")
good.finalize()
messages = {}
for name, act in (("mask", None), ("typo", None), ("levels", restart), ("unstable", steps), ("good", not_a_number)):
    message, model = "", None
    try:
        model = Climate(module, comm, folder / f"{name}.nml")
        if act:
            act(model)
    except PipelineError as error:
        message = str(error)
    if model:
        model.finalize()
    messages[name] = comm.gather(message)
again = Climate(module, comm, folder / "good.nml")
again.step()
if comm.rank == 0:
    (folder / "messages.json").write_text(json.dumps(messages))
"""


@pytest.fixture(scope="module")
def messages(climate_module, climate_namelist, tmp_path_factory):
    """Case: the message of each rank."""
    folder = tmp_path_factory.mktemp("bad_input")
    good = climate_namelist.read_text()
    grid = climate_namelist.with_name("grid.nc")
    with xr.open_dataset(grid) as whole:
        whole.isel(io=slice(1, None)).to_netcdf(folder / "narrow.nc")
    cases = {
        "good": good,
        "mask": good.replace(str(grid), str(folder / "narrow.nc")),
        "typo": good.replace("gustiness", "gustines"),
        "levels": good.replace("ocean_nlev = 5", "ocean_nlev = 6"),
        "unstable": good.replace("barotropic_substeps = 0", "barotropic_substeps = 1"),
    }
    for name, text in cases.items():
        assert name == "good" or text != good
        (folder / f"{name}.nml").write_text(text)
    (folder / "main.py").write_text(PROGRAM)
    command = bridge.mpi_command(2, str(folder / "main.py"), str(climate_module), str(folder))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "messages.json").read_text())


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("mask", ["narrow.nc", "ocean_mask has shape (io=47, jo=30), expected (48, 30)"]),
        ("typo", ["typo.nml", "flux_nml", "gustines"]),
        ("levels", ["five_levels.nc", "restart of another size"]),
        ("unstable", ["ocean: ", " at lat ", ", lon ", ", level ", ", day ", "try a shorter ocean_dt"]),
        ("good", ["land: a surface temperature", "NaN", "longitude", "latitude", "in the step to second"]),
    ],
)
def test_the_message_names_what_where_and_when_on_every_rank(messages, case, words):
    assert len(messages[case]) == 2
    for message in messages[case]:
        assert all(word in message for word in words), message
