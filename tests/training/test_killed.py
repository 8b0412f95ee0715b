"""Runs in processes of their own, which are killed, told to stop, or are two."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import training_toy as toy

from pipeline.training._checkpoint import NAME

SETTINGS = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "accelerator": "cpu"}


def command(directory: Path, pause: float = 0.0, **settings) -> list[str]:
    return [sys.executable, toy.__file__, str(directory), json.dumps(SETTINGS | settings), str(pause)]


def environment() -> dict[str, str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "LOCAL_", "WORLD_"))}
    return outside | {"OMP_NUM_THREADS": "1"}


def run(directory: Path, **settings) -> dict[str, torch.Tensor]:
    subprocess.run(command(directory, **settings), check=True, env=environment(), capture_output=True, timeout=120)
    return torch.load(directory / "final.pt", weights_only=True)


def start_and_signal(directory: Path, number: signal.Signals, after: int) -> tuple[int, str]:
    """Send a signal once `after` states have been read; the exit status and stderr."""
    process = subprocess.Popen(
        command(directory, pause=0.02), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    for _ in range(after):
        assert process.stdout.readline() == "state\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    return run(directory), (directory / "history.csv").read_bytes()


def same(directory: Path, uninterrupted) -> bool:
    weights, history = run(directory), (directory / "history.csv").read_bytes()
    equal = all(torch.equal(weights[name], tensor) for name, tensor in uninterrupted[0].items())
    return equal and history == uninterrupted[1]


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path, uninterrupted):
    """kill -9 in the first epoch, before any checkpoint, and again in the second."""
    for after in (15, 55):
        status, _ = start_and_signal(tmp_path, signal.SIGKILL, after)
        assert status == -signal.SIGKILL
        assert (tmp_path / "checkpoint" / NAME).exists() is (after > 40)
        assert not (tmp_path / "final.pt").exists()
    assert same(tmp_path, uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_saves_within_the_epoch_and_says_so(tmp_path, uninterrupted, number):
    status, errors = start_and_signal(tmp_path, number, 13)
    assert status == 1
    assert f"stopped by {number.name} in epoch 1 after 2 of 5 steps" in errors
    assert torch.load(tmp_path / "checkpoint" / NAME, weights_only=True)["progress"]["step"] == 2
    assert same(tmp_path, uninterrupted)


def test_two_processes_do_what_one_does_with_twice_the_batch(tmp_path):
    """Without noise in the latent space the mean gradient over two half batches is that over the batch."""
    script = tmp_path / "pair.py"
    script.write_text(
        "import sys; from pathlib import Path; import torch; import training_toy as toy\n"
        "from pipeline.training import Settings, fit\n"
        "torch.set_num_threads(1)\n"
        "devices, batch, directory = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])\n"
        "task = toy.objective(toy.states(40), variational=False)\n"
        "settings = Settings(epochs=2, batch_size=batch, learning_rate=1e-3, accelerator='cpu', devices=devices)\n"
        "fit(task, toy.states(40), toy.states(9, seed=1), settings, directory, directory / 'history.csv')\n"
        "import os; rank = os.environ.get('RANK', '0')\n"
        "torch.save(task.network.state_dict(), directory / f'final{rank}.pt')\n"
    )
    path = environment() | {"PYTHONPATH": str(Path(toy.__file__).parent)}
    pair, one = tmp_path / "pair", tmp_path / "one"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    subprocess.run([*launch, "2", "4", str(pair)], check=True, env=path, capture_output=True, timeout=180)
    subprocess.run(
        [sys.executable, str(script), "1", "8", str(one)], check=True, env=path, capture_output=True, timeout=60
    )
    finals = [
        torch.load(d / f, weights_only=True) for d, f in ((pair, "final0.pt"), (pair, "final1.pt"), (one, "final0.pt"))
    ]
    for name, tensor in finals[2].items():
        assert torch.equal(finals[0][name], finals[1][name])
        torch.testing.assert_close(finals[0][name], tensor, rtol=1e-3, atol=1e-4)
