"""Stories of queues, stacks and priority queues: which operations contradict one another, and how.

Every edge is forced: rt by real time, wr by the value that was taken, ww where one value leaves
before another, rw where a take comes before what would have been in its way was put in.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker import words
from checker.contradiction import say
from checker.encode import Task
from checker.monitors.wrong import EMPTY, PHANTOM, TWICE, Pair, Violation
from checker.story import Story
from harness.history import History
from harness.result import Edge

DONE = {"enqueue": "enqueued", "push": "pushed", "insert": "inserted"}


def tell_box(history: History, wrong: Violation, last: Task) -> Story:
    """The story of a violation; `last` is the operation at whose return it was complete."""
    if wrong.kind == PHANTOM:
        sentence, edges = _phantom(history, wrong)
    elif wrong.kind == TWICE:
        sentence, edges = _twice(history, wrong)
    else:
        sentence, edges = _said(history, wrong), _forced(wrong)
        if wrong.wild:
            sentence += _however(wrong)
        if all(last.at != task.at for task in (wrong.first, *_puts(wrong)) if task is not None):
            sentence += f", as {say(history, last).whole} shows"
    core = {task.at: task for task in (*wrong.tasks, last)}
    return Story(tuple(core[at] for at in sorted(core)), tuple(edges), sentence, wrong.kind)


def _however(wrong: Violation) -> str:
    """That takes without an answer are no excuse."""
    takes = wrong.wild[0].f
    if len(wrong.wild) == 1:
        return f", whatever the {takes} without an answer took"
    return f", whatever the {len(wrong.wild)} operations {takes} without an answer took"


def _puts(wrong: Violation) -> list[Task]:
    return [pair.put for pair in wrong.lives]


def _phantom(history: History, wrong: Violation) -> tuple[str, list[Edge]]:
    take = wrong.first
    assert take is not None
    told = say(history, take)
    if not wrong.lives:
        return f"{told.whole}, which nobody had put in", []
    put = wrong.lives[0].put
    late = say(history, put)
    edges = [_real_time(take, put), _taken(Pair(put, take))]
    return f"{told.whole}, before {late.what} by {late.who} was called", edges


def _twice(history: History, wrong: Violation) -> tuple[str, list[Edge]]:
    assert wrong.first is not None and wrong.second is not None
    put = wrong.lives[0].put
    first, second = say(history, wrong.first), say(history, wrong.second)
    sentence = f"{second.whole}, and {first.whole}: it was {DONE[put.f]} once"
    return sentence, [_taken(Pair(put, take)) for take in (wrong.first, wrong.second)]


def _said(history: History, wrong: Violation) -> str:
    """What came out of its turn, and what was in the way."""
    values = [words.value(pair.put.value) for pair in wrong.lives]
    if wrong.kind == EMPTY:
        assert wrong.first is not None
        return f"{say(history, wrong.first).whole}, though {_inside(values)}"
    first = wrong.lives[0]
    if first.put.f == "push":
        return _stuck(history, wrong, values)
    assert first.take is not None
    whole = say(history, first.take).whole
    if first.put.f == "insert":
        return f"{whole}, though {_inside(values[1:])} and goes first"
    other = wrong.lives[1]
    return f"{whole}, though {values[1]} had been enqueued before it {_still(history, other)}"


def _inside(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{values[0]} was inside all the time"
    return f"at each moment one of {', '.join(values[:-1])} and {values[-1]} was inside"


def _still(history: History, pair: Pair) -> str:
    """That a value was not taken yet."""
    if pair.take is None:
        return "and was still there"
    told = say(history, pair.take)
    return f"and was still there: {told.what} of it by {told.who} was only called later"


def _stuck(history: History, wrong: Violation, values: Sequence[str]) -> str:
    first = wrong.lives[0]
    if first.take is not None and len(wrong.lives) == 2:
        above = wrong.lives[1]
        whole = say(history, first.take).whole
        return f"{whole}, though {values[1]} had been pushed onto it {_still(history, above)}"
    several = f"{', '.join(values[:-1])} and {values[-1]}"
    return (
        f"no order of the pushes and pops of {several} is that of a stack: at each moment one of "
        "them was inside, so one of them had to be pushed first and popped last, and none can be"
    )


def _forced(wrong: Violation) -> list[Edge]:
    """Real time and what was taken; and where each value was in the way as it stands, that it had
    to be gone first, or not there yet."""
    tasks = wrong.tasks
    pairs = {(a.at, b.at) for a, b in wrong.pairs}
    between = {
        (a, b) for a, b in pairs if any((a, m.at) in pairs and (m.at, b) in pairs for m in tasks)
    }
    by_at = {task.at: task for task in tasks}
    edges = [_real_time(by_at[a], by_at[b]) for a, b in sorted(pairs - between)]
    edges += [_taken(pair) for pair in wrong.lives if pair.take is not None]
    first = None if wrong.wild else wrong.first  # else what had to be gone may have been taken
    others = wrong.lives if wrong.kind == EMPTY else wrong.lives[1:]
    if first is None or not _is_plain(wrong, first, others, pairs):
        return edges
    for pair in others:
        label = "had to be gone before" if pair.put.f != "push" else "lay on top of it"
        if pair.take is not None:
            edges.append(Edge(pair.take.at, first.at, "ww", label))
        else:
            edges.append(Edge(first.at, pair.put.at, "rw", "it was not there yet"))
    return edges


def _is_plain(
    wrong: Violation, first: Task, others: Sequence[Pair], pairs: set[tuple[int, int]]
) -> bool:
    """Whether the others were in the way of a take one after the other, by real time alone."""
    if wrong.kind != EMPTY and first.f != "extract-min":
        return len(others) == 1
    before = first
    for pair in others:
        if (pair.put.at, before.at) not in pairs or before is None:
            return False
        if pair.take is None:
            return True
        before = pair.take
    return (first.at, before.at) in pairs


def _real_time(a: Task, b: Task) -> Edge:
    return Edge(a.at, b.at, "rt", "returned before it was called")


def _taken(pair: Pair) -> Edge:
    assert pair.take is not None
    return Edge(pair.put.at, pair.take.at, "wr", words.value(pair.put.value))
