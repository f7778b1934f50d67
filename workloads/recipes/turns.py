"""Turns: each process goes round its own circle of operations: acquire, write, release, acquire."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from harness import generator as gen
from harness.generator.contract import bits_of
from harness.op import INFO, INVOKE, OK, Op, invoke
from workloads.register import Listening

NEMESIS_BIT = 1
TRIES = 5  # of a lock's last acquire


class Turns:
    """Makes the clients' operations, and is told (`heard`) how each ended.

    A process acquires one of the locks `keys`, does `inside` there and releases it. Where the
    acquire does not come out ok it begins anew. Written values are counted up, so that none is
    written twice. Anybody whose process knows nothing of is idle. `takes` and `gives` are the
    names of the first and the last operation of a circle.
    """

    takes = "acquire"
    gives = "release"

    def __init__(self, keys: Sequence[Any], inside: Sequence[str], rng: Random) -> None:
        self._keys, self._inside, self._rng = keys, inside, rng
        self._values = count(1)
        self._left: dict[Any, list[str]] = {}  # by process, in its critical section: what to do
        self._key: dict[Any, Any] = {}  # by process: the lock it holds or asks for

    def __call__(self, ctx: gen.Context) -> Op | None:
        """The next operation, of any process that is free: so idle ones soon queue up."""
        free = [ctx.processes[bit] for bit in bits_of(ctx.free & ~NEMESIS_BIT)]
        process = free[ctx.spread(len(free))]
        if (op := self.goes_on(process)) is not None:
            return op
        return self.begins(process, self._keys[int(self._rng.random() * len(self._keys))])

    def begins(self, process: Any, key: Any) -> Op:
        """An acquire."""
        self._key[process] = key
        self._left[process] = [self.takes]  # until it is heard of
        return invoke(self.takes, process=process, key=key)

    def goes_on(self, process: Any) -> Op | None:
        """The next operation of a process in its critical section; None for any other."""
        if not self._left.get(process):
            return None
        f = self._left[process][0]
        value = next(self._values) if f == "write" else None
        return invoke(f, value, process=process, key=self._key[process])

    def heard(self, event: Op) -> None:
        """Go on with the next of its circle, or begin anew."""
        process = event.process
        if event.type == INVOKE or not isinstance(process, int):
            return
        if event.type == INFO:
            self._left.pop(process, None)
        elif event.f == self.takes:
            self._left[process] = [*self._inside, self.gives] if event.type == OK else []
        elif self._left.get(process):
            self._left[process] = self._left[process][1:]

    def ends(self, process: Any) -> None:
        """A process has nothing left to do in its circle, and begins anew."""
        self._left.pop(process, None)

    def releases(self, ctx: gen.Context) -> Op | None:
        """For the end of a run: a release for each process that may still hold a lock, then None.
        What ended after the time was up has not been heard of, so some hold nothing."""
        for bit in bits_of(ctx.free & ~NEMESIS_BIT):
            process = ctx.processes[bit]
            if self._left.pop(process, None):
                return invoke(self.gives, process=process, key=self._key[process])
        return None


class Once:
    """For the end of a run: one thread acquires, uses and releases each lock once more, in at most
    TRIES tries."""

    def __init__(self, turns: Turns, keys: Sequence[Any]) -> None:
        self._turns = turns
        self._todo = [key for key in keys for _ in range(TRIES)]

    def __call__(self, ctx: gen.Context) -> Op | None:
        """The next operation of the one thread."""
        process = next(ctx.processes[bit] for bit in bits_of(ctx.free))
        if (op := self._turns.goes_on(process)) is not None:
            return op
        if not self._todo:
            return None
        return self._turns.begins(process, self._todo.pop(0))

    def heard(self, event: Op) -> None:
        """A lock that was acquired need not be tried again."""
        self._turns.heard(event)
        if event.f == self._turns.takes and event.type == OK:
            self._todo = [key for key in self._todo if key != event.key]


def final(turns: Turns, keys: Sequence[Any]) -> gen.Generator:
    """What clients do after all is healed: locks are given back, then each is used once more."""
    once = Once(turns, keys)
    return gen.phases(
        gen.lift(turns.releases), gen.on_threads([0], Listening(once, gen.lift(once)))
    )
