"""The register store in storms: kills, pauses, cuts, loss, doubles and reordering at random."""

from __future__ import annotations

import pytest

from checker import CasRegister, check
from harness.build import system as build
from harness.clock import MS, SECOND
from harness.driver import SystemSpec
from harness.result import VALID
from tests.systems.storm import Run, register_op, run_storm
from tests.systems.witness import complaints

NODES = (3, 3, 5, 4, 2, 1)


def storm(seed: int) -> Run:
    return run_storm(
        "raft",
        seed,
        nodes=NODES[seed % len(NODES)],
        make=register_op(),
        final_keys=(0, 1, 2),
        every=(300, 150)[seed % 2] * MS,
        recovery=2 * SECOND,
    )


@pytest.mark.parametrize("seed", range(24))
def test_storm_breaks_no_promise(seed: int) -> None:
    run = storm(seed)
    assert run.ending.violation is None
    assert complaints(run.history, run.dumps[0], fresh_reads=True) == []
    assert len(run.dumps) == NODES[seed % len(NODES)]
    assert len({dump.digest for dump in run.dumps}) == 1
    assert all(dump.log == run.dumps[0].log for dump in run.dumps)
    assert run.recovery < 1 * SECOND


@pytest.mark.parametrize("seed", range(6))
def test_checker_finds_a_storms_history_linearizable(seed: int) -> None:
    run = storm(seed)
    assert check(run.history, CasRegister()).verdict == VALID


def test_same_seed_is_the_same_run() -> None:
    first, second, other = storm(3), storm(3), storm(9)
    assert first.history == second.history
    assert first.history != other.history


def test_every_operation_of_a_storm_does_something() -> None:
    run = storm(1)
    done = {(op.f, op.type) for op in run.client_ops}
    assert {("read", "ok"), ("write", "ok"), ("cas", "ok"), ("cas", "fail")} <= done
    readers = {op.node for op in run.client_ops if (op.f, op.type) == ("read", "ok")}
    assert readers == {"n1", "n2", "n3"}


def test_even_two_nodes_of_five_down_leave_it_available() -> None:
    from harness.fault import Kill

    run = run_storm(
        "raft",
        1,
        nodes=5,
        make=register_op(pin=0),
        lasts=4 * SECOND,
        every=1 * SECOND,
        recovery=1 * SECOND,
        kinds=[lambda view, rng: [Kill(n) for n in ("n1", "n2") if n in view.up]],
    )
    late = [op for op in run.client_ops if 2 * SECOND < op.time < 4 * SECOND]
    assert sum(op.type == "ok" for op in late) > 50
    assert run.ending.violation is None


def test_bad_options_are_refused() -> None:
    from harness.error import UserError

    with pytest.raises(UserError, match="not a duration"):
        build(SystemSpec("raft", 3, {"timeout": "5 parsecs"}))
    with pytest.raises(UserError, match="speed"):
        build(SystemSpec("raft", 3, {"speed": 1}))
