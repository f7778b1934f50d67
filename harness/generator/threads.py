"""Generators that share out threads: clients and nemesis, any, each thread, reserve, mix, turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

from msgspec import Struct

from harness.clock import Nanos
from harness.generator.contract import (
    FOREVER,
    GOLDEN,
    NOTHING,
    PENDING,
    Context,
    Generator,
    Pending,
    Source,
    Step,
    Stream,
    bits_of,
    lift,
    mask_of,
)
from harness.op import Op

_ENDED: tuple[Op | Pending, Generator] = (PENDING, NOTHING)
_NEMESIS = 1
_CLIENTS = ~1


class OnThreads(Struct, frozen=True):
    """A generator that sees only some threads, and hears only of these."""

    mask: int
    inner: Generator

    @property
    def hears(self) -> bool:
        return self.inner.hears

    def op(self, ctx: Context) -> Step:
        mask = self.mask
        free = ctx.free & mask
        if not free:
            return (PENDING, self) if ctx.all & mask else None  # nobody will ever be free
        step = self.inner.op(Context(ctx.time, free, ctx.all & mask, ctx.processes, ctx.index))
        if step is None:
            return None
        what, then = step
        return what, (self if then is self.inner else OnThreads(mask, then))

    def update(self, ctx: Context, event: Op) -> Generator:
        if not self.mask >> ctx.bit(event.process) & 1:
            return self
        inner = self.inner.update(ctx.only(self.mask), event)
        return self if inner is self.inner else OnThreads(self.mask, inner)


def on_threads(threads: Iterable[int | str], source: Source) -> Generator:
    """Ops of `source` on these threads only (numbers from 0, or "nemesis")."""
    return OnThreads(mask_of(threads), lift(source))


def clients(source: Source) -> Generator:
    """Ops of `source` on the clients' threads."""
    return OnThreads(_CLIENTS, lift(source))


def nemesis(source: Source) -> Generator:
    """Ops of `source` on the nemesis's thread."""
    return OnThreads(_NEMESIS, lift(source))


class AnyOf(Struct, frozen=True):
    """Whichever of several generators has an op now. One that was sure to have none before some
    time is not asked until then."""

    inner: tuple[Generator, ...]
    quiet: tuple[Nanos, ...] = ()  # those times

    @property
    def hears(self) -> bool:
        for g in self.inner:
            if g.hears:
                return True
        return False

    def op(self, ctx: Context) -> Step:
        inner = self.inner
        n = len(inner)
        quiet = was = self.quiet or (0,) * n
        # As ctx.spread(n): nobody is always asked first, so nobody starves.
        place = ((ctx.index * GOLDEN & 0xFFFFFFFF) * n) >> 32
        at, sure = FOREVER, True
        for _ in range(n):
            if quiet[place] > ctx.time:
                at = min(at, quiet[place])
                place = place + 1 if place + 1 < n else 0
                continue
            now = inner[place]
            step = now.op(ctx)
            what, then = step if step is not None else _ENDED
            if then is not now:
                inner = (*inner[:place], then, *inner[place + 1 :])
            if type(what) is Op:
                return what, AnyOf(inner, quiet)
            if step is not None:
                at = min(at, what.at)  # type: ignore[union-attr]
                sure = sure and what.sure  # type: ignore[union-attr]
                if what.sure:  # type: ignore[union-attr]
                    quiet = (*quiet[:place], what.at, *quiet[place + 1 :])  # type: ignore[union-attr]
            place = place + 1 if place + 1 < n else 0
        if NOTHING in inner:
            left = [i for i, g in enumerate(inner) if g is not NOTHING]
            inner = tuple(inner[i] for i in left)
            quiet = tuple(quiet[i] for i in left)
        if not inner:
            return None
        is_same = inner is self.inner and quiet is was
        return Pending(at, sure), (self if is_same else AnyOf(inner, quiet))

    def update(self, ctx: Context, event: Op) -> Generator:
        inner, quiet = self.inner, self.quiet
        for i, g in enumerate(self.inner):
            if g.hears and (changed := g.update(ctx, event)) is not g:
                inner = (*inner[:i], changed, *inner[i + 1 :])
                if quiet:
                    quiet = (*quiet[:i], 0, *quiet[i + 1 :])
        return self if inner is self.inner else AnyOf(inner, quiet)


def any_of(*sources: Source) -> Generator:
    """Ops of whichever source has one first; where several have one, each gets its share."""
    return AnyOf(tuple(lift(s) for s in sources))


class Each(Struct, frozen=True):
    """A copy of a generator for every thread, or for every process."""

    fresh: Generator
    by_process: bool
    copies: Mapping[Any, Generator | None] = {}  # None: exhausted

    @property
    def hears(self) -> bool:
        return self.fresh.hears or any(g.hears for g in self.copies.values() if g)

    def op(self, ctx: Context) -> Step:
        copies = dict(self.copies)
        at = PENDING.at
        for bit in _rotated(bits_of(ctx.free), ctx):
            name = self._name(bit, ctx)
            copy = copies.get(name, self.fresh)
            step = copy.op(ctx.only(1 << bit)) if copy else None
            copies[name] = step[1] if step else None
            if step is None:
                continue
            what = step[0]
            if type(what) is Op:
                return what, Each(self.fresh, self.by_process, copies)
            at = min(at, what.at)
        names = [self._name(bit, ctx) for bit in bits_of(ctx.all)]
        if all(name in copies and copies[name] is None for name in names):
            return None
        return Pending(at), Each(self.fresh, self.by_process, copies)

    def _name(self, bit: int, ctx: Context) -> Any:
        return ctx.processes[bit] if self.by_process else bit

    def update(self, ctx: Context, event: Op) -> Generator:
        bit = ctx.bit(event.process)
        name = event.process if self.by_process else bit
        copy = self.copies.get(name, self.fresh)
        if copy is None:
            return self
        changed = {**self.copies, name: copy.update(ctx.only(1 << bit), event)}
        return Each(self.fresh, self.by_process, changed)


def _rotated(bits: list[int], ctx: Context) -> list[int]:
    if not bits:
        return bits
    start = ctx.spread(len(bits))
    return bits[start:] + bits[:start]


def each_thread(source: Source) -> Generator:
    """Every thread runs its own copy of `source`; ends when all have."""
    return Each(lift(source), False)


def each_process(source: Source) -> Generator:
    """Every process runs its own copy of `source`, a new one after an unknown outcome included;
    ends when those of all present processes have."""
    return Each(lift(source), True)


def reserve(*parts: int | Source) -> Generator:
    """`reserve(5, writes, 10, cas, reads)`: the first 5 client threads do writes, the next 10 cas,
    all others reads."""
    *pairs, rest = parts
    assert len(pairs) % 2 == 0, "reserve takes pairs of a number and a source, then a source"
    found, first = [], 0
    for count, source in zip(pairs[::2], pairs[1::2], strict=True):
        found.append(on_threads(range(first, first + count), source))
        first += count
    others = OnThreads(~mask_of(range(first)), lift(rest))
    return AnyOf((*found, others))


class Mix(Struct, frozen=True):
    """One of several generators drawn for each op."""

    inner: tuple[Generator, ...]
    weights: tuple[float, ...]  # cumulative, up to 1
    draws: Stream

    @property
    def hears(self) -> bool:
        for g in self.inner:
            if g.hears:
                return True
        return False

    def op(self, ctx: Context) -> Step:
        inner, weights, draws = self.inner, self.weights, self.draws
        while True:
            i, draw = 0, draws.item
            while draw >= weights[i]:
                i += 1
            step = inner[i].op(ctx)
            if step is not None:
                break
            if len(inner) == 1:
                return None
            inner, weights = inner[:i] + inner[i + 1 :], _without(weights, i)
        what, now = step
        if now is not inner[i]:
            inner = (*inner[:i], now, *inner[i + 1 :])
        if type(what) is Op:
            draws = draws.next  # type: ignore[assignment]  # it never ends
        return what, Mix(inner, weights, draws)

    def update(self, ctx: Context, event: Op) -> Generator:
        inner = tuple(g.update(ctx, event) if g.hears else g for g in self.inner)
        return Mix(inner, self.weights, self.draws)


def mix(
    sources: Iterable[Source], rng: Random, weights: Iterable[float] | None = None
) -> Generator:
    """For each op one of the sources, drawn evenly (or by `weights`) from those not exhausted."""
    inner = tuple(lift(s) for s in sources)
    shares = [1.0] * len(inner) if weights is None else list(weights)
    assert len(shares) == len(inner) and min(shares, default=0) >= 0
    kept = [(g, share) for g, share in zip(inner, shares, strict=True) if share > 0]
    draws = Stream.of(_draws(Random(rng.getrandbits(64))))
    assert draws is not None and kept, "nothing to mix"
    return Mix(tuple(g for g, _ in kept), _cumulative([s for _, s in kept]), draws)


def _cumulative(shares: list[float]) -> tuple[float, ...]:
    total, upto, found = sum(shares), 0.0, []
    for share in shares:
        upto += share
        found.append(upto / total)
    found[-1] = 1.0  # a draw is below 1: rounding must not leave it without a taker
    return tuple(found)


def _without(weights: tuple[float, ...], i: int) -> tuple[float, ...]:
    shares = [b - a for a, b in zip((0.0, *weights), weights, strict=False)]
    return _cumulative(shares[:i] + shares[i + 1 :])


def _draws(rng: Random) -> Iterator[float]:
    while True:
        yield rng.random()


class FlipFlop(Struct, frozen=True):
    """Generators that take turns, an op each."""

    inner: tuple[Generator, ...]
    turn: int = 0

    @property
    def hears(self) -> bool:
        return any(g.hears for g in self.inner)

    def op(self, ctx: Context) -> Step:
        i = self.turn
        step = self.inner[i].op(ctx)
        if step is None:
            return None
        what, now = step
        turn = (i + 1) % len(self.inner) if type(what) is Op else i
        return what, FlipFlop((*self.inner[:i], now, *self.inner[i + 1 :]), turn)

    def update(self, ctx: Context, event: Op) -> Generator:
        return FlipFlop(tuple(g.update(ctx, event) for g in self.inner), self.turn)


def flip_flop(*sources: Source) -> Generator:
    """An op of the first source, one of the second, and so on round; ends when one whose turn it is
    has ended."""
    return FlipFlop(tuple(lift(s) for s in sources))
