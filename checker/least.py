"""The fewest operations that contradict one another, and how to judge them alone."""

from __future__ import annotations

from collections.abc import Sequence

from checker.blocks import BETWEEN, CAS_CYCLE, DOUBLE_CAS, INSIDE, KEPT, PHANTOM, Judge, Violation
from checker.columns import until
from checker.kept import kept
from checker.task import FOREVER, Task
from checker.values import CAS, INITIAL, Values, prepare

MOST = 16  # operations of a core that is made smaller; beyond that it is a long chain
FORCED = (DOUBLE_CAS, CAS_CYCLE, INSIDE, BETWEEN, KEPT)


def alone(values: Values, wrong: Violation, end: int) -> list[Task]:
    """The operations of a violation, by call, such that they can be judged by themselves: their
    chain may have begun before, so a compare-and-set whose value nothing of them wrote is taken as
    a write, or, where it matters that the chain began with the initial value, as one of that. What
    contradicts itself then, does so with the comparison."""
    return _alone(values, wrong, _places(wrong), end)


def _places(wrong: Violation) -> list[int]:
    return sorted({*wrong.tasks, *wrong.proof})


def _alone(values: Values, wrong: Violation, places: Sequence[int], end: int) -> list[Task]:
    writer = {values.new[i]: i for i in places if values.new[i] >= 0}
    first = _from_initial(values, wrong, writer)
    tasks = []
    for i in places:
        task = values.tasks[i]
        is_cut = values.kind[i] == CAS and values.old[i] not in (INITIAL, *writer)
        if is_cut and wrong.kind != PHANTOM:
            f, value = "write", task.value[1]
            if i == first:
                f, value = "cas", (values.model.initial()[0], task.value[1])
            task = Task(f, value, task.result, task.call, task.ret, task.at)
        tasks.append(task)
    return list(until(tasks, end))


def _from_initial(values: Values, wrong: Violation, writer: dict[int, int]) -> int:
    """The compare-and-set with which the initial block's chain begins among the operations, where
    the violation rests on that block's being first; else -1."""
    for pair, other in ((wrong.first, wrong.second), (wrong.second, wrong.first)):
        if pair is None or other is None or pair[0] >= 0:
            continue
        i = other[1]
        value = values.new[i] if values.new[i] >= 0 else values.old[i]
        last = -1
        while value in writer and values.kind[writer[value]] == CAS:
            last = writer[value]
            value = values.old[last]
        return last
    return -1


def least(values: Values, wrong: Violation, end: int) -> Violation:
    """The same kind of violation, with as few of its operations as can be. Only where it is a cycle
    of forced edges: these are forced by the operations at their ends, whatever else there is, so
    what contradicts itself alone does so among all. (Of KEPT that is so where something that comes
    before the value's end was called after the refusal.)"""
    places = _places(wrong)
    if wrong.kind not in FORCED or len(places) > MOST or not _is_forced(wrong):
        return wrong
    i = 0
    while i < len(places):
        found = _again(values, wrong, [*places[:i], *places[i + 1 :]], end)
        if found is None:
            i += 1
        else:
            wrong, i = found, 0
            places = _places(wrong)
    return wrong


def _is_forced(wrong: Violation) -> bool:
    return wrong.kind != KEPT or wrong.second is not None


def _again(values: Values, wrong: Violation, places: Sequence[int], end: int) -> Violation | None:
    """The violation that some of the tasks are alone, if it is of the same kind."""
    part = prepare(values.model, _alone(values, wrong, places, end))
    if part is None:
        return None
    judge = Judge(part, FOREVER - 1)
    found = judge.judge()
    if found is None and wrong.kind == KEPT:
        found = kept(judge, part)
    if found is None or found.kind != wrong.kind or not _is_forced(found):
        return None

    def whole(some: Sequence[int]) -> tuple[int, ...]:
        return tuple(places[i] if i >= 0 else i for i in some)

    pairs = [None if pair is None else whole(pair) for pair in (found.first, found.second)]
    first, second = (None if pair is None else (pair[0], pair[1]) for pair in pairs)
    return Violation(wrong.kind, whole(found.tasks), first, second, whole(found.proof))
