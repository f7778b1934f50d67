"""One element of a set: added once, removed, and asked for.

Where no read of the whole set has to be placed, every operation is of one element, and a history is
linearizable exactly if that of each element is (Herlihy and Wing 1990: linearizability is local).
An element is absent until a moment p in the time of its add, then there until a moment q in the
time of one of its removes, or for ever, then absent again.

An answer "there" must have a moment between p and q in its time: call before q, return after p. An
answer "absent", and every other remove that was answered, must have one outside: not both called
after p and returned before q. So p may be as late as the add's return and the returns of all
"there" allow: that leaves least between p and q, and what it rules out for q (a remove that had
returned by then) only makes p and q one moment, for which case 2 is. Let P be this latest p, T the
latest call of a "there". Then there is an order exactly if one of these holds:

1 Some remove can have q = max(its call, T), where that is after P: it had not returned by then, and
  nothing that has to be outside was called after P and returned before q.
2 Some remove can be at the same moment as the add, between max(its call, T, the add's call) and
  min(its return, P): nothing is between p and q.
3 For ever: nothing that has to be outside was called after P.

An add without an answer took effect exactly if somebody was told "there"; where nobody was, leave
it out: removes of what is absent, and "absent", are always legal. A remove without an answer may be
the one at q, and else is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.encode import FOREVER, Task

PHANTOM = "never added"
LOST = "absent or there"


def kind_of(ops: Sequence[Task], end: int) -> str | None:
    """What is wrong with the operations on one element up to rank `end`, or None."""
    add: Task | None = None
    there: list[tuple[int, int]] = []  # call and return, of each
    absent: list[tuple[int, int]] = []
    removes: list[tuple[int, int]] = []
    for task in ops:
        if task.call > end:
            break
        if task.f == "add":
            add = task
        elif task.f == "remove":
            removes.append((task.call, _ret(task, end)))
        elif task.ret <= end:
            (there if task.result else absent).append((task.call, task.ret))
    if add is None or (add.ret > end and not there):
        return PHANTOM if there else None
    latest = min([_ret(add, end), *(ret for _, ret in there)])
    if latest < add.call:
        return PHANTOM
    asked = max((call for call, _ in there), default=-1)
    outside = [*absent, *(remove for remove in removes if remove[1] <= end)]
    soonest = min((ret for call, ret in outside if call > latest), default=FOREVER)
    if soonest == FOREVER:
        return None
    for call, ret in removes:
        q = max(call, asked)
        if q > latest:
            if q < ret and soonest > q:
                return None
        elif max(q, add.call) < ret:
            return None
    return LOST


def _ret(task: Task, end: int) -> int:
    return task.ret if task.ret <= end else FOREVER
