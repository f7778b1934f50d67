"""What a check may use: time, memory, and what does not count."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checker import CasRegister, front
from checker.budget import TimeBudget, Unlimited, budget_until

COMPILES = """
import time
import numba
import checker.kernel
from checker.budget import default_budget

@numba.njit
def inner(n):
    return n * 2

@numba.njit
def kernel(n):
    return inner(n) + 1

budget = default_budget(60 * 10**9)
end, begun = budget.end, time.monotonic_ns()
kernel(3)
took = time.monotonic_ns() - begun
budget.end = begun + took // 2
print(budget.expired(), took > 10**6)
budget.end = time.monotonic_ns() - 2 * took
print(budget.expired())
"""


def test_compiling_does_not_count_as_time(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", COMPILES], capture_output=True, text=True, check=True
    )
    assert found.stdout.split("\n")[:2] == ["None True", "time limit of 60 s"], found.stderr


def test_memory_beyond_the_limit_is_the_reason() -> None:
    had = iter([100, 120, 160])
    times = iter(range(0, 10**12, 10**10))
    budget = TimeBudget(lambda: next(times), 10**12, lambda: next(had), 50)
    assert budget.expired() is None
    assert budget.expired() == "memory limit of 50 B"


def test_a_budget_of_another_process_ends_with_it() -> None:
    budget = budget_until(0, 5 * 10**9, 1 << 30)
    assert budget.expired() == "time limit of 5 s"


def test_check_gives_its_memory_limit_to_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def made(limit: int, memory_limit: int = 0) -> Unlimited:
        asked.append((limit, memory_limit))
        return Unlimited()

    monkeypatch.setattr(front, "default_budget", made)
    front.check([], CasRegister, time_limit=3, memory_limit=1 << 20)
    assert asked == [(3 * 10**9, 1 << 20)]
