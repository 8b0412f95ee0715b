"""`python -m pipeline.bridge build config/models/climate.yaml [--output build/models/climate/climate.so]`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.bridge.builder import build
from pipeline.errors import PipelineError


def main(arguments: list[str] | None = None) -> int:
    """Build a model's module and print its path."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bridge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("build", help="make a Fortran model importable")
    command.add_argument("model", help="the model's configuration, config/models/<name>.yaml")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--build-dir", help="where to build (default: build/models/<name>)")
    where.add_argument("--output", help="the module, <name>.so, in the directory where to build")
    given = parser.parse_args(arguments)
    try:
        module = build(given.model, Path(given.output).parent if given.output else given.build_dir)
        if given.output and module != Path(given.output).resolve():
            raise PipelineError(f"--output {given.output}: the module of this model is called {module.name}")
        print(module)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
