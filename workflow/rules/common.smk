"""What the rules share: the validated configuration, paths, and the code that decides a result."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from pipeline import registry
from pipeline.bridge.config import read as read_model
from pipeline.bridge.fingerprint import source_files
from pipeline.config import nature_start, resolve
from pipeline.errors import PipelineError

try:
    CONFIG = resolve(config)
except PipelineError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"{CONFIG.results_dir}/{CONFIG.experiment}/{CONFIG.size}"
# The nature run may belong to another experiment (`shares`), and with it the network, unless this one trains its own.
BASE = f"{CONFIG.results_dir}/{CONFIG.shares or CONFIG.experiment}/{CONFIG.size}"
LEARNT = BASE if CONFIG.shares_network else RESULTS
BUILD = CONFIG.build_dir
MODEL = f"{BUILD}/models/{CONFIG.model.name}/{CONFIG.model.name}.so"
GRID = f"{BUILD}/grids/{CONFIG.size}/grid.nc"
TRAINED = f"{LEARNT}/vae/weights.safetensors"


def dump(section):
    """A section of the configuration as plain data, for `params`."""
    return json.loads(section.model_dump_json())


def code(*names):
    """Package files that decide a rule's result: editing one of them reruns the rule."""
    root = Path(workflow.basedir) / "src" / "pipeline"
    found = []
    for name in names:
        path = root / name
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return [str(p.relative_to(workflow.basedir)) for p in found]


def sources_of_model():
    """Every file that the model's build reads, as its configuration says, and the bridge's."""
    yaml = Path(f"config/models/{CONFIG.model.name}.yaml")
    if not yaml.is_file():
        return []  # Snakemake names the missing file
    try:
        files = source_files(read_model(yaml).resolved(Path(MODEL).resolve().parent))
    except PipelineError as error:
        raise WorkflowError(str(error)) from None
    here = Path.cwd()
    return [str(p.relative_to(here) if p.is_relative_to(here) else p) for p in files]


MODEL_SPEC = dump(CONFIG.model)
MODEL_CODE = code("models", "cycling")
# Started by mpirun on one machine; a cluster's profile sets its own way (`set-resources`).
MPI = "mpirun --oversubscribe --bind-to none"
# Every model run is this command. `spec` says which run it is; it must not depend on input or output, or Snakemake would
# not see a change of it. `files` are the rule's own paths.
RUN_MODEL = (
    "export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; "
    "{resources.mpi} -n {resources.tasks} python -m mpi4py workflow/scripts/run_model.py"
    " {params.spec:q} {params.files:q} 2>&1 | tee {log}"
)


def run_files(wildcards, input, output):
    """JSON of the files of a model run."""
    files = {name: value for name, value in input.items() if isinstance(value, str)}
    return json.dumps({"input": files, "output": dict(output.items())}, sort_keys=True)


wildcard_constraints:
    seed=r"\d+",
    segment=r"\d+",
