"""Rounds: groups of threads that enter, compute and leave, round after round."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from harness import generator as gen
from harness.generator.contract import PENDING, Generator, Step, bits_of, fill
from harness.op import INFO, INVOKE, OK, Op, invoke

TRIES = 4  # of each thread at the end of a run, beyond what it needs


class Seat(Struct):
    """Where a thread is: in which round, and what it does next there."""

    round: int = 1
    f: str = "enter"
    failed: int = 0


class Rounds:
    """Makes the clients' operations, and is told (`heard`) how each ended.

    Threads 0 to size - 1 are the participants of barrier 1, the next ones those of barrier 2; what
    is left over does nothing. A thread that has not entered a round tries again; one that was in it
    goes on to the next, however it came out.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._seats: list[Seat] = []  # by thread
        self._last: list[int] = []  # by barrier, at the end of a run: the last round

    def sit(self, ctx: gen.Context) -> int:
        """How many threads take part."""
        threads = len(ctx.processes) - 1
        count = threads - threads % self._size
        while len(self._seats) < count:
            self._seats.append(Seat())
        return count

    def end(self) -> None:
        """One more round of each barrier after all that was begun, and no more."""
        if self._last:
            return
        for first in range(0, len(self._seats), self._size):
            group = self._seats[first : first + self._size]
            self._last.append(max(seat.round for seat in group) + 1)
        for seat in self._seats:
            seat.failed = 0

    def is_over(self) -> bool:
        """Whether nobody has anything left to do."""
        return not any(map(self._goes_on, range(len(self._seats))))

    def next(self, ctx: gen.Context) -> Op | None:
        """The next operation of any thread that is free."""
        bits = [b for b in bits_of(ctx.free & ~1) if b <= len(self._seats) and self._goes_on(b - 1)]
        if not bits:
            return None
        bit = bits[ctx.spread(len(bits))]
        seat, thread = self._seats[bit - 1], bit - 1
        value = [seat.round, thread % self._size + 1]
        return invoke(seat.f, value, process=ctx.processes[bit], key=thread // self._size + 1)

    def heard(self, event: Op, ctx: gen.Context) -> None:
        """Go on with the next of its circle."""
        if event.type == INVOKE or not isinstance(event.process, int):
            return
        thread = ctx.bit(event.process) - 1
        if thread >= len(self._seats):
            return
        seat = self._seats[thread]
        seat.failed += event.type != OK
        if seat.f == "enter":
            seat.f = "compute" if event.type == OK else "enter"
        elif seat.f == "compute" and event.type != INFO:
            seat.f = "leave"
        else:
            seat.round, seat.f = seat.round + 1, "enter"

    def _goes_on(self, thread: int) -> bool:
        if not self._last:
            return True
        seat = self._seats[thread]
        return seat.round <= self._last[thread // self._size] and seat.failed <= TRIES


class Playing(Struct, frozen=True):
    """The generator of rounds; with `last` that of a run's end."""

    rounds: Any  # Rounds
    last: bool = False

    hears = True

    def op(self, ctx: gen.Context) -> Step:
        """The next operation."""
        if not self.rounds.sit(ctx):
            return None
        if self.last:
            self.rounds.end()
            if self.rounds.is_over():
                return None
        op = self.rounds.next(ctx)
        filled = fill(op, ctx) if op is not None else None
        return (PENDING if filled is None else filled), self

    def update(self, ctx: gen.Context, event: Op) -> Generator:
        """Tell the rounds."""
        self.rounds.heard(event, ctx)
        return self
