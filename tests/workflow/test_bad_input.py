"""What goes wrong is said in one or two lines that name the file or key, and nothing half-made stays behind."""

import os
import shutil
import sys
from pathlib import Path

import netCDF4
import numpy as np

REAL = ("size=test", "experiment=climate_scda_real", "results_dir=real")


def failing(project, *arguments, config, env=None):
    """Lines that begin with `error:` or name the failure, of a run that must fail without a traceback."""
    original = project.env
    project.env = original | (env or {})
    try:
        done = project.snakemake(*arguments, config=config)
    finally:
        project.env = original
    assert done.returncode != 0
    assert "Traceback" not in done.stdout, done.stdout[-3000:]
    return done.stdout


def damaged(finished, project, name, damage):
    """A copy of the finished results with one file damaged, as a results folder of its own."""
    folder = project.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(finished.parents[1], folder, symlinks=True)
    damage(folder / "climate_scda" / "test")
    return ("size=test", f"results_dir={name}")


def test_a_missing_data_file_says_where_to_put_it(project, tmp_path):
    config = (*REAL, f"data_dir={tmp_path}")
    blocked = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    printed = failing(project, "retrieve", config=config, env=blocked)
    assert f"{tmp_path}/ersstv5_sst.mnmean.nc: not there" in printed
    assert "put it there" in printed


def test_a_truncated_archive_file_is_named(project, finished, real_data, tmp_path):
    for name in ("ersstv5_sst.mnmean.nc", "oisst-avhrr-v02r01.20220913.nc"):
        shutil.copy(real_data(name), tmp_path / name)
    os.truncate(tmp_path / "ersstv5_sst.mnmean.nc", 200_000)
    target = "real/climate_scda_real/test/observations/seed1.nc"
    printed = failing(project, target, config=(*REAL, f"data_dir={tmp_path}"))
    assert "error: " in printed
    assert "ersstv5_sst.mnmean.nc" in printed
    assert not list((project.folder / "real").rglob("seed1.nc"))


def test_nan_in_the_observations_is_refused(project, finished):
    def damage(folder):
        with netCDF4.Dataset(folder / "observations" / "seed1.nc", "a") as file:
            file["value"][3] = np.nan
        for path in (folder / "cycles" / "wcda").rglob("trajectory.nc"):
            path.unlink()

    config = damaged(finished, project, "holes", damage)
    target = "holes/climate_scda/test/cycles/wcda/seed1/segment_0/trajectory.nc"
    printed = failing(project, target, "--allowed-rules", "cycle_segment", config=config)
    assert "missing value in 1 of" in printed
    assert not list((project.folder / "holes").rglob("wcda/**/trajectory.nc"))


def test_weights_of_another_configuration_are_refused(project, finished):
    def damage(folder):
        model = folder / "vae" / "model.json"
        model.write_text(model.read_text().replace('"latent_channels": 10', '"latent_channels": 12'))
        for path in (folder / "tables").glob("reconstruction.*"):
            path.unlink()

    config = damaged(finished, project, "weights", damage)
    target = "weights/climate_scda/test/tables/reconstruction.csv"
    printed = failing(project, target, "--allowed-rules", "reconstruct", config=config)
    assert "weights.safetensors: does not fit network 'coupled_vae'" in printed
    assert "train the network again" in printed


def test_a_truncated_restart_is_named(project, finished):
    def damage(folder):
        os.truncate(folder / "cycles" / "start" / "background" / "seed1" / "restart.nc", 5000)
        for path in (folder / "cycles" / "ctl").rglob("trajectory.nc"):
            path.unlink()

    printed = failing(project, "--rerun-triggers", "mtime", config=damaged(finished, project, "restart", damage))
    assert "start/background/seed1/restart.nc" in printed


def test_another_grid_is_refused(project, finished):
    def damage(folder):
        shutil.rmtree(folder / "nature" / "ocean.zarr")
        shutil.copytree(folder / "nature" / "atmosphere.zarr", folder / "nature" / "ocean.zarr")
        (folder / "statistics.json").unlink()

    printed = failing(
        project,
        "grid/climate_scda/test/statistics.json",
        "--allowed-rules",
        "statistics",
        config=damaged(finished, project, "grid", damage),
    )
    assert "error: " in printed


def test_no_compiler_says_what_to_install(project, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    # A link to the interpreter would lose the environment that lies beside it.
    (bare / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (bare / "python").chmod(0o755)
    for folder in project.env["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            if not program.name.startswith("mpi") and not (bare / program.name).exists():
                (bare / program.name).symlink_to(program)
    config = ("size=test", f"build_dir={tmp_path / 'build'}")
    printed = failing(project, "build_model", config=config, env={"PATH": str(bare)})
    assert "apt" in printed or "module" in printed
    assert not list((tmp_path / "build").rglob("climate.so"))


def test_more_ranks_than_latitudes_are_refused(project, finished):
    config = ("size=test", 'model={"ranks": 20}', "results_dir=ranks")
    printed = failing(project, "spinup", config=config)
    assert "ranks" in printed
    assert not list((project.folder / "ranks").rglob("restart.nc"))
