"""Bundled plans on real processes come out as they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.plan import load_plan
from harness.run import run_plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.live
@pytest.mark.parametrize("name", ["zookeeper-stale-reads", "craq-kill-tail", "toy-split-brain"])
def test_live_plan_comes_out_as_it_expects(name: str, tmp_path: Path) -> None:
    plan = replace(load_plan(ROOT / "plans" / f"{name}.yaml"), driver="live", seed=3)
    outcome = run_plan(plan, results=tmp_path, started=datetime.now(UTC))
    assert not {n: j for n, j in outcome.results.items() if j.exit}
    assert outcome.folder is not None
    assert (outcome.folder / "report.html").exists()
