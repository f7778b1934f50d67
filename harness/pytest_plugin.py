"""Plans as tests of your own project: a fixture that runs one, and fails where it is not right.

In conftest.py:  pytest_plugins = ["harness.pytest_plugin"]
In a test:       def test_store(weaklink): weaklink("plans/mine.yaml", "seed=3")
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.run import RunResult


@pytest.fixture
def weaklink(tmp_path: Path) -> Callable[..., RunResult]:
    """A function that runs a plan with overrides ("seed=3", "system.bug=x") and returns what came
    of it. Fails the test with the verdict, the reason and the folder where a check does not come
    out as the plan expects, or is unknown; the run is kept in the test's own folder."""

    def run(plan: str | Path, *changes: str) -> RunResult:
        from harness.commands.words import paragraph
        from harness.plan import load_plan
        from harness.run import run_plan

        loaded = load_plan(Path(plan), changes)
        outcome = run_plan(
            loaded,
            results=tmp_path / "results",
            started=datetime.now().astimezone(),
            command=f"weaklink run {plan} --seed {loaded.seed}",
        )
        if outcome.exit:
            pytest.fail(paragraph(outcome, loaded), pytrace=False)
        return outcome

    return run
