"""What a search says of how far it has come is true, whenever it is stopped."""

from __future__ import annotations

import random
from typing import Any

import oracle

from checker.decide import decide
from checker.depth import depth_first
from checker.encode import FOREVER, Task, encode, until
from checker.frontier import frontier
from checker.kernel.frontier import frontier as kernel_frontier
from checker.models.register import CasRegister
from checker.scan import Scan
from checker.search import MOST_HARD, Meter, Progress


def legal(tasks: list[Task]) -> bool:
    model = CasRegister()
    left = [
        (t.f, t.value, t.result, t.call, float("inf") if t.ret == FOREVER else t.ret, t.must)
        for t in tasks
    ]
    return bool(oracle.has_order(model, model.initial(), left))


def finish(work: Any, slices: int) -> Any:
    """What a search returns, or None if it is closed after so many slices."""
    for _ in range(slices):
        try:
            next(work)
        except StopIteration as stop:
            return stop.value
    work.close()
    return None


def test_what_is_said_to_be_proved_has_an_order_and_an_order_proves_all() -> None:
    rng = random.Random("progress")
    ends = []
    for _ in range(300):
        history = oracle.Dice(rng, CasRegister(), "cas-register").history(8)
        found = encode(history, CasRegister(), "key").tasks
        tasks = list(found[0]) if found else []
        returns = [t.ret for t in tasks if t.must]
        for search in (frontier, depth_first, kernel_frontier):
            scan = Scan(CasRegister(), tasks)
            assert scan.table.close(1000, 1000)
            progress = Progress()
            decision = finish(search(scan, Meter(1 << 40), progress), 1 << 40)
            ends.append(decision.valid)
            if decision.valid:
                assert progress.proved == max(
                    (scan.ends(k) for k in range(len(scan.returns))), default=-1
                )
            else:
                assert progress.proved < scan.ends(decision.step) <= max(returns)
                assert legal(until(tasks, progress.proved))
    assert 0.2 < sum(ends) / len(ends) < 0.8


def test_a_search_that_is_stopped_names_open_operations_of_unknown_outcome_first() -> None:
    lost = [Task("cas", (i, i + 1), (i, i + 1), i, FOREVER, i) for i in range(6)]
    writes = [Task("write", i % 7, i % 7, 10 + i, 60 + i, 10 + i) for i in range(14)]
    reads = [Task("read", None, i % 7, 30 + i, 80 + i, 30 + i) for i in range(14)]
    progress = Progress()
    work = decide(CasRegister(), [*lost, *writes, *reads], Meter(1 << 40), progress)
    finish(work, 1 << 20)
    assert len(progress.hard) == MOST_HARD
    assert set(progress.hard[:6]) == set(range(6))
    assert set(progress.hard) <= {t.at for t in (*lost, *writes, *reads)}
