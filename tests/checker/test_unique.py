"""Registers with unique values: the exact algorithm against trying every order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from unique_dice import UniqueDice, legal

from checker import CasRegister, unique
from checker.encode import Task, until
from checker.kernel.prefixes import KernelPrefixes
from checker.unique import PlainPrefixes, first_of
from checker.values import Values


def end_of(search: Any) -> int | None:
    """What a first_violation returns."""
    while True:
        try:
            next(search)
        except StopIteration as stop:
            end: int | None = stop.value
            return end


def draw(seed: str, most: int = 8) -> tuple[list[Task], Values]:
    tasks = UniqueDice(random.Random(seed)).tasks(most)
    values = unique.prepare(CasRegister(), tasks)
    assert values is not None
    return tasks, values


@pytest.mark.slow
def test_the_shortest_violating_prefix_is_that_of_trying_every_order() -> None:
    bad = silent = 0
    for case in range(8000):
        tasks, values = draw(f"unique/{case}")
        end = end_of(unique.first_violation(values))
        expected = legal(CasRegister(), tasks)
        assert (end is None) == expected, (case, tasks)
        if end is not None:
            bad += 1
            silent += unique.violation(values, end) is None
            assert not legal(CasRegister(), until(tasks, end)), (case, tasks)
            assert legal(CasRegister(), until(tasks, end - 1)), (case, tasks)
    assert bad > 1500
    assert silent > 300  # no order only because of refusals that do not say what they saw


@pytest.mark.slow
@pytest.mark.parametrize(("most", "cases"), [(8, 2500), (60, 2500), (400, 300)])
def test_the_kernel_agrees_with_its_slow_twin(most: int, cases: int) -> None:
    bad = 0
    for case in range(cases):
        tasks, values = draw(f"kernel/{most}/{case}", most)
        if tasks:
            end = end_of(first_of(PlainPrefixes(values)))
            assert end_of(first_of(KernelPrefixes(values))) == end, (case, tasks)
            bad += end is not None
    assert 0.15 < bad / cases < 0.9
