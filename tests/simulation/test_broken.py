"""A broken system never passes: the bundled plans catch each of these within a few seeds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.plan import Named, load_plan
from harness.run import run_plan

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 5

CAUGHT_BY = {
    "newest_dirty": "craq-kill-middle",
    "clean_without_query": "craq-slow-replica",
    "no_lease": "craq-partition",
    "forgetful_craq": "craq-kill-all",
    "twice_at_the_head": "craq-packet",
    "local_read": "raft-partition",
    "twice_in_the_log": "raft-packet",
    "local_sync": "zookeeper-sync-reads",
    "forgetful_zookeeper": "zookeeper-kill-all",
}


@pytest.mark.parametrize(("system", "plan"), CAUGHT_BY.items())
def test_broken_system_is_caught_from_outside(
    system: str, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    wanted = load_plan(ROOT / "plans" / f"{plan}.yaml")
    broken = Named(f"broken_systems:{system}", wanted.system.options)
    verdicts = []
    for seed in range(SEEDS):
        run = replace(wanted, system=broken, seed=seed)
        outcome = run_plan(run, results=None, started=datetime(2026, 1, 1, tzinfo=UTC))
        verdicts.append(outcome.results["linearizable"].verdict)
        if verdicts[-1] == "invalid":
            return
    pytest.fail(f"{system} passed {plan}: {verdicts}")
