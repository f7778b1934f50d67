"""Stories of sets: which operations contradict one another, and how."""

from __future__ import annotations

from checker import words
from checker.contradiction import say
from checker.encode import Task
from checker.model import tag
from checker.models.collection import elements
from checker.monitors import element, whole
from checker.monitors.sets import Violation
from checker.story import Story
from harness.history import History
from harness.result import Edge


def tell_set(history: History, wrong: Violation, last: Task) -> Story:
    """The story of a violation; `last` is the operation at whose return it was complete."""
    if not wrong.whole and wrong.kind == element.LOST:
        sentence = _lost(history, wrong, last)
    elif wrong.kind == whole.LATE:
        sentence = _late(history, wrong, last)
    else:
        sentence = _told(history, wrong)
    core = {task.at: task for task in (*wrong.tasks, last)}
    tasks = tuple(core[at] for at in sorted(core))
    return Story(tasks, tuple(_edges(wrong, tasks)), sentence, wrong.kind)


def _told(history: History, wrong: Violation) -> str:
    """A read or an answer that is wrong in itself, or beside one other."""
    if not wrong.whole:  # an element that was there before it was added
        there = min((t for t in wrong.tasks if t.result is True), key=lambda t: t.ret)
        adds = [t for t in wrong.tasks if t.f == "add"]
        return _phantom(history, there, adds[0] if adds else None)
    first = wrong.tasks[0]
    told = say(history, first)
    if wrong.kind == whole.DOUBLED:
        seen = elements(first.result)
        twice = next(e for i, e in enumerate(seen) if e in seen[:i])
        return f"{told.whole}, with {words.value(twice)} twice"
    if wrong.kind == whole.PARTED:
        other = say(history, wrong.tasks[1])
        return f"{told.whole}, and {other.whole}: neither has all that is in the other"
    return _phantom(history, first, wrong.tasks[1] if len(wrong.tasks) > 1 else None)


def _phantom(history: History, seen: Task, add: Task | None) -> str:
    told = say(history, seen)
    if add is None:
        what = "with what nobody had added" if seen.f == "read" else "which nobody had added"
        return f"{told.whole}, {what}"
    late = say(history, add)
    return f"{told.whole}, before {late.what} by {late.who} was called"


def _late(history: History, wrong: Violation, last: Task) -> str:
    """What comes before something, though it was called after that had returned."""
    high, low = wrong.tasks[0], wrong.tasks[-1]
    early, late = say(history, high), say(history, low)
    had = "had been acknowledged" if high.f == "add" else f"had {early.came}"
    if low.at == last.at:
        gap = words.gap(late.returned, early.returned)
        return f"{late.whole}, {gap} {early.what} by {early.who} {had}"
    return (
        f"{say(history, last).whole} cannot be placed: {early.what} by {early.who} {had} before "
        f"{late.what} by {late.who} was called, which has to come first"
    )


def _lost(history: History, wrong: Violation, last: Task) -> str:
    removes = [task for task in wrong.tasks if task.f == "remove"]
    told = say(history, last)
    what = words.value(wrong.tasks[0].value)
    if last.f == "contains" and last.result is False and not removes:
        return f"{told.whole}, though {what} had been added and nobody had asked to remove it"
    several = f"{len(wrong.tasks)} operations on {what}"
    return f"{told.whole}, which no order of the {several} that bear on it allows"


def _edges(wrong: Violation, tasks: tuple[Task, ...]) -> list[Edge]:
    """Real time, without what follows from the rest, and what answers say of the adds."""
    before = {(a.at, b.at) for a, b in wrong.pairs}
    ats = [task.at for task in tasks]
    edges = [
        Edge(a, b, "rt", "returned before it was called")
        for a, b in sorted(before)
        if not any((a, m) in before and (m, b) in before for m in ats)
    ]
    for add in tasks:
        if add.f != "add":
            continue
        what = words.value(add.value)
        for task in tasks:
            is_there = _is_there(task, add)
            if is_there:
                edges.append(Edge(add.at, task.at, "wr", what))
            elif is_there is False and wrong.whole:
                edges.append(Edge(task.at, add.at, "rw", f"saw it without {what}"))
    return edges


def _is_there(task: Task, add: Task) -> bool | None:
    """Whether an answer says that what was added is there; None where it does not say."""
    if not task.must:
        return None
    if task.f == "read":
        return tag(add.value) in elements(task.result)
    same = task.f == "contains" and tag(task.value) == tag(add.value)
    return bool(task.result) if same else None
