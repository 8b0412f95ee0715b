"""`python -m pipeline.bridge build config/models/climate.yaml [--build-dir build/models/climate]`"""

from __future__ import annotations

import argparse
import sys

from pipeline.bridge.builder import build
from pipeline.errors import PipelineError


def main(arguments: list[str] | None = None) -> int:
    """Build a model's module and print its path."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bridge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("build", help="make a Fortran model importable")
    command.add_argument("model", help="the model's configuration, config/models/<name>.yaml")
    command.add_argument("--build-dir", help="where to build (default: build/models/<name>)")
    given = parser.parse_args(arguments)
    try:
        print(build(given.model, given.build_dir))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
