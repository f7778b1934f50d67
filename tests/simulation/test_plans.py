"""Every bundled plan comes out as it says, in the simulator, and the same seed always the same."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.error import OUTCOMES
from harness.plan import Named, load_plan
from harness.run import run_plan
from harness.store import load_run

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / "plans").glob("*.yaml"))
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("path", PLANS, ids=lambda p: p.stem)
def test_plan_comes_out_as_it_expects(path: Path, seed: int) -> None:
    plan = replace(load_plan(path), seed=seed, driver="sim")
    outcome = run_plan(plan, results=None, started=STARTED)
    wrong = {name: j for name, j in outcome.results.items() if j.exit}
    assert not wrong
    assert outcome.exit == 0


@pytest.mark.parametrize(
    "name", ["craq-partition", "raft-partition", "zookeeper-kill-all", "craq-packet"]
)
def test_every_error_is_in_the_table_and_as_definite_as_it_says(name: str, tmp_path: Path) -> None:
    plan = load_plan(ROOT / "plans" / f"{name}.yaml", ["time_limit=16s"])
    outcome = run_plan(plan, results=tmp_path, started=STARTED, keep="history")
    assert outcome.folder is not None
    ends = [c.completion for c in load_run(outcome.folder).history.calls if c.completion]
    refused = [op for op in ends if op.type in ("fail", "info")]
    assert refused
    for op in refused:
        code = op.error if isinstance(op.error, str) else op.error[0]
        assert OUTCOMES[code] == (op.type == "fail") or op.f == "read", op


def test_refusing_everything_is_too_little_observed_and_never_valid() -> None:
    plan = load_plan(ROOT / "plans/toy-split-brain.yaml", ["system.bug=refuse-all"])
    outcome = run_plan(plan, results=None, started=STARTED)
    assert outcome.results["linearizable"].verdict == "unknown"
    assert "too little observed" in (outcome.results["linearizable"].cause or "")
    assert outcome.exit == 2


@pytest.mark.parametrize("schedule", [{"interval": "60s"}, {"at": "30s", "for": "1s"}])
def test_fault_that_would_begin_after_the_end_makes_the_run_unknown(
    schedule: dict[str, str],
) -> None:
    plan = load_plan(ROOT / "plans/craq-kill-tail.yaml", ["time_limit=5s"])
    late = Named("kill", {"targets": "tail", **schedule})
    outcome = run_plan(replace(plan, nemesis=(late,)), results=None, started=STARTED)
    assert outcome.results["faults"].cause == "no kill was ever asked for"
    assert outcome.exit == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo-zookeeper", "demo-craq", "raft-partition"])
def test_same_seed_gives_the_same_history_under_any_hash_seed(name: str, tmp_path: Path) -> None:
    histories = [
        _history(name, seed, hash_seed, tmp_path / f"{seed}-{hash_seed}")
        for seed, hash_seed in ((1, "0"), (1, "4242"), (2, "0"))
    ]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def _history(name: str, seed: int, hash_seed: str, results: Path) -> bytes:
    """history.jsonl of a short simulated run in a process of its own."""
    command = [sys.executable, "-m", "harness.cli", "run", str(ROOT / "plans" / f"{name}.yaml")]
    command += ["--driver", "sim", "--seed", str(seed), "--results", str(results), "--json"]
    subprocess.run(
        [*command, "--time-limit", "8s"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return (results / "latest" / "history.jsonl").read_bytes()
