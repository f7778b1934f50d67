"""A key laid out as arrays, and state tables as arrays, against their twins in Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from checker.columns import Head, Tasks, columns
from checker.decide import MOST_STEPS, laid_out
from checker.encode import FOREVER, Task
from checker.kernel.states import States, states_of
from checker.kernel.steps import Steps, steps_of
from checker.model import UNKNOWN, same
from checker.models import CasRegister, Mutex, Register
from checker.scan import Scan
from checker.table import Table

VALUES: tuple[Any, ...] = (None, 0, 1, True, "a", (1,), 2)


def some_class(rng: random.Random) -> Head:
    f = rng.choice(("read", "read", "write", "cas", "cas", "refused"))
    value, result = rng.choice(VALUES), rng.choice((UNKNOWN, *VALUES))
    if f == "read":
        return f, None, result
    return (f, value, UNKNOWN) if f == "write" else (f, (value, rng.choice(VALUES)), result)


def some_tasks(rng: random.Random, count: int, *, gaps: int = 1) -> Tasks:
    """Tasks of any meaning, with unknown outcomes; ranks go up by `gaps` or less."""
    heads = [some_class(rng) for _ in range(rng.randrange(1, 12))]
    events = [i for i in range(count) for _ in range(2)]
    for i in range(len(events) - 1):
        j = min(len(events) - 1, i + rng.randrange(6))
        events[i], events[j] = events[j], events[i]
    ranks: dict[int, list[int]] = {}
    rank = 0
    for i in events:
        rank += rng.randrange(1, gaps + 1)
        ranks.setdefault(i, []).append(rank)
    made = [
        Task(*rng.choice(heads), call, FOREVER if rng.random() < 0.2 else ret, 7 * i)
        for i, (call, ret) in ranks.items()
    ]
    return columns(sorted(made, key=lambda task: task.call))


def scanned(model: Any, tasks: Sequence[Task], *, drop: bool = True) -> Scan:
    scan = Scan(model, tasks, drop=drop)
    assert scan.table.close(MOST_STEPS, MOST_STEPS)
    return scan


def assert_laid_out_alike(steps: Steps, scan: Scan) -> None:
    lay = steps.layout
    assert lay.mine.tolist() == scan.mine
    assert lay.returns.tolist() == scan.returns
    assert [1 << int(slot) for slot in lay.slot] == scan.bits
    assert (lay.wide, steps.bits) == (scan.wide, scan.wide + len(scan.lost))
    assert [i for i in range(len(lay.order)) if lay.order[i] >= steps.last] == scan.lost
    assert lay.order[lay.returns].tolist() == list(range(steps.last))
    for k in range(steps.last):
        assert steps.ends(k) == scan.ends(k) == steps.end_ranks()[k]
        assert steps.open(k) == scan.open(k)
        assert lay.called[k] == sum(task.call < scan.ends(k) for task in scan.tasks)


def test_a_key_is_laid_out_as_the_scan_in_python_does() -> None:
    rng = random.Random("lay")
    dropped = 0
    for case in range(300):
        tasks = some_tasks(rng, rng.randrange(1, 40), gaps=rng.choice((1, 1, 200)))
        model = rng.choice((CasRegister(), CasRegister(1), Mutex()))
        if type(model) is Mutex:
            heads: list[Head] = [("acquire", None, None), ("release", None, None)]
            mine = [c % 2 for c in tasks.lists()[2]]
            tasks = Tasks(*tasks.lists()[:2], mine, tasks.lists()[3], heads)
        drop = case % 3 > 0
        scan = scanned(model, tasks, drop=drop)
        states = states_of(model, tasks.classes, MOST_STEPS)
        assert states is not None
        steps = Steps(states, tasks, drop=drop)
        assert_laid_out_alike(steps, scan)
        assert_laid_out_alike(steps_of(scan), scan)
        dropped += sum(task.ret == FOREVER for task in tasks) > len(scan.lost) and drop
    assert dropped > 50


def test_nothing_is_laid_out_where_there_are_too_many_states() -> None:
    heads: list[Head] = [("write", i, None) for i in range(300)]
    assert states_of(Register(), heads, 90_000) is None
    found = states_of(Register(), heads, 90_300)
    assert found is not None and found.next.shape == (301, 300)


def numbered(model: Any, states: States, classes: Sequence[Head]) -> dict[int, Any]:
    """The states behind the numbers of a table that are reached from the first one."""
    found = {0: model.initial()}
    todo = [0]
    while todo:
        s = todo.pop()
        for c, head in enumerate(classes):
            after, expected = int(states.next[s, c]), model.step(found[s], *head)
            assert (after < 0) == (expected is None), (found[s], head)
            if after >= 0 and after not in found:
                found[after] = expected
                todo.append(after)
            assert after < 0 or same(found[after], expected)
    return found


def test_a_registers_table_is_what_its_model_says() -> None:
    rng = random.Random("table")
    for _ in range(200):
        model = CasRegister(rng.choice((None, 0, True, (1,))))
        classes = list({repr(c): c for c in (some_class(rng) for _ in range(12))}.values())
        states = states_of(model, classes, MOST_STEPS)
        assert states is not None
        found = numbered(model, states, classes)
        table = Table(model, classes)
        assert table.close(MOST_STEPS, MOST_STEPS)
        assert states.kinds.tolist() == table.kinds
        assert len(table.states) >= len(found)
        for c, landing in enumerate(table.landing):
            mine = int(states.landing[c])
            assert (mine < 0) == (landing < 0)
            assert mine not in found or same(found[mine], table.states[landing])


def test_an_easier_key_has_the_same_tasks_but_those_left_out() -> None:
    rng = random.Random("easier")
    for _ in range(50):
        tasks = some_tasks(rng, 20)
        relaxed = CasRegister().relaxed(tasks.classes)
        assert relaxed is not None
        model, heads = relaxed
        easier = tasks.said(heads)
        expected = [
            Task(*head, t.call, t.ret, t.at)
            for t, c in zip(tasks, tasks.lists()[2], strict=True)
            for head in (heads[c],)
            if head
        ]
        assert repr(list(easier)) == repr(expected)
        if expected:
            steps = laid_out(model, easier)
            assert steps is not None
            assert_laid_out_alike(steps, scanned(model, expected))
