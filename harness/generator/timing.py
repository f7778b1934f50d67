"""Generators that watch the time: limits, rates, pauses, and taking turns by the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from msgspec import Struct

from harness.clock import Nanos
from harness.generator.contract import (
    PENDING,
    Context,
    Generator,
    Pending,
    Source,
    Step,
    Stream,
    lift,
)
from harness.op import Op


class TimeLimit(Struct, frozen=True):
    """Ends `limit` ns after it was first asked."""

    limit: Nanos
    inner: Generator
    end: Nanos = -1

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        end = self.end if self.end >= 0 else ctx.time + self.limit
        if ctx.time >= end:
            return None
        step = self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        if type(what) is Pending and what.at > end:
            what = Pending(end, what.sure)
        if inner is self.inner and end == self.end:
            return what, self
        return what, TimeLimit(self.limit, inner, end)

    def update(self, ctx: Context, event: Op) -> Generator:
        inner = self.inner.update(ctx, event)
        return self if inner is self.inner else TimeLimit(self.limit, inner, self.end)


def time_limit(limit: Nanos, source: Source) -> Generator:
    """Ops of `source` for `limit` ns, counted from the first time it is asked."""
    return TimeLimit(limit, lift(source))


class Stoppable(Struct, frozen=True):
    """Ends once it is told to; what is open then still completes."""

    is_over: Callable[[], bool]
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = None if self.is_over() else self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        if type(what) is Pending and what.sure:
            what = Pending(what.at)
        return what, self if inner is self.inner else Stoppable(self.is_over, inner)

    def update(self, ctx: Context, event: Op) -> Generator:
        inner = self.inner.update(ctx, event)
        return self if inner is self.inner else Stoppable(self.is_over, inner)


def stoppable(is_over: Callable[[], bool], source: Source) -> Generator:
    """Ops of `source` until `is_over` says so. That is for what only the one who runs it can know,
    and must stay true once it is."""
    return Stoppable(is_over, lift(source))


class Paced(Struct, frozen=True):
    """Ops with gaps between their invocations, each gap drawn from a stream."""

    gaps: Stream
    longest: Nanos  # a late op delays what follows only by how much it is later than this
    inner: Generator
    due: Nanos = -1

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        if self.due > ctx.time:
            return Pending(self.due, True), self
        step = self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        if type(what) is Pending:
            if inner is self.inner:
                return what, self
            return what, Paced(self.gaps, self.longest, inner, self.due)
        base = max(self.due, ctx.time - self.longest)
        gaps = self.gaps.next
        assert gaps is not None  # gaps never end
        return what, Paced(gaps, self.longest, inner, base + self.gaps.item)

    def update(self, ctx: Context, event: Op) -> Generator:
        inner = self.inner.update(ctx, event)
        return self if inner is self.inner else Paced(self.gaps, self.longest, inner, self.due)


def stagger(mean: Nanos, source: Source, rng: Random) -> Generator:
    """Ops of all threads together with gaps of `mean` ns in the mean, uniform in 0 to 2 `mean`.

    An op that was due while no thread was free comes late; at most one gap is made up for.
    """
    gaps = Stream.of(_uniform(2 * mean, Random(rng.getrandbits(64))))
    assert gaps is not None
    return Paced(gaps, mean, lift(source))


def delay(gap: Nanos, source: Source) -> Generator:
    """Ops of all threads together, each at least `gap` ns after the one before."""
    gaps = Stream.of(_always(gap))
    assert gaps is not None
    return Paced(gaps, 0, lift(source))


def _uniform(limit: Nanos, rng: Random) -> Iterator[Nanos]:
    while True:
        yield int(rng.random() * (limit + 1))


def _always(value: Nanos) -> Iterator[Nanos]:
    while True:
        yield value


class Sleep(Struct, frozen=True):
    """Nothing for a while."""

    time: Nanos
    end: Nanos = -1

    hears = False

    def op(self, ctx: Context) -> Step:
        if self.end < 0:
            return Sleep(self.time, ctx.time + self.time).op(ctx)
        return None if ctx.time >= self.end else (Pending(self.end, True), self)

    def update(self, ctx: Context, event: Op) -> Generator:
        return self


def sleep(time: Nanos) -> Generator:
    """No op for `time` ns, counted from the first time it is asked; then it ends."""
    return Sleep(time)


class Until(Struct, frozen=True):
    """Nothing before a time of the run."""

    at: Nanos

    hears = False

    def op(self, ctx: Context) -> Step:
        return None if ctx.time >= self.at else (Pending(self.at, True), self)

    def update(self, ctx: Context, event: Op) -> Generator:
        return self


def until(at: Nanos) -> Generator:
    """No op before `at` ns of the run; then it ends."""
    return Until(at)


class CycleTimes(Struct, frozen=True):
    """Generators that take turns by the clock."""

    lengths: tuple[Nanos, ...]
    inner: tuple[Generator, ...]
    start: Nanos = -1

    @property
    def hears(self) -> bool:
        return any(g.hears for g in self.inner)

    def op(self, ctx: Context) -> Step:
        start = self.start if self.start >= 0 else ctx.time
        i, end = self._turn(ctx.time - start)
        step = self.inner[i].op(ctx)
        if step is None:
            return None
        what, now = step
        inner = (*self.inner[:i], now, *self.inner[i + 1 :])
        if type(what) is Pending:
            what = Pending(min(what.at, start + end))
        return what, CycleTimes(self.lengths, inner, start)

    def _turn(self, passed: Nanos) -> tuple[int, Nanos]:
        """Whose turn it is, and when (ns since the start) that turn ends."""
        cycle = sum(self.lengths)
        end = passed - passed % cycle
        for i, length in enumerate(self.lengths):
            end += length
            if passed < end:
                return i, end
        raise AssertionError("a turn is shorter than its cycle")

    def update(self, ctx: Context, event: Op) -> Generator:
        inner = tuple(g.update(ctx, event) for g in self.inner)
        return CycleTimes(self.lengths, inner, self.start)


def cycle_times(*turns: Nanos | Source) -> Generator:
    """`cycle_times(10 * SECOND, writes, 5 * SECOND, reads)`: writes for 10 s, then reads for 5 s,
    and so on from the start; ends when one whose turn it is has ended."""
    lengths, sources = turns[::2], turns[1::2]
    assert len(lengths) == len(sources) and all(length > 0 for length in lengths)
    return CycleTimes(tuple(lengths), tuple(lift(s) for s in sources))


class Synchronize(Struct, frozen=True):
    """Begins when every thread is free."""

    inner: Generator

    hears = False

    def op(self, ctx: Context) -> Step:
        return self.inner.op(ctx) if ctx.free == ctx.all else (PENDING, self)

    def update(self, ctx: Context, event: Op) -> Generator:
        return self


def synchronize(source: Source) -> Generator:
    """Waits until every thread is free, then goes on as `source`."""
    return Synchronize(lift(source))
