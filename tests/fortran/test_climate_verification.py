"""The climate model's verification programs, short ones here; `make verify` runs the long ones too."""

import json

import pytest

from pipeline.config import ROOT
from pipeline.verification import models


@pytest.fixture(scope="module")
def rows():
    code = models.verify("climate", long=False)
    log = ROOT / "build" / "verification" / "climate" / "ctest.log"
    assert code == 0, log.read_text()[-4000:]
    return json.loads((ROOT / "results" / "verification" / "climate.json").read_text())["rows"]


def test_every_row_passes_and_knows_its_program(rows):
    assert len(rows) > 30
    assert all(row["source"].startswith("test_") and row["ranks"] in (1, 2, 4) for row in rows)
    assert not [row for row in rows if not row["passed"]]


@pytest.mark.parametrize(
    "part",
    [
        "round_trip",
        "rossby_haurwitz",
        "kelvin",
        "restart",
        "ranks",
        "ocean_volume_kept",
        "flux_both_sides",
        "kalman",
        "moist_beside_dry",
    ],
)
def test_each_part_is_among_them(rows, part):
    assert [row for row in rows if part in row["test"].lower()]
