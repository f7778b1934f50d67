"""A broken system never passes: the bundled plans catch each of these within a few seeds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.plan import Named, load_plan
from harness.run import run_plan

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 20

CAUGHT_BY = {  # system: plan, and the checker that gives it away
    "forgetful_craq": ("craq-kill-all", "linearizable"),
    "head_read": ("chain-spread", "linearizable"),
    "mid_read": ("chain-spread", "linearizable"),
    "ack_early": ("chain-spread", "linearizable"),
    "no_resend": ("craq-kill-slow", "linearizable"),
    "no_dedup": ("craq-packet", "linearizable"),
    "no_lease": ("craq-partition", "linearizable"),
    "lease_from_receipt": ("craq-leases", "linearizable"),
    "oldtail_not_stopped": ("craq-kill-slow", "linearizable"),
    "ack_skips": ("craq-packet", "linearizable"),
    "dirty_newest": ("craq-kill-middle", "linearizable"),
    "clean_without_query": ("craq-slow-replica", "linearizable"),
    "ack_marks_all": ("craq-hot-keys", "linearizable"),
    "cas_on_dirty": ("craq-packet", "linearizable"),
    "promote_keeps_dirty": ("craq-kill-tail", "linearizable"),
    "twice_in_the_log": ("raft-packet", "linearizable"),
    "forgetful_zookeeper": ("zookeeper-kill-all", "linearizable"),
    "reads_without_round": ("raft-partition", "linearizable"),
    "leader_serves_early": ("raft-kill-all", "linearizable"),
    "sync_local": ("zookeeper-sync-reads", "linearizable"),
    "read_passes_own_write": ("zookeeper-pipeline", "zookeeper"),
    "watch_after_reply": ("zookeeper-watches", "zookeeper"),
    "ephemeral_leak": ("zookeeper-sessions", "zookeeper"),
    "partial_multi": ("zookeeper-multi", "zookeeper"),
}


@pytest.mark.parametrize(("system", "plan", "by"), [(s, *how) for s, how in CAUGHT_BY.items()])
def test_broken_system_is_caught_from_outside(
    system: str, plan: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    wanted = load_plan(ROOT / "plans" / f"{plan}.yaml")
    broken = Named(f"broken_systems:{system}", wanted.system.options)
    verdicts = []
    for seed in range(SEEDS):
        run = replace(wanted, system=broken, seed=seed)
        outcome = run_plan(run, results=None, started=datetime(2026, 1, 1, tzinfo=UTC))
        verdicts.append(outcome.results[by].verdict)
        if verdicts[-1] == "invalid":
            return
    pytest.fail(f"{system} passed {plan}: {verdicts}")
