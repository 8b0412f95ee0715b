#!/usr/bin/env bash
# Everything `make` needs on this machine: system packages, then a locked virtual environment in .venv.
#   tools/setup.sh            what `make run` needs
#   tools/setup.sh test       also what the tests need (a private SLURM)
# Nothing is done twice: a second call takes a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}
venv=.venv

packages=(gfortran gcc make libopenmpi-dev openmpi-bin libnetcdf-dev libnetcdff-dev python3-dev python3-venv)
commands=(gfortran gcc mpif90 mpicc mpirun nf-config)
if [ "$purpose" = test ]; then
    packages+=(slurm-wlm munge libpmix2)
    commands+=(slurmctld slurmd munged srun)
fi

missing=()
for command in "${commands[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null || missing+=("$command")
done
if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
    if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
        echo "Installing system packages (missing: ${missing[*]}) ..."
        export DEBIAN_FRONTEND=noninteractive
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    else
        cat >&2 <<TXT
Missing commands: ${missing[*]}
They cannot be installed from here (no root, no password-less sudo, or no apt). Either
  - ask for the Debian/Ubuntu packages: ${packages[*]}
  - or on a cluster load modules that give gfortran, OpenMPI and netCDF-Fortran (module avail gcc openmpi netcdf-fortran)
  - or let conda provide them: snakemake --sdm conda  (environments in workflow/envs/)
TXT
        exit 1
    fi
fi

python=
for candidate in ${PYTHON:-} python3 python3.12 python3.11 python3.13; do
    if command -v "$candidate" >/dev/null &&
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "No Python 3.11, 3.12 or 3.13 with venv found; install python3 and python3-venv, or set PYTHON=/path/to/python3." >&2
    exit 1
fi

wanted=$(cat requirements.lock pyproject.toml tools/setup.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat $venv/.lock-installed 2>/dev/null || true)" != "$wanted" ]; then
    echo "Making the virtual environment .venv from requirements.lock (a few minutes, about 2 GB) ..."
    [ -x $venv/bin/python ] || "$python" -m venv $venv
    # One command for everything: torch must be resolved together with whatever depends on it.
    $venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
    echo "$wanted" >$venv/.lock-installed
fi
