"""The small air-sea space of the assimilation's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "assimilation"))
