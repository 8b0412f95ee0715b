"""python -m pipeline summary results/<experiment>/<size>  |  schema  |  verify climate  |  doctor."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipeline import doctor

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Dispatch to the command that was asked for."""
    if sys.argv[1:] == ["doctor"]:  # before anything is imported that a broken environment may lack
        return doctor.examine(doctor.Machine(ROOT))
    return dispatch()


def dispatch() -> int:
    """The commands that need the environment."""
    from pipeline import config
    from pipeline.cli import guarded
    from pipeline.verification import models, summary

    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("summary", help="the table of an experiment and the paths of its figures")
    show.add_argument("folder", type=Path)
    commands.add_parser("schema", help="write config/defaults.yaml and config/schema.json anew from the model")
    verify = commands.add_parser("verify", help="run a Fortran model's verification programs")
    verify.add_argument("model", choices=models.MODELS)
    verify.add_argument("--label", choices=["all", "short"], default="all")
    commands.add_parser("doctor", help="what this machine has and lacks, and how to mend it")
    arguments = parser.parse_args()
    with guarded():
        if arguments.command == "summary":
            summary.show(arguments.folder)
        elif arguments.command == "schema":
            write_schema(config.ROOT / "config")
        else:
            return models.verify(arguments.model, long=arguments.label == "all")
    return 0


def write_schema(folder: Path) -> None:
    """The generated files beside config.yaml; a test checks that they are in step with the model."""
    import yaml

    from pipeline import config
    from pipeline.files import atomic

    with atomic(folder / "schema.json") as partial:
        partial.write_text(json.dumps(config.schema(), indent=1) + "\n")
    with atomic(folder / "defaults.yaml") as partial:
        header = "# Every key with its default; made by `python -m pipeline schema`, do not edit.\n"
        partial.write_text(header + yaml.safe_dump(config.defaults(), sort_keys=False))


if __name__ == "__main__":
    raise SystemExit(main())
