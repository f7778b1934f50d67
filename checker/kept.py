"""Refused compare-and-sets whose value was certainly there all the time: the plain reasons.

The value had to be there before the refusal was called, since an operation of its epoch, or of a
later one of its chain, had returned by then. And it was still there when the refusal returned,
since an operation of its epoch or an earlier one of the chain, or the next of the chain, was called
only after that; or since nothing at all could come in between: each other block comes before its
own in real time, or was called after that. Where neither holds, refusals exclude one another, which
only the search of checker/refused.py can say.
"""

from __future__ import annotations

from checker.blocks import KEPT, Judge, Violation
from checker.refused import Lives
from checker.task import FOREVER
from checker.values import INITIAL, REFUSED, Values

MOST = 50  # refusals for which all other blocks are looked at

Bound = tuple[int, int]  # a rank, and the operation that it is of (-1: none)


def kept(judge: Judge, values: Values) -> Violation | None:
    """A refusal that cannot be placed for a plain reason, or None; after `judge.judge()` has found
    nothing."""
    lives = judge.lives()
    refused = [
        i
        for i in range(judge.known)
        if values.kind[i] == REFUSED and judge.rets[i] != FOREVER and values.old[i] in lives.epochs
    ]
    refused.sort(key=lambda i: -judge.rets[i])
    begins, ends = _bounds(judge, lives)
    for i in refused:
        early, late = begins.get(values.old[i]), ends.get(values.old[i])
        if early and late and early[0] < judge.calls[i] and judge.rets[i] < late[0]:
            return _violation(judge, values, i, early[1], late[1])
    for i in refused[:MOST]:
        early = begins.get(values.old[i])
        if early and early[0] < judge.calls[i] and _is_last(judge, lives, values.old[i], i):
            return _violation(judge, values, i, early[1], None)
    return None


def _bounds(judge: Judge, lives: Lives) -> tuple[dict[int, Bound], dict[int, Bound]]:
    """By when each value is there, and until when it stays, for certain; and why."""
    begins: dict[int, Bound] = {}
    ends: dict[int, Bound] = {}
    for first in judge.starts():
        chain = [first]
        while judge.next[chain[-1]] >= 0:
            chain.append(judge.values.new[judge.next[chain[-1]]])
        late: Bound = (-1, -1)
        for value in chain:
            late = max([late, *((judge.calls[i], i) for i in _ops(judge, value))])
            after = judge.next[value]
            ends[value] = max(late, (judge.calls[after], after)) if after >= 0 else late
        early: Bound = (FOREVER, -1)
        for value in reversed(chain):
            early = min([early, *((judge.rets[i], i) for i in _ops(judge, value))])
            begins[value] = early if value != INITIAL else (-1, -1)
    return begins, ends


def _ops(judge: Judge, value: int) -> list[int]:
    """What wrote and read a value."""
    writer = judge.writer[value] if value != INITIAL else -1
    return [*([writer] if writer >= 0 else []), *judge.readers.get(value, ())]


def _is_last(judge: Judge, lives: Lives, value: int, refused: int) -> bool:
    """Whether nothing could come after a value and before a refusal returned."""
    epoch, ret = lives.epochs[value], judge.rets[refused]
    if epoch.after >= 0 or any(lives.epochs[x].call < ret for x in lives.tails.get(value, ())):
        return False
    own = lives.blocks[epoch.block]
    return all(
        b == epoch.block or lives.epochs[b].call > ret or block.latest < own.earliest
        for b, block in lives.blocks.items()
    )


def _violation(
    judge: Judge, values: Values, refused: int, early: int, late: int | None
) -> Violation:
    old = values.old[refused]
    writer = judge.writer[old] if old != INITIAL else -1
    if writer >= 0 and judge.rets[writer] < judge.calls[refused]:
        early = writer  # the plainest reason
    core: dict[int, None] = {}
    for i in (early, late):
        if i is None or i < 0:
            continue
        value = values.new[i] if values.new[i] >= 0 else values.old[i]
        if value != INITIAL:
            core[judge.writer[value]] = None
        core.update(dict.fromkeys(judge.path(value, old)))
        core.update(dict.fromkeys(judge.path(old, value)))
        core[i] = None
    if writer >= 0:
        core[writer] = None
    core[refused] = None
    unsure = [i for i in core if i != refused and judge.rets[i] == FOREVER]
    second = None if late is None else (refused, late)
    return Violation(KEPT, tuple(core), (early, refused), second, judge.proof(*unsure))
