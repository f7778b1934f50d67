"""Refused compare-and-sets that do not say what they saw, among unique values: a search in time.

Such a refusal says only that at one moment between its call and its return the value was not `old`.
All else is as in checker/unique.py: blocks of values, each value an *epoch* of its block. An epoch
starts when its value is written, at the latest at `latest` (the least return of its operations),
and ends when the next one starts, at the earliest at `earliest` (their greatest call). A refusal of
`old` called at c and returned at r fails only if the epoch of `old` starts before c and ends after
r.

The search goes through the returns in time. A configuration is the epoch that is there now, since
when (`since`), since when its block is there (`begun`), and which other blocks have been there
(`spent`; only those that could still come count). A block that nobody has to see needs no room: it
may be *hidden*, all of it at the moment `begun`, just before the block that begins there, if all of
its operations had been called by then. So a configuration changes only where it has to, and as late
as it can, at a return at T:

- an epoch that must have started by T: of the block that is there, it starts now. Of a block that
  has not been there, the block comes now; or it stays hidden at `begun`, if it can.
- a refusal of the value that is there, called after it came: another value comes now: the next of
  the chain; or, where the chain ends, a compare-and-set of unknown outcome from this value, or any
  block not spent whose first write was called. What is of unknown outcome and seen by nobody may
  come or not.

A block is left only when all that must happen in it was called; where that is not so the
configuration ends. No configuration left: there is no order.

Why nothing is missed. Take an order, with a moment for each operation. At each moment T some
configuration *follows* it: its spent blocks, and its own, have come in the order; and either (a)
both are in the same block, the configuration not further in its chain, `begun` not earlier, and
`since` not earlier if in the same epoch; or (b) the order has left the configuration's block, and
the order's own block can still come, and is not spent. It stays so. The order moves by itself: from
(a) or (b) to (b), since the block it moves to comes only now. An epoch must have started by T, of
another block than the configuration's: the order has had that block. If it is the order's own: take
the branch where it comes now, which gives (a). Else the order has left it; if it cannot be hidden,
one of its calls came after `begun`, so in case (a) it would have come after the order's block
began, which it did not; so this is (b), and the branch gives (b) again, or (a). A refusal of the
configuration's value, called after it came: in case (a) at the same place of the chain the order,
which came there no later, leaves it by T, so either it is further in the chain (go one step along
it), or this is (b). In (b), if the chain is at its end, the order's block comes now: (a). In (b)
all of the configuration's block has been called, since the order has left it; so it may be left.

Which configurations are superfluous (`_covers`): those that another one follows in the sense of (a)
or (b), or of (c): its value is refused by nobody any more and its chain is at its end, its spent
blocks are spent in the other one too, and it began no earlier. For (c): it changes only for a block
that cannot be hidden, and then that one could not hide it either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from checker.encode import FOREVER

MOST = 2000  # configurations at a time; more than that is given up


class Epoch(Struct, frozen=True):
    """A value's life. `call` is its writer's, `latest` when it starts and `earliest` when it ends
    at the latest and at the earliest. `block` is the value that its block starts with, `place` its
    own in the chain, `after` the value that follows (-1 for none), `before` the greatest `earliest`
    of the chain so far. `is_sure` is false for what may not have happened at all."""

    call: int
    latest: int
    earliest: int
    block: int
    place: int
    after: int
    before: int
    is_sure: bool


class Block(Struct, frozen=True):
    """When all of a block starts at the latest, and ends at the earliest."""

    latest: int
    earliest: int


class Refusal(Struct, frozen=True):
    """A compare-and-set of `old` that was refused, between its call and its return."""

    call: int
    ret: int
    old: int


class Lives(Struct, frozen=True):
    """All of a prefix. Epochs by value, blocks by first value; `tails` are the compare-and-sets
    that may follow a chain's last value, by that: the values they write."""

    epochs: dict[int, Epoch]
    blocks: dict[int, Block]
    tails: dict[int, list[int]]
    refusals: list[Refusal]


class Configuration(Struct, frozen=True):
    """See the module."""

    value: int
    since: int
    begun: int
    spent: frozenset[int]


def relevant(lives: Lives) -> list[Refusal]:
    """The refusals that not every order of the blocks allows: others were called before their value
    could be there, or return after it was gone for certain."""
    gone = _gone(lives)
    found = []
    for refusal in lives.refusals:
        epoch = lives.epochs.get(refusal.old)
        if epoch is None or epoch.call > refusal.call:
            continue
        if not epoch.is_sure or gone[refusal.old] >= refusal.ret:
            found.append(refusal)
    return found


def _gone(lives: Lives) -> dict[int, int]:
    """By when each value is gone for certain: when the next one of its chain has to start, or a
    block that comes after its own in real time."""
    blocks = lives.blocks
    later = sorted(blocks, key=lambda b: -blocks[b].earliest)
    first = second = FOREVER  # the two least `latest` of the blocks that come later
    whose, i = -1, 0
    end_of = {}
    for b in sorted(blocks, key=lambda b: -blocks[b].latest):
        while i < len(later) and blocks[later[i]].earliest > blocks[b].latest:
            latest = blocks[later[i]].latest
            if latest < first:
                first, second, whose = latest, first, later[i]
            else:
                second = min(second, latest)
            i += 1
        end_of[b] = second if whose == b else first
    gone: dict[int, int] = {}
    for value, epoch in sorted(lives.epochs.items(), key=lambda item: -item[1].place):
        last = end_of[epoch.block]
        if epoch.after >= 0:
            last = min(gone[epoch.after], lives.epochs[epoch.after].latest)
        gone[value] = last
    return gone


def place(lives: Lives) -> int | None:
    """The return at which no configuration is left; -1 where there is an order. None where there
    were too many."""
    return _Sweep(lives).run()


class _Sweep:
    def __init__(self, lives: Lives) -> None:
        self._epochs, self._blocks, self._tails = lives.epochs, lives.blocks, lives.tails
        refusals = relevant(lives)
        self._events: list[tuple[int, Refusal | int]] = sorted(
            [(refusal.ret, refusal) for refusal in refusals]
            + [(e.latest, v) for v, e in lives.epochs.items() if -1 < e.latest < FOREVER],
            key=lambda event: event[0],
        )
        self._refused: dict[int, int] = {}  # by value: the last return of a refusal
        for refusal in refusals:
            self._refused[refusal.old] = max(refusal.ret, self._refused.get(refusal.old, -1))

    def run(self) -> int | None:
        """See `place`."""
        front = [Configuration(0, -1, -1, frozenset())]
        for now, event in self._events:
            step = self._start if isinstance(event, int) else self._refuse
            made: list[Configuration] = []
            for old in front:
                for new in step(old, event, now):  # type: ignore[arg-type]
                    self._insert(made, new, now)
            if not made:
                return now
            if len(made) > MOST:
                return None
            front = made
        return -1

    def _start(self, c: Configuration, value: int, now: int) -> Iterator[Configuration]:
        """A value must have come by now."""
        epoch, here = self._epochs[value], self._epochs[c.value]
        block = self._blocks[epoch.block]
        can = epoch.call < now and epoch.before < now
        if epoch.block == here.block:
            if epoch.place <= here.place:
                yield c
            elif can:
                yield Configuration(value, now, c.begun, c.spent)
            return
        if block.latest < now or epoch.block in c.spent:
            yield Configuration(c.value, c.since, c.begun, c.spent - {epoch.block})
            return
        if block.earliest < c.begun:
            yield c
        if can and self._blocks[here.block].earliest < now:
            yield Configuration(value, now, now, self._left(c, now))

    def _refuse(self, c: Configuration, refusal: Refusal, now: int) -> Iterator[Configuration]:
        """A value was not there at some moment."""
        if c.value != refusal.old or c.since > refusal.call:
            yield c
            return
        here = self._epochs[c.value]
        if here.earliest > now:
            return
        if here.after >= 0:
            if self._epochs[here.after].call < now:
                yield Configuration(here.after, now, c.begun, c.spent)
            return
        for value in self._tails.get(c.value, ()):
            if self._epochs[value].call < now:
                yield Configuration(value, now, c.begun, c.spent)
        left = self._left(c, now)
        for value, block in self._blocks.items():
            is_new = value != here.block and value not in c.spent and block.latest > now
            if is_new and self._epochs[value].call < now:
                yield Configuration(value, now, now, left)

    def _left(self, c: Configuration, now: int) -> frozenset[int]:
        """What is spent when a configuration's block has been left."""
        return frozenset(self._spent(c, now))

    def _spent(self, c: Configuration, now: int) -> Iterable[int]:
        block = self._epochs[c.value].block
        return (*c.spent, block) if self._blocks[block].latest > now else c.spent

    def _insert(self, made: list[Configuration], new: Configuration, now: int) -> None:
        if any(self._covers(old, new, now) for old in made):
            return
        made[:] = [old for old in made if not self._covers(new, old, now)]
        made.append(new)

    def _covers(self, a: Configuration, b: Configuration, now: int) -> bool:
        """Whether b is superfluous beside a."""
        mine, its = self._epochs[a.value], self._epochs[b.value]
        spent = set(self._spent(a, now))
        if not spent.issubset(self._spent(b, now)):
            return False
        if mine.block == its.block:
            if a.value == b.value:
                return a.since >= b.since and a.begun >= b.begun
            is_behind = mine.is_sure and mine.place < its.place
            return is_behind and a.begun >= b.begun
        block = self._blocks[its.block]
        if self._blocks[mine.block].earliest > now:
            return False
        if block.latest > now and its.block not in spent:
            return True
        is_free = mine.after < 0 and self._refused.get(a.value, -1) <= now
        return is_free and a.begun >= b.begun
