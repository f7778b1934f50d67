"""Generators that change, count, repeat or watch the ops of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.clock import Nanos
from harness.generator.contract import (
    LOG,
    NOTHING,
    PENDING,
    Context,
    Generator,
    Pending,
    Source,
    Step,
    lift,
)
from harness.op import NEMESIS, OK, Op, Process, invoke


class Mapped(Struct, frozen=True):
    """Every op passed through a function."""

    function: Callable[[Op], Op]
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        changed = what if type(what) is Pending else self.function(what)  # type: ignore[arg-type]
        return changed, Mapped(self.function, inner)

    def update(self, ctx: Context, event: Op) -> Generator:
        return Mapped(self.function, self.inner.update(ctx, event))


def map_ops(function: Callable[[Op], Op], source: Source) -> Generator:
    """Every op passed through `function`, which keeps its index, time and process."""
    return Mapped(function, lift(source))


def f_map(names: Mapping[str, str], source: Source) -> Generator:
    """Every op's `f` renamed by `names`."""
    return Mapped(lambda op: replace(op, f=names.get(op.f, op.f)), lift(source))


class Filtered(Struct, frozen=True):
    """Only the ops that pass a test."""

    test: Callable[[Op], bool]
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        inner = self.inner
        while (step := inner.op(ctx)) is not None:
            what, inner = step
            if isinstance(what, Pending) or self.test(what):
                return what, Filtered(self.test, inner)
        return None

    def update(self, ctx: Context, event: Op) -> Generator:
        return Filtered(self.test, self.inner.update(ctx, event))


def filter_ops(test: Callable[[Op], bool], source: Source) -> Generator:
    """Only the ops for which `test` is true."""
    return Filtered(test, lift(source))


class Limit(Struct, frozen=True):
    """At most so many ops."""

    left: int
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx) if self.left > 0 else None
        if step is None:
            return None
        what, inner = step
        return what, Limit(self.left - (type(what) is Op), inner)

    def update(self, ctx: Context, event: Op) -> Generator:
        return Limit(self.left, self.inner.update(ctx, event))


def limit(count: int, source: Source) -> Generator:
    """At most `count` ops."""
    return Limit(count, lift(source))


def once(source: Source) -> Generator:
    """One op."""
    return limit(1, source)


def log(message: str) -> Generator:
    """One line in the run's log; it is no operation and takes no time."""
    return lift(replace(invoke("log", message), type=LOG))


class Repeat(Struct, frozen=True):
    """The next op of a generator, again and again."""

    left: int  # below 0: endless
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx) if self.left else None
        if step is None:
            return None
        what, inner = step
        if type(what) is Pending:
            return what, Repeat(self.left, inner)
        return what, Repeat(self.left - 1, self.inner)

    def update(self, ctx: Context, event: Op) -> Generator:
        return Repeat(self.left, self.inner.update(ctx, event))


def repeat(source: Source, count: int = -1) -> Generator:
    """The first op of `source` again and again, `count` times or for ever."""
    return Repeat(count, lift(source))


class Cycle(Struct, frozen=True):
    """A generator, and from the start again when it has ended."""

    left: int  # further rounds; below 0: endless
    fresh: Generator
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx)
        if step is not None:
            what, inner = step
            return what, (self if inner is self.inner else Cycle(self.left, self.fresh, inner))
        if not self.left:
            return None
        again = self.fresh.op(ctx)  # a round that is empty ends it: it would never end
        return None if again is None else (again[0], Cycle(self.left - 1, self.fresh, again[1]))

    def update(self, ctx: Context, event: Op) -> Generator:
        return Cycle(self.left, self.fresh, self.inner.update(ctx, event))


def cycle(source: Source, count: int = -1) -> Generator:
    """`source` from start to end, `count` times or for ever."""
    inner = lift(source)
    return NOTHING if count == 0 else Cycle(count - 1 if count > 0 else -1, inner, inner)


class ProcessLimit(Struct, frozen=True):
    """Ops of at most so many processes."""

    most: int
    inner: Generator
    seen: frozenset[Process] = frozenset()

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        seen = self.seen
        if isinstance(what, Op) and what.process not in seen:
            seen |= {what.process}
            if len(seen) > self.most:
                return None
        return what, ProcessLimit(self.most, inner, seen)

    def update(self, ctx: Context, event: Op) -> Generator:
        return ProcessLimit(self.most, self.inner.update(ctx, event), self.seen)


def process_limit(most: int, source: Source) -> Generator:
    """Ends before an op of a process beyond the first `most`: bounds the unknown outcomes, each of
    which retires a process."""
    return ProcessLimit(most, lift(source))


class UntilOk(Struct, frozen=True):
    """Ops until one of them is ok."""

    inner: Generator
    open: frozenset[Process] = frozenset()
    over: bool = False

    hears = True

    def op(self, ctx: Context) -> Step:
        step = None if self.over else self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        mine = self.open | {what.process} if isinstance(what, Op) else self.open
        return what, UntilOk(inner, mine)

    def update(self, ctx: Context, event: Op) -> Generator:
        inner = self.inner.update(ctx, event) if self.inner.hears else self.inner
        if event.process not in self.open or event.type == "invoke":
            return UntilOk(inner, self.open, self.over)
        return UntilOk(inner, self.open - {event.process}, self.over or event.type == OK)


def until_ok(source: Source) -> Generator:
    """Ops of `source` until one of them has completed ok."""
    return UntilOk(lift(source))


class Try(Struct, frozen=True):
    """One op of a retry: not before `due`, and how often it may still be tried."""

    due: Nanos
    place: int
    left: int
    op: Op


class Retry(Struct, frozen=True):
    """Ops that are each tried again until they are ok."""

    wait: Nanos
    todo: tuple[Try, ...]  # by (due, place)
    open: Mapping[Process, Try] = {}

    hears = True

    def op(self, ctx: Context) -> Step:
        if not self.todo:
            return (PENDING, self) if self.open else None
        first = self.todo[0]
        if first.due > ctx.time:
            return Pending(first.due), self
        step = lift(first.op).op(ctx)
        assert step is not None
        if isinstance(step[0], Pending):
            return step[0], self
        return step[0], Retry(self.wait, self.todo[1:], {**self.open, step[0].process: first})

    def update(self, ctx: Context, event: Op) -> Generator:
        mine = self.open.get(event.process)
        if mine is None or event.type == "invoke":
            return self
        left = {process: t for process, t in self.open.items() if process != event.process}
        if event.type == OK or mine.left <= 1:
            return Retry(self.wait, self.todo, left)
        again = Try(ctx.time + self.wait, mine.place, mine.left - 1, mine.op)
        todo = tuple(sorted((*self.todo, again), key=lambda t: (t.due, t.place)))
        return Retry(self.wait, todo, left)


def retry(ops: tuple[Op, ...] | list[Op], tries: int, wait: Nanos) -> Generator:
    """Each of `ops` once, and again `wait` ns after it was not ok, at most `tries` times in all."""
    return Retry(wait, tuple(Try(0, i, tries, op) for i, op in enumerate(ops)))


class Trace(Struct, frozen=True):
    """Another generator, with all that it is asked and answers told to somebody."""

    name: str
    tell: Callable[[str], Any]
    inner: Generator

    hears = True

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx)
        self.tell(f"{self.name} at {ctx.time}: {'ends' if step is None else step[0]}")
        return None if step is None else (step[0], Trace(self.name, self.tell, step[1]))

    def update(self, ctx: Context, event: Op) -> Generator:
        self.tell(f"{self.name} at {ctx.time}: hears {event}")
        inner = self.inner.update(ctx, event) if self.inner.hears else self.inner
        return Trace(self.name, self.tell, inner)


def trace(name: str, source: Source, tell: Callable[[str], Any]) -> Generator:
    """`source`, with a line to `tell` for whatever it is asked, answers and hears."""
    return Trace(name, tell, lift(source))


class Validated(Struct, frozen=True):
    """Another generator, each answer of which is checked."""

    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        step = self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        if isinstance(what, Pending):
            assert what.at > ctx.time, f"waits for {what.at}, and it is {ctx.time}"
        elif what.type != LOG:
            check_op(what, ctx)
        return what, Validated(inner)

    def update(self, ctx: Context, event: Op) -> Generator:
        return Validated(self.inner.update(ctx, event))


def validate(source: Source) -> Generator:
    """`source`; AssertionError where an op is not for now, or its process is not free."""
    return Validated(lift(source))


def check_op(op: Op, ctx: Context) -> None:
    """AssertionError unless this op can be invoked now."""
    assert op.time == ctx.time, f"{op} is not for now, {ctx.time}"
    bit = ctx.bit(op.process)
    assert ctx.processes[bit] == op.process, f"{op}: no thread runs process {op.process}"
    assert ctx.free >> bit & 1, f"{op}: process {op.process} is not free"
    kind = "info" if op.process == NEMESIS else "invoke"
    assert op.type == kind, f"{op}: its type must be {kind}"
