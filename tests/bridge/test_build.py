"""The build: what it makes, what it refuses, and what it does not do twice."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pipeline import bridge
from pipeline.bridge.__main__ import main
from pipeline.bridge.config import read
from pipeline.errors import PipelineError

HERE = Path(__file__).parent
YAML = HERE / "fortran" / "toy.yaml"
PLUG = """
subroutine tool_double(x, ierr)
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    {use}
    {declaration}
    integer(c_int), intent(out) :: ierr
    {body}
    ierr = 0
end subroutine tool_double
"""


@pytest.fixture
def configure(tmp_path):
    """Write a model configuration without libraries and its plug file."""

    def write(use="", declaration="real(c_double), intent(inout) :: x", body="x = 2*x", **keys):
        plug = tmp_path / "plugs.f90"
        plug.write_text(PLUG.format(use=use, declaration=declaration, body=body))
        file = tmp_path / "small.yaml"
        file.write_text(yaml.safe_dump({"name": "small", "plug": str(plug), "plugs": {"message": None}} | keys))
        return file

    return write


def refusal(file, folder):
    with pytest.raises(PipelineError) as caught:
        bridge.build(file, folder)
    return str(caught.value)


def test_free_subroutine_becomes_a_function(configure, tmp_path):
    declaration = "real(c_double), intent(out) :: x"
    model = bridge.load(bridge.build(configure(declaration=declaration, body="x = 42"), tmp_path / "free"))
    assert model.tool_double() == 42.0


def test_kind_that_f2py_maps_to_float_is_refused(configure, tmp_path):
    file = configure("use kinds_mod, only: dp", "real(dp), intent(inout) :: x")
    message = refusal(file, tmp_path / "silent")
    assert "real(kind=dp)" in message
    assert "real(c_double)" in message
    assert "is mapped to C" in (tmp_path / "silent/build.log").read_text()
    assert not (tmp_path / "silent/small.so").exists()


def test_undefined_symbol_is_found_at_build_time(configure, tmp_path):
    message = refusal(configure(body="call lost_routine(x)"), tmp_path / "lost")
    assert "lost_routine_" in message
    assert "libraries" in message
    assert not (tmp_path / "lost/small.so").exists()


def test_compiler_error_shows_its_line_and_the_log(configure, tmp_path):
    message = refusal(configure(body="x = no_such_variable*"), tmp_path / "wrong")
    assert "compiling plugs.f90 failed" in message
    assert "Error: " in message
    assert str(tmp_path / "wrong/build.log") in message


def test_library_that_is_not_position_independent_is_explained(configure, tmp_path):
    """The linker's line that says what to do comes before its `error: ld returned 1`."""
    source = tmp_path / "old.f90"
    source.write_text(
        "module old_mod\n real, save :: state(100000)\nend module\nsubroutine old(x)\n use old_mod\n"
        " real(8) :: x\n state(int(x)) = 1\n x = sum(state)\nend subroutine\n"
    )
    make = [
        ["mpif90", "-fno-pic", "-O2", "-J", "{build}", "-c", str(source), "-o", "{build}/old.o"],
        ["ar", "rcs", "{build}/libold.a", "{build}/old.o"],
    ]
    libraries = [{"directory": "{build}", "names": ["old"]}]
    message = refusal(configure(body="call old(x)", prepare=make, libraries=libraries), tmp_path / "pic")
    assert "linking failed" in message
    assert "recompile with -fPIC" in message


def test_missing_compiler_names_the_package(configure, tmp_path):
    message = refusal(configure(compilers={"fortran": "mpif90-of-nowhere"}), tmp_path / "none")
    assert "'mpif90-of-nowhere' not found" in message
    assert "\n" not in message


def test_missing_mpi_wrapper_names_package_and_module(configure, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))  # beside which programs are looked for as well
    message = refusal(configure(), tmp_path / "none")
    assert "apt-get install libopenmpi-dev" in message
    assert "module load openmpi" in message


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"librarys": []}, ("'librarys'", "did you mean 'libraries'", "link_commands")),
        ({"flags": {"fotran": ["-O2"]}}, ("'flags.fotran'", "choose from fortran, c")),
        ({"runtime": {"convert": "big"}}, ("runtime.convert", "'big_endian'", "found 'big'")),
        ({"name": "Not A Name"}, ("name", "found 'Not A Name'")),
        ({"include": ["{nowhere}/mod"]}, ("'{nowhere}/mod'", "{build}")),
        ({"plug": "no/such/file.f90"}, ("no/such/file.f90 does not exist",)),
        ({"libraries": [{"directory": "{build}", "names": ["lost"]}]}, ("liblost.a does not exist",)),
    ],
)
def test_bad_configuration_is_refused_with_choices(configure, tmp_path, keys, expected):
    message = refusal(configure(**keys), tmp_path / "bad")
    assert all(part in message for part in expected), message


def test_nothing_is_built_twice(toy_path):
    before = toy_path.stat().st_mtime_ns
    begin = time.process_time()
    assert bridge.build(YAML, toy_path.parent) == toy_path
    assert toy_path.stat().st_mtime_ns == before
    assert time.process_time() - begin < 0.5


def test_changed_source_is_built_again_and_the_old_module_stays_on_failure(tmp_path):
    sources = tmp_path / "model"
    shutil.copytree(HERE / "fortran", sources)
    text = YAML.read_text().replace("tests/bridge/fortran", str(sources))
    file = sources / "toy.yaml"
    file.write_text(text)
    module = bridge.build(file, tmp_path / "build")
    first = module.read_bytes()

    dynamics = sources / "dynamics_mod.F90"
    dynamics.write_text(dynamics.read_text().replace("100*j", "200*j"))
    bridge.build(file, tmp_path / "build")
    second = module.read_bytes()
    assert second != first

    dynamics.write_text(dynamics.read_text().replace("200*j", "200*"))
    assert "prepare: make failed" in refusal(file, tmp_path / "build")
    assert module.read_bytes() == second


def test_moved_directory_serves_until_it_has_to_be_built_again(configure, tmp_path):
    """CMake's cache names the place where it was made; nothing of the user's is removed to be rid of it."""
    before, after = tmp_path / "before", tmp_path / "after"
    bridge.build(configure(), before)
    before.rename(after)
    (after / "of the user").mkdir()
    assert bridge.build(configure(), after) == after / "small.so"
    message = refusal(configure(flags={"fortran": ["-O1"]}), after)
    assert all(part in message for part in (f"{after}: built when", str(before), "remove it")), message
    assert all((after / name).exists() for name in ("of the user", "small.so"))


def test_directory_of_another_kind_of_processor_is_refused(toy_path, tmp_path):
    """On a disk that computers of two kinds share, make would take the other's objects for new."""
    shutil.copy(toy_path, tmp_path)
    record = json.loads((toy_path.parent / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(record | {"machine": "s390x"}))
    assert f"{tmp_path}: built for s390x, this computer is" in refusal(YAML, tmp_path)
    with pytest.raises(PipelineError, match=r"built for s390x.*--build-dir"):
        bridge.load(tmp_path / toy_path.name)


def test_flag_of_another_processor_is_named(configure, tmp_path):
    message = refusal(configure(flags={"fortran": ["-O2", "-mof-another-processor"]}), tmp_path / "flag")
    assert "-mof-another-processor" in message


def test_command_line(toy_path, capsys, tmp_path):
    assert main(["build", str(YAML), "--output", str(toy_path)]) == 0
    assert capsys.readouterr().out.strip() == str(toy_path)
    assert main(["build", str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_configuration_of_the_climate_model_is_valid():
    assert read(HERE.parents[1] / "config/models/climate.yaml").name == "climate"


def test_loading_what_was_not_built(tmp_path):
    with pytest.raises(PipelineError, match=r"no built model; run `python -m pipeline\.bridge build"):
        bridge.load(tmp_path / "climate.so")


def test_libraries_of_other_packages_do_not_replace_the_models_own(toy_path, tmp_path):
    """Another library of the process publishes a function of the same name; the model calls its own."""
    stranger = tmp_path / "stranger.so"
    source = "double __base_mod_MOD_global_sum(void *x) { return -1; }"
    subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "-", "-o", stranger], input=source, text=True, check=True)
    program = (
        f"import ctypes; ctypes.CDLL({str(stranger)!r}, mode=ctypes.RTLD_GLOBAL)\n"
        "from mpi4py import MPI; from pipeline import bridge\n"
        f"m = bridge.load({str(toy_path)!r}); m.tool_init(MPI.COMM_SELF.py2f(), 4, 3); print(m.tool_get_total())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["2430.0"], done.stderr


def test_model_loaded_before_mpi4py(toy_path):
    """Where the interpreter is no position-independent program (Debian's) MPI must not be bound in the model's way."""
    program = (
        f"from pipeline import bridge; m = bridge.load({str(toy_path)!r})\n"
        "from mpi4py import MPI; m.tool_init(MPI.COMM_SELF.py2f(), 4, 3); print(m.tool_get_total())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.split()) == (0, ["2430.0"]), done.stderr
