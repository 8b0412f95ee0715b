"""The coupled model's messages at the paper's size: make bench AREA=messages.

What every rank receives per step, counted by the program climate_messages, on 2 to 128 ranks; where the atmosphere
cannot be cut into so many the ocean runs alone. Counts do not depend on the machine's speed: more ranks than processors
will do.
"""

from __future__ import annotations

from climate import PAPER, TEMPLATES, case, launched
from report import ROOT

from pipeline.files import atomic
from pipeline.verification.programs import build

RANKS = (2, 4, 8, 16, 24, 32, 48, 64, 128)


def main() -> None:
    """Count, print and keep the lines."""
    programs = build("climate", ROOT / "build" / "verification" / "climate")
    lines = []
    for name, template in TEMPLATES.items():
        folder = case(ROOT / "build" / "bench" / "climate", template, PAPER, {})
        for ranks in RANKS:
            lines.append(f"# {name}\n" + launched(ranks, programs / "climate_messages", "run.nml", folder=folder))
            print(lines[-1], flush=True)
    with atomic(ROOT / "results" / "bench" / "messages.txt") as partial:
        partial.write_text("".join(lines))


if __name__ == "__main__":
    main()
