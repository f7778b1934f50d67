"""Registers with unique values: the exact algorithm against trying every order."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from unique_dice import UniqueDice, legal

from checker import CasRegister, unique
from checker.encode import FOREVER, Task, until
from checker.kernel.prefixes import KernelPrefixes
from checker.search import finished
from checker.unique import PlainPrefixes, first_of
from checker.values import Values


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
        end = finished(unique.first_violation(values))
        expected = legal(CasRegister(), tasks)
        assert (end is None) == expected, (case, tasks)
        if end is not None:
            bad += 1
            wrong = unique.violation(values, end)
            silent += wrong is None or wrong.kind == unique.KEPT
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
            end = finished(first_of(PlainPrefixes(values)))
            assert finished(first_of(KernelPrefixes(values))) == end, (case, tasks)
            bad += end is not None
    assert 0.15 < bad / cases < 0.9


@pytest.mark.slow
def test_the_operations_of_a_violation_contradict_one_another_alone_and_are_few() -> None:
    kinds: Counter[str] = Counter()
    searched = 0
    for case in range(6000):
        _, values = draw(f"core/{case}", 14)
        end = finished(unique.first_violation(values))
        if end is None:
            continue
        wrong = unique.violation(values, end)
        if wrong is None:
            searched += 1  # refusals that exclude one another
            continue
        kinds[wrong.kind] += 1
        core = unique.alone(values, wrong, end)
        again = violation_of(core)
        assert again is not None and again.kind == wrong.kind, (case, wrong)
        assert not legal(CasRegister(), core), (case, wrong)
        if not any(task.f == "cas" for task in core):
            assert len(core) <= 6, (case, wrong)
        if wrong.kind in (unique.BETWEEN, unique.INSIDE, unique.DOUBLE_CAS):
            for i in range(len(core)):
                less = violation_of([*core[:i], *core[i + 1 :]])
                assert less is None or less.kind != wrong.kind, (case, wrong, i)
    assert set(kinds) == {
        unique.PHANTOM,
        unique.IMPOSSIBLE,
        unique.DOUBLE_CAS,
        unique.CAS_CYCLE,
        unique.INSIDE,
        unique.BETWEEN,
        unique.KEPT,
    }
    assert searched < 0.05 * kinds[unique.KEPT]


def violation_of(tasks: list[Task]) -> unique.Violation | None:
    values = unique.prepare(CasRegister(), tasks)
    assert values is not None
    return unique.violation(values, FOREVER - 1)
