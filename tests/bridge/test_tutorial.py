"""The tutorial, run as a reader would: its files written where it says, its commands in its order."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from project import Project

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bridge" / "your-model.md"
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the tutorial's commands print, by command."""
    folder = tmp_path_factory.mktemp("tutorial")
    project = Project(folder)
    model = Path("tests/bridge/legacy/rod")
    shutil.copytree(ROOT / model, folder / model)
    output = {}
    for block in BLOCK.finditer(PAGE.read_text()):
        if block["file"]:
            (folder / block["file"]).write_text(block["text"])
        elif block["language"] == "sh":
            command = ["bash", "-euo", "pipefail", "-c", block["text"]]
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            done = subprocess.run(command, cwd=folder, env=project.env, timeout=600, **streams)
            assert done.returncode == 0, block["text"] + done.stdout
            output[block["text"].splitlines()[0]] = done.stdout
    return output


def output_of(printed, words):
    return next(text for command, text in printed.items() if words in command)


def test_every_step_succeeds(printed):
    assert len(printed) == 6


def test_built_where_it_says(printed):
    assert output_of(printed, "pipeline.bridge build").strip().endswith("build/models/rod/rod.so")
    assert "build_model" in output_of(printed, "snakemake")


def test_rod_follows_the_schemes_solution(printed):
    error = re.search(r"largest error (\S+)", output_of(printed, "drive_rod.py"))
    assert float(error[1]) < 1e-13


def test_stop_is_shown_with_its_place(printed):
    text = output_of(printed, "break_rod.py")
    assert "rod.rod_step: STOP CHKDT: TIME STEP TOO LONG" in text
    assert "(heat.f:" in text


def test_files_of_the_tutorial_are_those_of_the_tests():
    blocks = {block["file"]: block["text"] for block in BLOCK.finditer(PAGE.read_text()) if block["file"]}
    model = ROOT / "tests" / "bridge" / "legacy" / "rod"
    assert blocks["rod/rod_plugs.f90"] == (model / "rod_plugs.f90").read_text()
    assert blocks["config/models/rod.yaml"] == (model / "rod.yaml").read_text()


def test_wanting_model_is_named(tmp_path):
    """`--config model=<name>` without a configuration of that name."""
    project = Project(tmp_path)
    command = ["snakemake", "--cores", "1", "build_model", "--config", "model=nowhere"]
    done = subprocess.run(command, cwd=project.folder, env=project.env, capture_output=True, text=True, timeout=600)
    assert done.returncode != 0
    assert "config/models/nowhere.yaml" in done.stdout + done.stderr
