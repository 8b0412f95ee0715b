"""A job that a killed workflow left running is ended by the next one; two never work side by side."""

import subprocess
import sys
import time

import pytest

from pipeline.errors import PipelineError
from pipeline.locks import exclusive

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_an_orphan_is_ended(tmp_path, capsys):
    orphan = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert orphan.stdout.readline() == "held\n"
    begun = time.monotonic()
    with exclusive(tmp_path):
        assert orphan.wait(10) == -9
    assert time.monotonic() - begun < 10
    assert f"ending process {orphan.pid}" in capsys.readouterr().err


def test_a_job_on_another_machine_is_left_alone(tmp_path, monkeypatch):
    with exclusive(tmp_path):
        (tmp_path / "lock").write_text('{"host": "elsewhere", "pid": 1}')
        with pytest.raises(PipelineError, match="process 1 on elsewhere still runs this job"):
            exclusive(tmp_path).__enter__()


def test_a_lock_ends_with_its_holder(tmp_path):
    for _ in range(2):
        with exclusive(tmp_path):
            pass
