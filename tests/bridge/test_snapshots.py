"""A model whose state is static, rolled back and run as an ensemble: the bits of separate processes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline import bridge
from pipeline.bridge.snapshots import Members, Snapshots
from pipeline.errors import PipelineError

SIGMA = 5.0


@pytest.fixture(scope="module")
def chain_path(tmp_path_factory):
    return bridge.build(Path(__file__).parent / "static_model" / "chain.yaml", tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def fresh(chain_path):
    """The model as it is loaded, before anything has been called."""
    model = bridge.load(chain_path)
    snapshots = Snapshots(model)
    return model, snapshots, snapshots.save()


@pytest.fixture
def chain(fresh, tmp_path, monkeypatch):
    """As in a new process, started, and a few steps on its way."""
    monkeypatch.chdir(tmp_path)
    model, snapshots, start = fresh
    snapshots.restore(start)
    model.tool_init(3, 1)
    model.tool_step(5, SIGMA, 0)
    return model


def state(model):
    x, time, memory = model.tool_get_state()
    return np.array([*x, time, memory])


def test_everything_static_is_found_by_name(chain):
    names = {v.name for v in Snapshots(chain).variables}
    wanted = {"/state/", "dold (chain.f)", "ncalls (chain.f)", "history_mod::last", "history_mod::sums"}
    assert wanted <= names
    assert not {n for n in names if "PyFortran" in n or "callback" in n or "functions" in n}, names
    assert not {n for n in names if "__vtab_" in n or "__def_init_" in n}, (
        "tables of the compiler's, whose hashes may look like addresses"
    )


def test_allocated_arrays_components_and_pointers_are_found(chain):
    snapshot = Snapshots(chain).save()
    found = sorted((block.name, block.shape) for block in snapshot.blocks)
    sums = "history_mod::sums"
    wanted = [("history_mod::last", (40, 3)), (sums, (2,)), *2 * [(sums, (2, 40))], *2 * [(sums, (40,))]]
    assert found == wanted, "`every_second` points into `last`"
    assert "history_mod::every_second" in {pointer.name for pointer in snapshot.pointers}
    assert snapshot.size > 8 * (41 + 40 + 120 + 2 * 40)


def test_a_restored_model_goes_on_bit_for_bit_with_its_random_numbers(chain):
    snapshots = Snapshots(chain)
    start, before = snapshots.save(), state(chain)
    chain.tool_step(50, SIGMA, 0)
    first = state(chain)
    chain.tool_step(20, SIGMA, 0)

    snapshots.restore(start)
    assert np.array_equal(state(chain), before)
    chain.tool_step(50, SIGMA, 0)
    assert np.array_equal(state(chain), first)
    assert np.all(np.abs(first - before)[:40] > 0)


def test_a_stop_in_the_middle_is_rolled_back(chain):
    snapshots = Snapshots(chain)
    start = snapshots.save()
    chain.tool_step(10, SIGMA, 0)
    wanted = state(chain)
    snapshots.restore(start)
    with pytest.raises(bridge.FortranStop, match="instability"):
        chain.tool_step(10, SIGMA, 7)
    with pytest.raises(bridge.FortranError, match="refused"):
        chain.tool_step(1, SIGMA, 0)
    snapshots.restore(start)
    chain.tool_step(10, SIGMA, 0)
    assert np.array_equal(state(chain), wanted)


ALONE = """
import sys
import numpy as np
from pipeline import bridge
model = bridge.load(sys.argv[1])
model.tool_init(3, 1)
model.tool_step(5, 5.0, 0)
for steps in (3, 4, 5):
    model.tool_step(steps, 5.0 + int(sys.argv[2]), 0)
x, time, memory = model.tool_get_state()
sys.stdout.buffer.write(np.array([*x, time, memory]).tobytes())
"""


def test_members_in_turn_equal_separate_processes_bitwise(chain, chain_path):
    members = Members(chain, 3)
    for steps in (3, 4, 5):
        for number in range(len(members)):
            with members.hold(number):
                chain.tool_step(steps, SIGMA + number, 0)
    finals = []
    for number in range(3):
        with members.hold(number):
            finals.append(state(chain).tobytes())
    command = [sys.executable, "-c", ALONE, str(chain_path)]
    alone = [subprocess.run([*command, str(n)], stdout=subprocess.PIPE, check=True).stdout for n in range(3)]
    assert finals == alone
    assert len(set(finals)) == 3


def test_an_error_inside_leaves_the_member_as_it_was(chain):
    members = Members(chain, 2)
    with members.hold(1):
        chain.tool_step(2, SIGMA, 0)
        wanted = state(chain)
    with pytest.raises(bridge.FortranStop), members.hold(1):
        chain.tool_step(9, SIGMA, 5)
    with members.hold(1):
        assert np.array_equal(state(chain), wanted)


def test_callbacks_survive_a_restore(toy):
    """The bridge's own tables are no part of the state: a callback replaced since stays replaced."""
    snapshots, calls, x = Snapshots(toy), [], np.zeros(3)
    toy.register("analysis", lambda view: calls.append("first"))
    start = snapshots.save()
    toy.register("analysis", lambda view: calls.append("second"))
    snapshots.restore(start)
    toy.tool_call(x, 1)
    assert calls == ["second"]


@pytest.mark.parametrize(
    ("make", "mend", "message"),
    [(1, 2, "unit -.*chain_output.txt"), (3, 4, "memory history_mod::chain")],
    ids=["open-unit", "linked-list"],
)
def test_what_cannot_be_captured_is_refused_by_name_or_accepted(chain, make, mend, message):
    chain.tool_disturb(make)
    with pytest.raises(PipelineError, match=message):
        Snapshots(chain).save()
    Snapshots(chain, accept=["unit *", "memory history_mod::chain"]).save()
    chain.tool_disturb(mend)
    Snapshots(chain).save()


def test_an_array_that_has_moved_is_restored_where_it_is_with_pointers_to_it(chain):
    snapshots = Snapshots(chain)
    start, before = snapshots.save(), state(chain)
    chain.tool_disturb(6)
    chain.tool_step(2, SIGMA, 0)
    moved = snapshots.save()
    assert {b.address for b in moved.blocks} != {b.address for b in start.blocks}
    second = state(chain)
    for snapshot, wanted in ((start, before), (moved, second), (start, before)):
        snapshots.restore(snapshot)
        assert np.array_equal(state(chain), wanted)
    chain.tool_step(4, SIGMA, 0)  # reads `last` through the pointer `every_second`
    first = state(chain)
    snapshots.restore(start)
    chain.tool_step(4, SIGMA, 0)
    assert np.array_equal(state(chain), first)


def test_an_array_of_another_shape_is_refused_and_nothing_is_changed(chain):
    snapshots = Snapshots(chain)
    start = snapshots.save()
    chain.tool_disturb(5)
    chain.tool_step(1, SIGMA, 0)
    before = state(chain)
    with pytest.raises(PipelineError, match=r"history_mod::last of shape \(40, 3\) .* \(now \(40, 7\)\)"):
        snapshots.restore(start)
    assert np.array_equal(state(chain), before)


def test_what_is_left_out_stays(chain):
    snapshots = Snapshots(chain, leave=["/state/"])
    start = snapshots.save()
    chain.tool_step(3, SIGMA, 0)
    x = state(chain)[:41]
    snapshots.restore(start)
    assert np.array_equal(state(chain)[:41], x)


def test_a_module_without_symbols_is_refused(chain_path, tmp_path):
    for part in ("chain.so", "model.json"):
        (tmp_path / part).write_bytes((chain_path.parent / part).read_bytes())
    subprocess.run(["strip", tmp_path / "chain.so"], check=True)
    with pytest.raises(PipelineError, match="no names of its variables"):
        Snapshots(bridge.load(tmp_path / "chain.so"))
