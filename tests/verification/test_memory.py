"""The peak of what tensors take, on work whose tensors are counted by hand: a thousand by thousand is 4 MB."""

import torch

from pipeline.verification.memory import peak


def tensor():
    return torch.ones(1000, 1000)


def test_tensors_one_after_the_other_take_the_room_of_one():
    def work():
        for _ in range(3):
            kept = tensor()
            del kept

    assert 4e6 <= peak(work) < 4.5e6


def test_the_peak_is_that_of_the_fullest_moment():
    def work():
        first = tensor()
        del first
        two = [tensor(), tensor()]
        two.clear()
        return tensor()

    assert 8e6 <= peak(work) < 8.5e6


def test_what_was_there_before_does_not_count_nor_does_its_release():
    before = [tensor(), tensor()]

    def work():
        before.pop()
        return tensor()

    assert 4e6 <= peak(work) < 4.5e6
    assert peak(before.clear) == 0
    assert peak(lambda: None) == 0


def test_on_a_gpu_it_is_the_allocators_peak_since_the_work_began(monkeypatch):
    state = {"now": 100, "peak": 900}
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: state.update(peak=state["now"]))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: state["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: state["peak"])
    assert peak(lambda: state.update(peak=350, now=120), device="cuda") == 250
