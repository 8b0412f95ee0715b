"""Errors at the entry points: one line for what a user can mend, a kept traceback for what we must."""

import pytest

from pipeline.cli import guarded
from pipeline.errors import PipelineError


def fail(error, log=None):
    with guarded(log):
        raise error


def test_a_pipeline_error_is_one_line_and_exit_code_1(capsys, tmp_path):
    log = tmp_path / "stage.log"
    with pytest.raises(SystemExit) as exit_:
        fail(PipelineError("data/x.nc: no such file; put it there"), log)
    assert exit_.value.code == 1
    assert capsys.readouterr().err == "error: data/x.nc: no such file; put it there\n"
    assert log.read_text() == "error: data/x.nc: no such file; put it there\n"


def test_another_error_keeps_its_traceback_in_the_log(tmp_path):
    log = tmp_path / "stage.log"
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError("ours"), log)
    assert "Traceback" in log.read_text()
