"""A copy of the project in a temporary folder, so that tests may edit files and kill runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config", "fortran", "profiles", "src", "workflow", "pyproject.toml")


class Project:
    """A copy of the project that can run its workflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy2(source, folder / part)
        bin_folder = str(Path(sys.executable).parent)
        self.env = os.environ | {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }

    def command(self, *arguments: str, config: tuple[str, ...] = ("size=test",), profile: str = "local") -> list[str]:
        """The words of a snakemake call; `config` are key=value pairs."""
        return ["snakemake", "--profile", f"profiles/{profile}", *arguments, "--config", *config]

    def start(self, *arguments: str, config: tuple[str, ...] = ("size=test",)) -> subprocess.Popen:
        """Start a run in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments, config=config),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def snakemake(
        self, *arguments: str, config: tuple[str, ...] = ("size=test",), timeout: float = 900
    ) -> subprocess.CompletedProcess:
        """Run and wait; stdout holds everything that was printed."""
        return subprocess.run(
            self.command(*arguments, config=config),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
