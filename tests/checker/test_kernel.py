"""The compiled search says what its slow twin says, also where it is stopped, grows and is wide."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from checker.decide import now
from checker.encode import FOREVER, Task
from checker.frontier import frontier
from checker.kernel import frontier as frontiers
from checker.kernel import run
from checker.kernel.frontier import frontier as climbing
from checker.kernel.project import partitions, project
from checker.kernel.walk import CUT, DEAD, DONE, JOIN, STOPPED
from checker.model import UNKNOWN
from checker.models.register import CasRegister
from checker.scan import Scan
from checker.search import Decision, Meter, finished


def register(
    rng: random.Random, count: int, clients: int, *, unknown: float = 0.0, wrong: float = 0.0
) -> list[Task]:
    """Reads, writes and compare-and-sets of the values 0 to 3, each at some moment of its time; a
    share of the reads, `wrong`, tells what was there before."""
    free = [0.0] * clients
    spans = []
    for _ in range(count):
        client = min(range(clients), key=free.__getitem__)
        call = free[client] + rng.random() / 10
        free[client] = call + rng.expovariate(1.0)
        spans.append((rng.uniform(call, free[client]), call, free[client]))
    state: Any = None
    before: Any = None
    told = []
    for _, call, ret in sorted(spans):
        f = rng.choice(("read", "write", "cas"))
        asked: Any = None
        result = before if rng.random() < wrong else state
        if f == "cas":
            old = state if rng.random() < 0.5 else rng.randrange(4)
            asked = result = (old, rng.randrange(4))
            f = f if asked[0] == state else "refused"
            result = UNKNOWN if f == "refused" else asked
        elif f == "write":
            asked = result = rng.randrange(4)
        if f in ("cas", "write"):
            before, state = state, asked[1] if f == "cas" else asked
            if rng.random() < unknown:
                ret, result = float("inf"), UNKNOWN
        told.append((call, ret, f, asked, result))
    told.sort(key=lambda one: one[0])
    events = sorted(time for one in told for time in one[:2] if time != float("inf"))
    rank = {time: place for place, time in enumerate(events)}
    return [
        Task(f, asked, result, rank[call], rank.get(ret, FOREVER), at)
        for at, (call, ret, f, asked, result) in enumerate(told)
    ]


def twin(tasks: list[Task]) -> int:
    """The step at which the search in Python ends; -1 for an order."""
    return finished(frontier(Scan(CasRegister(), tasks), Meter(1 << 40))).step


def table_of(tasks: list[Task]) -> Scan:
    scan = Scan(CasRegister(), tasks)
    assert scan.table.close(10_000, 100_000)
    return scan


def compiled(tasks: list[Task], limit: int) -> int:
    """The same of the kernel, stopped after every so many configurations."""
    walk = run.Walk(run.key_of(table_of(tasks)))
    while True:
        end = walk.run(limit, walk.last, run.ALL, CUT, 1 << 40)
        if end != STOPPED:
            assert not walk.loss
            return -1 if end == DONE else walk.step - 1


def climbed(tasks: list[Task]) -> Decision:
    """What the search from both sides says."""
    return finished(climbing(table_of(tasks), Meter(1 << 40)))


def test_kernel_ends_where_its_twin_ends() -> None:
    rng = random.Random("kernel")
    ends = []
    for case in range(90):
        clients, unknown = rng.choice((3, 8, 14)), rng.choice((0.0, 0.05))
        wrong = rng.choice((0.0, 0.4, 0.4))
        tasks = register(rng, 60 if unknown else 120, clients, unknown=unknown, wrong=wrong)
        ends.append(twin(tasks))
        assert compiled(tasks, 3 if case % 2 else run.SLICE) == ends[-1]
    assert 0.2 < sum(end >= 0 for end in ends) / len(ends) < 0.8


def test_a_narrow_climb_finds_only_orders_that_there_are() -> None:
    rng = random.Random("beam")
    found = 0
    for _ in range(60):
        tasks = register(rng, 120, 10, wrong=rng.choice((0.0, 0.1)))
        walk = run.Walk(run.key_of(table_of(tasks)))
        end = walk.run(1 << 40, walk.last, 2, CUT, 1 << 40)
        found += end == DONE
        assert (end == DEAD and walk.loss) or (end == DONE) == (twin(tasks) < 0)
    assert found > 5


def test_a_window_that_joins_dies_only_where_there_is_no_order() -> None:
    rng = random.Random("window")
    dead = late = 0
    for case in range(300):
        unknown = rng.choice((0.0, 0.05))
        tasks = register(rng, 60, rng.choice((3, 8)), unknown=unknown, wrong=rng.choice((0.0, 0.2)))
        end = twin(tasks)
        walk = run.Walk(run.key_of(table_of(tasks)))
        for k in rng.sample(range(walk.last), 6):
            walk.begin(walk.window(k))
            if walk.run(1 << 40, walk.last, rng.choice((0, 1, 4, 1000)), JOIN, 1 << 40) == DEAD:
                assert 0 <= end < walk.step, case
                dead += 1
                late += k > 0
    assert dead > 100 and late > 50


def test_windows_of_models_with_fewer_states_die_only_where_there_is_no_order() -> None:
    rng = random.Random("project")
    dead = 0
    for case in range(150):
        clients, wrong = rng.choice((3, 8, 12)), rng.choice((0.0, 0.0, 0.2))
        tasks = register(rng, 60, clients, unknown=rng.choice((0.0, 0.05)), wrong=wrong)
        end = twin(tasks)
        key = run.key_of(table_of(tasks))
        for apart in (1, 2):
            for blocks in partitions(len(key.next), apart):
                made = project(key, blocks)
                assert made is not None
                walk, steps = run.Walk(made[0]), made[1]
                for k in (0, rng.randrange(walk.last + 1)):
                    walk.begin(walk.window(k))
                    way = rng.choice((0, 1, 8, 1000)), JOIN, 1 << 40
                    if walk.run(1 << 40, walk.last, *way) == DEAD:
                        assert 0 <= end <= steps[walk.step - 1], case
                        dead += 1
    assert dead > 100


class Wheel:
    """Three states in a circle; `turn` goes to the next one."""

    def initial(self) -> int:
        return 0

    def step(self, state: int, f: str, value: Any, result: Any) -> int:
        return (state + 1) % 3


def test_an_operation_that_leads_from_one_block_to_two_leaves_no_easier_model() -> None:
    scan = Scan(Wheel(), [Task("turn", None, None, 2 * i, 2 * i + 1, i) for i in range(4)])
    assert scan.table.close(10, 100)
    key = run.key_of(scan)
    assert [project(key, blocks) for blocks in partitions(3, 1)] == [None, None, None]
    assert project(key, np.arange(3, dtype=np.int32)) is not None


def test_a_climb_says_what_the_twin_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """With marks so near and frontiers so narrow that all of it is needed."""
    for name, small in (("BASE", 1), ("EVERY", 4), ("MOST_MARKS", 4), ("SHORT", 2)):
        monkeypatch.setattr(frontiers, name, small)
    rng = random.Random("climb")
    ends = []
    for _ in range(120):
        clients, unknown = rng.choice((3, 8, 14)), rng.choice((0.0, 0.05))
        wrong = rng.choice((0.0, 0.4, 0.6))
        tasks = register(rng, 60 if unknown else 120, clients, unknown=unknown, wrong=wrong)
        ends.append(twin(tasks))
        found = climbed(tasks)
        assert found.valid == (ends[-1] < 0)
        assert found.step == ends[-1] if found.shortest else found.step > ends[-1]
    assert 0.2 < sum(end >= 0 for end in ends) / len(ends) < 0.8


def test_a_model_made_of_another_is_not_relaxed_as_that_one() -> None:
    class Adds(CasRegister):
        """A register with one more operation."""

        fs = CasRegister.fs | {"add"}

    assert Adds().relaxed([("add", 1, 1)]) is None


def test_kernel_grows_when_it_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FIRST_ROOM", 2)
    rng = random.Random(7)
    for _ in range(10):
        tasks = register(rng, 120, 10, wrong=rng.choice((0.0, 0.1)))
        assert compiled(tasks, run.SLICE) == twin(tasks)


def test_kernel_takes_more_than_64_open_tasks() -> None:
    writes = [Task("write", i % 3, i % 3, i, 400 + i, i) for i in range(150)]
    seen = [Task("read", None, v, 200 + i, 600 + i, 150 + i) for i, v in enumerate((0, 1, 2, 0))]
    late = [Task("read", None, 1, 700, 701, 154)]
    wrong = [Task("read", None, 9, 702, 703, 155)]
    for tasks in (writes + seen + late, writes + seen + late + wrong):
        assert compiled(tasks, run.SLICE) == twin(tasks)


def test_hard_history_is_left_to_the_kernel_and_decided() -> None:
    tasks = register(random.Random(3), 2_000, 30)
    found, _ = now(CasRegister(), tasks, 2_000)
    assert found is not None and found.algorithm == "frontier kernel"
    assert found.valid
