"""A run that ends at its first violation: soon, in the same place each time, healed and judged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.clock import SECOND
from harness.commands.again import judge_again
from harness.error import PlanError
from harness.plan import load_plan
from harness.run import run_plan
from harness.store import load_run

PLANS = Path(__file__).resolve().parents[2] / "plans"
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def stopped(tmp_path: Path, driver: str = "sim") -> Path:
    """The folder of a run of a split brain that is stopped at its first stale read."""
    plan = load_plan(PLANS / "toy-split-brain.yaml", [f"driver={driver}", "stop_on=invalid"])
    outcome = run_plan(plan, results=tmp_path, started=STARTED, keep="history")
    assert outcome.exit == 0 and outcome.folder is not None
    assert outcome.results["linearizable"].verdict == "invalid"
    assert "convergence" not in outcome.results
    assert outcome.stopped is not None
    assert outcome.notes == (f"stopped by stop_on: {outcome.stopped}",)
    return outcome.folder


def test_a_run_ends_at_its_first_violation_healed_and_the_same_each_time(tmp_path: Path) -> None:
    folder = stopped(tmp_path / "a")
    history = load_run(folder).history
    assert history.end < 8 * SECOND  # of 20 s and a recovery
    assert history.faults[-1].f == "stop-partition"
    assert not any(history.partner[i] < 0 for i in history.invoked)
    again = stopped(tmp_path / "b")
    assert (again / "history.jsonl").read_bytes() == (folder / "history.jsonl").read_bytes()
    assert judge_again(folder, None).judged.keys() == load_run(folder).results["results"].keys()


@pytest.mark.live
def test_a_live_run_ends_at_its_first_violation(tmp_path: Path) -> None:
    history = load_run(stopped(tmp_path, "live")).history
    assert history.end < 12 * SECOND
    assert history.faults[-1].f == "stop-partition"


def test_a_run_without_a_violation_goes_on_to_its_end(tmp_path: Path) -> None:
    plan = load_plan(PLANS / "raft-kv.yaml", ["stop_on=invalid", "time_limit=8s"])
    outcome = run_plan(plan, results=None, started=STARTED)
    assert outcome.stopped is None and "convergence" in outcome.results


def test_what_cannot_be_judged_while_it_runs_is_a_mistake_of_the_plan() -> None:
    with pytest.raises(PlanError, match="stop_on: no check of the workload 'tree' can be made"):
        load_plan(PLANS / "zookeeper-guarantee.yaml", ["stop_on=invalid"])
