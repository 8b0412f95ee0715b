"""Namelists: strict against the template, and the template against the Fortran sources."""

import re
from pathlib import Path

import f90nml
import pytest

from pipeline.config import resolve
from pipeline.errors import PipelineError
from pipeline.models.namelist import fill_template, read_template, write_namelist

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "config/models/climate.nml"
MODEL = {
    "name": "climate",
    "atmosphere": {"trunc": 21, "nlon": 64, "nlat": 32, "nlev": 5, "dt": 3600},
    "ocean": {"nlon": 48, "nlat": 30, "nlev": 5, "dt": 3600},
}


def groups_of_the_sources():
    """Groups and keys as the libraries declare them, `namelist /group/ key, key, &`; the plain driver's is its own."""
    groups = {}
    for library in ("fms", "land", "ecda", "coupler"):
        for source in (ROOT / "fortran/climate" / library).glob("*.F90"):
            text = re.sub(r"&\s*\n\s*", "", source.read_text())
            for group, keys in re.findall(r"^\s*namelist /(\w+)/ *(.*)$", text, re.MULTILINE):
                groups[group] = {key.strip() for key in keys.split(",")}
    return groups


def test_template_has_every_key_of_the_model_and_no_other():
    template = {group: set(entries) for group, entries in read_template(TEMPLATE).items()}
    assert template == groups_of_the_sources()


def test_the_moist_experiment_is_the_moist_model():
    moist = f90nml.read(ROOT / "config/models/climate_moist.nml")
    del moist["driver_nml"], moist["climate_nml"]["grid_file"]
    assert resolve({"experiment": "climate_moist"}).model.namelist == moist.todict()


def test_sizes_files_date_and_overrides_arrive(tmp_path):
    model = MODEL | {"namelist": {"atmos_nml": {"k_f": 2, "sigma_half": [0.1, 0.3, 0.6, 0.8]}}}
    path = tmp_path / "run.nml"
    write_namelist(path, model, {"grid": "grid.nc", "ensemble": "ensemble.nc"}, "2008-10-03")
    written = f90nml.read(path)
    climate = written["climate_nml"]
    assert (climate["atmos_trunc"], climate["ocean_nlat"], climate["start_seconds"]) == (21, 30, 276307200)
    assert climate["grid_file"] == str(Path("grid.nc").resolve())
    assert written["da_nml"]["ensemble_file"] == str(Path("ensemble.nc").resolve())
    assert written["atmos_nml"]["k_f"] == 2
    assert written["atmos_nml"]["sigma_half"] == [0.1, 0.3, 0.6, 0.8]
    assert written["ocean_nml"] == f90nml.read(TEMPLATE)["ocean_nml"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"atmos_nml": {"kf": 1.0}}, r"unknown key atmos_nml\.kf \(did you mean 'k_f'\?\); choose from .*k_a"),
        ({"atm_nml": {"k_f": 1.0}}, r"unknown group 'atm_nml' \(did you mean 'atmos_nml'\?\); choose from .*ocean_nml"),
        ({"atmos_nml": {"k_f": "fast"}}, r"atmos_nml\.k_f: 'fast' was given, the template has 1\.0"),
        ({"climate_nml": {"atmos_trunc": 21.5}}, r"climate_nml\.atmos_trunc: 21\.5 was given, the template has 31"),
        ({"atmos_nml": {"rayleigh_friction": 1}}, r"rayleigh_friction: 1 was given, the template has False"),
    ],
)
def test_what_the_template_does_not_know_is_refused(tmp_path, groups, message):
    with pytest.raises(PipelineError, match=message):
        fill_template(TEMPLATE, groups, tmp_path / "run.nml")
    assert not list(tmp_path.iterdir())


def test_missing_template(tmp_path):
    with pytest.raises(PipelineError, match=r"none\.nml: No such file"):
        read_template(tmp_path / "none.nml")
