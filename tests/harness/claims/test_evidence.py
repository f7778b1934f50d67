"""What claims count: old reads, messages an operation; and watching a run does not change it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from harness.claims.evidence import answered_by, stale
from harness.claims.lab import Lab, Run
from harness.claims.trace import Trace
from harness.claims.traffic import measured
from harness.history import History
from harness.op import Op, invoke, ok
from harness.plan import Named, Plan


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, tmp_path)


def run_of(*ops: Op) -> Run:
    plan = Plan("by-hand", Named("raft"), Named("register"))
    return Run(plan, History(ops), {}, {}, Trace())


WRITE = invoke("write", 1, process=0, key="x")
READ = invoke("read", process=1, key="x")


def test_read_from_before_an_acknowledged_write_is_stale() -> None:
    run = run_of(WRITE, ok(WRITE, 1, position=7), READ, ok(READ, None, position=6))
    assert len(stale(run)) == 1


def test_read_from_the_write_or_later_is_not_stale() -> None:
    run = run_of(WRITE, ok(WRITE, 1, position=7), READ, ok(READ, 1, position=7))
    assert not stale(run)


def test_read_beside_the_write_may_miss_it() -> None:
    run = run_of(WRITE, READ, ok(WRITE, 1, position=7), ok(READ, None, position=6))
    assert not stale(run)


def test_write_of_another_key_makes_no_read_stale() -> None:
    other = invoke("write", 1, process=0, key="y")
    run = run_of(other, ok(other, 1, position=7), READ, ok(READ, None, position=6))
    assert not stale(run)


@pytest.mark.parametrize("plan", ["craq-kill-tail", "zookeeper-kill-leader"])
def test_watching_a_run_does_not_change_it(lab: Lab, plan: str) -> None:
    plain = lab.run(plan, "time_limit=6s", judged=False)
    watched = lab.run(plan, "time_limit=6s", judged=False, trace=True)
    assert watched.history.ops == plain.history.ops
    assert watched.figures["trace_hash"] == plain.figures["trace_hash"]
    assert sum(1 for _ in watched.trace.sent()) == plain.figures["messages"]


def test_chain_of_four_sends_each_write_down_and_its_acknowledgement_up(lab: Lab) -> None:
    found = measured(lab, "claims/messages-chain", "nodes=4")
    sent = {key: int(n) for key, n in found.sent.items()}
    assert sent == {
        ("c0", "Request"): 1,
        ("n1", "Update"): 1,
        ("n2", "Update"): 1,
        ("n3", "Update"): 1,
        ("n4", "Ack"): 1,
        ("n4", "Reply"): 1,
        ("n3", "Ack"): 1,
        ("n2", "Ack"): 1,
    }
    assert all(n == Fraction(int(n)) for n in found.sent.values())


def test_head_that_answers_reads_is_seen(lab: Lab) -> None:
    run = lab.run("claims/chain-order", "nodes=3", "system.bug=head-read", trace=True, judged=False)
    assert answered_by(run)["n1"] > 0
