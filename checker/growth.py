"""Stories of keys that only grow: which operations contradict one another, and how."""

from __future__ import annotations

from typing import Any

from checker import growing, words
from checker.contradiction import say
from checker.encode import Task
from checker.growing import Violation
from checker.model import same
from checker.story import Story
from harness.history import History
from harness.result import Edge


def tell_growth(history: History, wrong: Violation, last: Task) -> Story:
    """The story of a violation; `last` is the operation at whose return it was complete."""
    if wrong.kind == growing.LATE:
        sentence, edges = _late(history, wrong, last), _cycle(wrong)
    else:
        sentence, edges = _unfit(history, wrong), ()
    core = {task.at: task for task in (*wrong.tasks, last)}
    return Story(tuple(core[at] for at in sorted(core)), edges, sentence, wrong.kind)


def _unfit(history: History, wrong: Violation) -> str:
    told = [say(history, task) for task in wrong.tasks]
    what = words.value(wrong.value)
    if wrong.kind == growing.PARTED:
        first, second = told
        where = _parting(wrong.tasks[1].result, wrong.tasks[0].result)
        return f"{second.whole}, and {first.whole}: {where}"
    if wrong.kind == growing.DOUBLED:
        if wrong.tasks[0].f == "read":
            return f"{told[0].whole}, with {what} twice, which was appended once"
        return f"{told[0].whole}, and {told[1].whole}: both came to {what}"
    if wrong.tasks[0].f == "read" and isinstance(wrong.tasks[0].result, tuple):
        return f"{told[0].whole}, with {what}, which nobody had appended"
    return f"{told[0].whole}, more than all increments that there may have been come to"


def _parting(a: Any, b: Any) -> str:
    """Where two lists part, with what comes there in each and what came before."""
    place = next(i for i, pair in enumerate(zip(a, b, strict=False)) if not same(*pair))
    one, other = words.value(a[place]), words.value(b[place])
    neither = "neither list is the beginning of the other"
    return f"{neither}, at place {place + 1} the one has {one} and the other {other}"


def _late(history: History, wrong: Violation, last: Task) -> str:
    """What came after something, though it had returned before that was called."""
    high, low = wrong.tasks[:2]
    early, late = say(history, high), say(history, low)
    gap = words.gap(late.returned, early.returned)
    returned = late.returned is not None
    first = late.whole + (f", {gap}" if returned else ", which was called after")
    came = early.came if early.came.startswith("returned") else "had been acknowledged"
    sentence = f"{first} {early.what} by {early.who} {came.replace('returned', 'had returned')}"
    if low.f != "read":
        sentence += f", though {late.what} comes before that"
    if last.at not in (high.at, low.at):
        sentence += f", as {say(history, last).whole} shows"
    return sentence


def _cycle(wrong: Violation) -> tuple[Edge, ...]:
    """Real time one way, the chain the other."""
    high, low = wrong.tasks[:2]
    back = Edge(high.at, low.at, "rt", "returned before it was called")
    if len(wrong.tasks) == 3:
        change = wrong.tasks[2]
        older = Edge(low.at, change.at, "rw", "saw it without this")
        return back, older, Edge(change.at, high.at, "wr", "saw it with this")
    if low.f == "read":
        return back, Edge(low.at, high.at, "rw", "saw it without this")
    if high.f == "read":
        return back, Edge(low.at, high.at, "wr", "saw it with this")
    return back, Edge(low.at, high.at, "ww", "comes before it")
