"""Every aim that the assimilation has on speed, one row each: make bench AREA=assimilation.

Lorenz-96 against DAPPER (lorenz96.py), latent and strongly coupled 3D-Var (latent.py), HLOBA against latent 3D-Var
(hloba.py, of which `--blocks` cuts the depth), LETKF on the coupled model's interface over ranks (letkf.py).
"""

from __future__ import annotations

import argparse

import hloba
import latent
import letkf
import lorenz96
from report import publish

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=12)
    blocks = parser.parse_args().blocks
    publish("assimilation", [*lorenz96.rows(), *latent.rows(), *letkf.rows(), *hloba.rows(blocks)])
