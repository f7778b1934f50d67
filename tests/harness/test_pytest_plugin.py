"""Plans as tests of another project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """
system: toy
nodes: 1
workload: {name: register, keys: 2}
time_limit: 3s
recovery: 1s
concurrency: 3
rate: 60
"""

TESTS = """
def test_right(weaklink):
    assert weaklink("toy.yaml", "seed=3").seed == 3

def test_wrong(weaklink):
    weaklink("toy.yaml", "system.bug=refuse-all")
"""


@pytest.mark.slow
def test_fixture_runs_a_plan_and_fails_where_it_is_not_right(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(PLAN)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.pytest_plugin"]\n')
    (tmp_path / "test_toy.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert "1 failed, 1 passed" in done.stdout
    assert "too little observed" in done.stdout
