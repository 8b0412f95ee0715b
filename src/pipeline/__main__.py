"""python -m pipeline summary results/<experiment>/<size> | schema | verify climate | control-climate | doctor."""

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
    verify.add_argument("--only", metavar="REGEX", help="run these programs and keep the rows of the others")
    verify.add_argument("--page", action="store_true", help="run nothing; renew docs/verification.md")
    control = commands.add_parser(
        "control-climate", help="run the moist climate model for years; figures, summary.json"
    )
    control.add_argument("--years", type=int, default=10)
    control.add_argument("--ranks", type=int, default=2)
    control.add_argument("--folder", type=Path, default=Path("results/control_climate"))
    control.add_argument("--ersst", type=Path, help="sst.mnmean.nc of ERSSTv5, to compare with")
    control.add_argument("--page", action="store_true", help="also renew the figures and the table of docs/")
    commands.add_parser("doctor", help="what this machine has and lacks, and how to mend it")
    arguments = parser.parse_args()
    with guarded():
        if arguments.command == "summary":
            summary.show(arguments.folder)
        elif arguments.command == "schema":
            write_schema(config.ROOT / "config")
        elif arguments.command == "control-climate":
            control_climate(arguments)
        elif arguments.page:
            verification_page(arguments.model)
        else:
            return models.verify(arguments.model, arguments.label == "all", arguments.only)
    return 0


def verification_page(model: str) -> None:
    """The tables of docs/verification.md and its figures."""
    from pipeline.figures import cases, style, verification
    from pipeline.verification import page

    results = page.write(model, ROOT / "docs" / "verification.md")
    style.save(verification.draw(results["rows"]), ROOT / "docs" / "images" / "verification.png")
    cases.draw_all(results, ROOT / "docs" / "images")


def control_climate(arguments: argparse.Namespace) -> None:
    """Run what is not there yet, then reduce and draw it."""
    from pipeline.figures import control as figures
    from pipeline.verification import control, control_page

    folder, docs = arguments.folder, ROOT / "docs"
    control.run(folder, arguments.years, arguments.ranks)
    climate = control.read(folder)
    observed = control.observed_sst(climate, arguments.ersst) if arguments.ersst else None
    summary = control.summarize(climate, observed)
    control.write(summary, folder / "summary.json")
    figures.draw_all(climate, observed, docs / "images" if arguments.page else folder / "figures")
    if arguments.page:
        control_page.write(summary, docs / "models" / "control-climate.md")
    print(folder / "summary.json")


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
