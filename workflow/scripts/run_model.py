"""Run the Fortran model under MPI: nature run, truth, free run or assimilation cycles, as the specification says."""

import json
import sys

from pipeline.cli import guarded
from pipeline.cycling import run

if __name__ == "__main__":
    with guarded():
        run(json.loads(sys.argv[1]) | json.loads(sys.argv[2]))
