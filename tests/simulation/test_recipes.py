"""Every plan of a recipe comes out as it says, in the simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.plan import load_plan
from harness.run import run_plan

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / "plans" / "recipes").glob("*.yaml"))
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
MOST_OPS = 2000


@pytest.mark.parametrize("path", PLANS, ids=lambda p: p.stem)
def test_plan_of_a_recipe_comes_out_as_it_expects(path: Path) -> None:
    plan = replace(load_plan(path), seed=1, driver="sim")
    outcome = run_plan(plan, results=None, started=STARTED)
    assert not {name: j for name, j in outcome.results.items() if j.exit}
    assert outcome.results["stats"].data["count"] <= MOST_OPS
