"""A generator says which operation comes next: its contract, and the values that count as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, cast

from msgspec import UNSET, Struct

from harness.clock import Nanos
from harness.op import INFO, INVOKE, NEMESIS, Op, Process

FOREVER: Nanos = 1 << 62  # pending until something happens, not until a time
LOG = "log"  # the type of a line for the run's log, which is no operation

GOLDEN = 0x9E3779B1  # 2**32 over the golden ratio: its multiples spread evenly


class Context(Struct, frozen=True, gc=False):
    """What a generator sees: the time, who is free, and the index of the next line.

    Threads are bits, so that restricting a context is one `&`: bit 0 is the nemesis, bit t + 1 is
    client thread t. `processes[bit]` is the process a thread runs now.
    """

    time: Nanos
    free: int
    all: int
    processes: tuple[Process, ...]
    index: int = 0

    def spread(self, n: int) -> int:
        """One of 0 to n - 1, a fair share each as lines go by; the same however often it is
        asked."""
        return ((self.index * GOLDEN & 0xFFFFFFFF) * n) >> 32

    def only(self, mask: int) -> Context:
        """The same, as if there were only these threads."""
        return Context(self.time, self.free & mask, self.all & mask, self.processes, self.index)

    def bit(self, process: Process) -> int:
        """The place of the thread that runs (or ran) this process: 0 for the nemesis."""
        if isinstance(process, str):
            return 0
        return process % (len(self.processes) - 1) + 1


class Pending(Struct, frozen=True, gc=False):
    """Nothing now: ask again at `at`, or sooner if something happens.

    `sure`: whatever happens that changes no generator, nothing comes before `at`.
    """

    at: Nanos = FOREVER
    sure: bool = False


PENDING = Pending()


class Generator(Protocol):
    """Immutable: asking changes nothing, and what it has become is part of the answer.

    An op that is returned is for now (`time` is the context's, `process` a free one), so nothing is
    ever made on speculation and thrown away. A generator that waits for a time says which.
    """

    @property
    def hears(self) -> bool:
        """Whether `update` can change it now; where not, nobody calls that."""
        ...

    def op(self, ctx: Context) -> Step:
        """The next op, or Pending, with the generator that goes on from there; None at the end."""
        ...

    def update(self, ctx: Context, event: Op) -> Generator:
        """What it becomes when an op (of anyone) is invoked or completed."""
        ...


Step = tuple[Op | Pending, Generator] | None
Source = Any  # a Generator, an Op, a function of the context, an iterable of sources, or None


def lift(source: Source) -> Generator:
    """What counts as a generator, as one.

    An Op is emitted once. A function is called with the context for each op until it returns None;
    it may also return a source, which is then exhausted first. Since every op it makes is taken, it
    may count or draw at random. An iterable is its elements one after another (and may be endless).
    None is the end.
    """
    if source is None:
        return NOTHING
    if isinstance(source, Op):
        return Once(source)
    if hasattr(source, "op") and hasattr(source, "update"):
        return cast(Generator, source)
    if callable(source):
        return Call(source)
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes, dict)):
        return sequence(source)
    raise TypeError(f"not a generator: {source!r}")


class Stream:
    """A linked list of what an iterator gives, each item taken from it once: positions in it are
    immutable, so a generator can hold one and be asked twice."""

    __slots__ = ("_next", "_source", "item")

    def __init__(self, item: Any, source: Iterator[Any]) -> None:
        self.item = item
        self._source: Iterator[Any] | None = source
        self._next: Stream | None = None

    @classmethod
    def of(cls, items: Iterable[Any]) -> Stream | None:
        """The first position, or None if there is no item."""
        source = iter(items)
        for item in source:
            return cls(item, source)
        return None

    @property
    def next(self) -> Stream | None:
        """The position after this one, or None at the end."""
        if self._source is not None:
            for item in self._source:
                self._next = Stream(item, self._source)
                break
            self._source = None
        return self._next


def fill(op: Op, ctx: Context) -> Op | None:
    """The op as invoked now by a free process (its own, if it names one); None if none is free."""
    free = ctx.free
    if not free:
        return None
    process = op.process
    if process == -1:
        width = len(ctx.processes)
        start = ctx.spread(width)
        later = free >> start
        bit = (
            start + (later & -later).bit_length() - 1 if later else (free & -free).bit_length() - 1
        )
        process = ctx.processes[bit]
    else:
        bit = ctx.bit(process)
        if not free >> bit & 1 or ctx.processes[bit] != process:
            return None
    kind = INVOKE if bit else INFO  # the nemesis's ops are info both times
    if op.type == LOG:
        kind = LOG
    return Op(
        ctx.index,
        ctx.time,
        process,
        kind,
        op.f,
        op.value,
        UNSET,
        op.key,
        op.node,
        op.session,
        op.seq,
    )


class Nothing(Struct, frozen=True):
    """The end."""

    hears = False

    def op(self, ctx: Context) -> Step:
        return None

    def update(self, ctx: Context, event: Op) -> Generator:
        return self


NOTHING = Nothing()


class Once(Struct, frozen=True):
    """One op, not before the time it names (if it names one)."""

    invocation: Op

    hears = False

    def op(self, ctx: Context) -> Step:
        if self.invocation.time > ctx.time:
            return Pending(self.invocation.time, True), self
        filled = fill(self.invocation, ctx)
        return (PENDING, self) if filled is None else (filled, NOTHING)

    def update(self, ctx: Context, event: Op) -> Generator:
        return self


class Call(Struct, frozen=True):
    """A function of the context, called for each op until it returns None."""

    function: Callable[[Context], Source]

    hears = False

    def op(self, ctx: Context) -> Step:
        if not ctx.free:
            return PENDING, self  # a function may draw at random: do not waste what it makes
        made = self.function(ctx)
        if made is None:
            return None
        if type(made) is Op and made.time <= ctx.time:
            filled = fill(made, ctx)
            if filled is not None:
                return filled, self
        return Sequence(lift(made), Stream(self, iter(()))).op(ctx)

    def update(self, ctx: Context, event: Op) -> Generator:
        return self


class Sequence(Struct, frozen=True):
    """One generator after another."""

    now: Generator
    rest: Stream | None  # of sources

    @property
    def hears(self) -> bool:
        return self.now.hears

    def op(self, ctx: Context) -> Step:
        now, rest = self.now, self.rest
        while (step := now.op(ctx)) is None:
            if rest is None:
                return None
            now, rest = lift(rest.item), rest.next
        what, then = step
        if rest is None:
            return what, then
        if then is self.now and rest is self.rest:
            return what, self
        return what, Sequence(then, rest)

    def update(self, ctx: Context, event: Op) -> Generator:
        now = self.now.update(ctx, event)
        return self if now is self.now else Sequence(now, self.rest)


def sequence(sources: Iterable[Source]) -> Generator:
    """Each source in turn, the next when one is exhausted."""
    first = Stream.of(sources)
    return NOTHING if first is None else Sequence(lift(first.item), first.next)


def bits_of(mask: int) -> list[int]:
    """The places of the bits that are set, lowest first."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def mask_of(threads: Iterable[int | str]) -> int:
    """The bits of threads by name."""
    mask = 0
    for thread in threads:
        mask |= 1 if thread == NEMESIS else 1 << (int(thread) + 1)
    return mask
