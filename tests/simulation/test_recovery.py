"""What a chain does when it loses a node: reads go on, updates return, an old tail falls silent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.band import bands
from harness.clock import MS
from harness.history import History
from harness.plan import load_plan
from harness.run import run_plan
from harness.store import load_run
from systems.craq.options import Times

ROOT = Path(__file__).resolve().parents[2]
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def ran(name: str, results: Path, *sets: str, driver: str = "sim") -> History:
    """The history of a bundled plan that came out as it expects."""
    plan = load_plan(ROOT / "plans" / f"{name}.yaml", [f"driver={driver}", *sets])
    outcome = run_plan(plan, results=results, started=STARTED, keep="history")
    assert not {n: j for n, j in outcome.results.items() if j.exit}
    assert outcome.folder is not None
    return load_run(outcome.folder).history


def last_reads(history: History, node: str) -> list[int]:
    """For each fault, how long after its start this node last answered a read within it, in ns."""
    times = [
        call.completion.time
        for call in history.calls
        if call.completion is not None and call.completion.type == "ok"
        if call.invoke.f == "read" and call.completion.node == node
    ]
    found = bands(history)
    return [max((t - b.start for t in times if b.start <= t <= b.end), default=0) for b in found]


def test_reads_go_on_and_writes_stall_for_the_time_of_detection() -> None:
    plan = load_plan(ROOT / "plans/craq-recovery.yaml")
    outcome = run_plan(plan, results=None, started=STARTED)
    found = outcome.results["availability"].data["without_ok"]
    assert sorted(found) == ["kill head", "kill middle", "kill tail"]
    times = Times()
    for figures in found.values():
        assert figures["times"] == 2
        assert figures["read_longest_ns"] < times.detect // 2
        assert times.detect - times.ping < figures["write_median_ns"]
        assert figures["write_longest_ns"] < times.detect + times.fence


@pytest.mark.parametrize("driver", ["sim", pytest.param("live", marks=pytest.mark.live)])
def test_old_tail_that_is_cut_off_with_clients_answers_until_its_lease_is_over(
    driver: str, tmp_path: Path
) -> None:
    history = ran("craq-old-tail", tmp_path, "time_limit=14s", driver=driver)
    silent = last_reads(history, "n3")
    assert len(silent) == 2
    assert all(Times().lease // 2 < after < Times().lease + 50 * MS for after in silent)


def test_old_tail_that_looks_at_no_lease_is_caught() -> None:
    plan = load_plan(ROOT / "plans/craq-old-tail.yaml", ["system.bug=old-tail-serves"])
    outcome = run_plan(plan, results=None, started=STARTED)
    assert outcome.results["linearizable"].verdict == "invalid"
