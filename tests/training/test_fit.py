import csv
import math

import pytest
import torch
import training_toy as toy

from pipeline.errors import PipelineError
from pipeline.training import Settings, fit
from pipeline.training._checkpoint import Interrupted
from pipeline.training._sampling import Order

SETTINGS = {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "accelerator": "cpu"}


def train(directory, count=40, task=None, validation=None, context=None, **settings):
    states = toy.states(count)
    task = task or toy.objective(states)
    validation = toy.states(8, seed=1) if validation is None else validation
    settings = Settings(**(SETTINGS | settings))
    return task, fit(task, states, validation, settings, directory, directory / "history.csv", context)


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_overfits_a_tiny_data_set(tmp_path):
    """Four states, 160 steps: of their variance less than 3 % may remain."""
    states = toy.states(4)
    task = toy.objective(
        states, latent_channels=16, fusion_width=32, atmosphere_widths=(32,), ocean_widths=(32,), variational=False
    )
    settings = Settings(epochs=8, batch_size=4, learning_rate=5e-3, accelerator="cpu")
    result = fit(task, states.repeat(20, 1), states, settings, tmp_path)
    assert result.best_score < 0.03
    assert result.history[0]["validation_reconstruction"] > 0.3
    with torch.no_grad():
        assert task(states)["reconstruction"].item() == pytest.approx(result.best_score, rel=1e-4)


def test_two_runs_are_equal_bit_for_bit_and_another_seed_is_not(tmp_path):
    a, b, c = (train(tmp_path / name, seed=seed)[0] for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert same_weights(a, b)
    assert not same_weights(a, c)


def test_history_has_a_row_per_epoch_with_every_term(tmp_path):
    _, result = train(tmp_path)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    for prefix in ("train", "validation"):
        for name in ("loss", "reconstruction", "kl", "rmse_ps", "rmse_ssh"):
            assert float(rows[-1][f"{prefix}_{name}"]) == result.history[-1][f"{prefix}_{name}"]


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("steps", [1, 5, 7])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, monkeypatch, steps, ema):
    """Stopped after 1 step, at the end of an epoch (5 steps) and within the second; the generator is disturbed."""
    whole, expected = train(tmp_path / "whole", ema=ema)
    asked = iter([False] * (steps - 1) + [True])
    monkeypatch.setattr("pipeline.training._checkpoint.StopRequest.asked", lambda self: next(asked, False))
    with pytest.raises(Interrupted, match="the same command goes on"):
        train(tmp_path / "parts", ema=ema)
    torch.rand(17)
    parts, result = train(tmp_path / "parts", ema=ema)
    assert same_weights(whole, parts)
    assert result.history == expected.history
    assert (tmp_path / "parts/history.csv").read_bytes() == (tmp_path / "whole/history.csv").read_bytes()


def test_a_finished_run_started_again_changes_nothing(tmp_path):
    first, expected = train(tmp_path)
    again, result = train(tmp_path)
    assert same_weights(first, again)
    assert result == expected


def test_the_wall_clock_budget_interrupts_and_does_not_shorten(tmp_path):
    whole, _ = train(tmp_path / "whole")
    for _ in range(4 * 5 - 1):
        with pytest.raises(Interrupted, match="max_minutes"):
            train(tmp_path / "parts", max_minutes=0.0)
    parts, result = train(tmp_path / "parts", max_minutes=0.0)
    assert len(result.history) == 4
    assert same_weights(whole, parts)


def test_early_stopping_keeps_the_best_weights(tmp_path):
    noise = torch.rand(8, toy.space().size, generator=torch.Generator().manual_seed(0)) * toy.space().mask
    task, result = train(tmp_path, 8, validation=noise, epochs=200, patience=3)
    scores = [row["validation_reconstruction"] for row in result.history]
    assert result.stopped_early
    assert len(scores) == result.best_epoch + 3 < 200
    assert result.best_score == min(scores) == scores[result.best_epoch - 1]
    with torch.no_grad():
        assert task(noise)["reconstruction"].item() == pytest.approx(result.best_score, rel=1e-5)


def test_a_checkpoint_of_other_settings_or_data_is_refused(tmp_path):
    train(tmp_path, context={"data": "a"})
    with pytest.raises(PipelineError, match=r"learning_rate = 0\.003, now it is 0\.1"):
        train(tmp_path, context={"data": "a"}, learning_rate=0.1)
    with pytest.raises(PipelineError, match="belongs to a run with training states = 40, now it is 32"):
        train(tmp_path, 32, context={"data": "a"})
    with pytest.raises(PipelineError, match="belongs to a run with data = 'a', now it is 'b'"):
        train(tmp_path, context={"data": "b"})
    with pytest.raises(PipelineError, match="checkpoint of another network"):
        train(tmp_path, context={"data": "a"}, task=toy.objective(toy.states(40), fusion_width=32))


def test_a_broken_checkpoint_is_named(tmp_path):
    train(tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PipelineError, match=r"checkpoint.pt: not a checkpoint"):
        train(tmp_path)


def test_a_loss_that_is_not_finite_is_an_error(tmp_path):
    with pytest.raises(PipelineError, match="is not finite in epoch 1; lower training"):
        train(tmp_path, learning_rate=1e30, clip=0.0)


def test_a_plain_iterable_will_do_and_an_empty_one_will_not(tmp_path):
    states = toy.states(16)
    task = toy.objective(states)
    fit(task, (x for x in states), iter(states[:4]), Settings(**SETTINGS), tmp_path)
    with pytest.raises(PipelineError, match="validation data: empty"):
        fit(task, states, [], Settings(**SETTINGS), tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "training.epochs: 0"),
        ({"warmup": 1.5}, "training.warmup: 1.5"),
        ({"monitor": "rmse"}, "training.monitor: no term 'rmse'; choose one of loss, reconstruction"),
        ({"precision": "8"}, "training.precision: '8'; choose one of auto, 32-true"),
        ({"accelerator": "tpu"}, "training.accelerator: 'tpu'; choose one of auto, cpu, cuda"),
        ({"devices": 2}, "start it with torchrun --nproc-per-node 2"),
    ],
)
def test_bad_settings_are_refused(tmp_path, monkeypatch, settings, message):
    for name in ("LOCAL_WORLD_SIZE", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PipelineError, match=message):
        train(tmp_path, **settings)


def test_learning_rate_rises_linearly_and_falls_as_a_cosine():
    settings = Settings(learning_rate=2.0, warmup=0.1)
    rates = [settings.rate(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * k for k in range(1, 11)])
    assert rates[55] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(1 + math.cos(math.pi * 89 / 90))
    assert settings.rate(0, 1) == 2.0


def test_processes_share_each_global_batch():
    """Every state once per epoch, other orders in other epochs, the same batches however many processes."""
    alone = Order(24, 4, seed=3)
    pair = [Order(24, 2, seed=3, rank=rank, world=2) for rank in (0, 1)]
    assert sorted(i for batch in alone for i in batch) == list(range(24))
    together = [a + b for a, b in zip(*pair, strict=True)]
    assert together == list(alone)
    first = list(alone)
    alone.first = 2
    assert list(alone) == first[2:]
    alone.epoch, alone.first = 1, 0
    assert list(alone) != first


def test_a_small_set_is_one_batch_and_a_remainder_waits():
    assert [len(b) for b in Order(5, 16, seed=0)] == [5]
    assert [len(b) for b in Order(21, 8, seed=0)] == [8, 8]


def test_progress_in_a_log_is_lines(tmp_path, capsys):
    train(tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert sum("epoch" in line and "validation" in line for line in lines) == 4
    assert all("\r" not in line for line in lines)
