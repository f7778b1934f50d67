"""Histories of a register of any size, with verdicts that need no checker.

As in ../shared/histories/README.md: every client thinks for Exp(0.1 ms), an operation lasts
Exp(1 ms) and takes effect at a moment drawn uniformly from within; half of them read and half
write, or a third each with compare-and-set. The register that they are done to says what they
return, so a history comes with the order in which its operations took effect. A bad one has one
answer more that is wrong; `certificate` proves both.

The wrong answer is given in a window near the middle, of one of four kinds:

stale    write a, write b, read of a, one after the other
order    write a; while b is being written one read sees b, and a later one sees a
refused  write a; a compare-and-set of a to b is refused; read of a
twice    write a; two compare-and-sets of a, to b and to c, both succeed

In a *quiet* window nobody else does anything, all before has returned, and the values are such as
the rest of the history uses. In a *busy* one everybody else goes on, and a, b and c are written
nowhere else, so that what the others do cannot excuse the answer.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from heapq import heapify, heapreplace
from typing import Any

from msgspec import UNSET, Struct

from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op

STALE, ORDER, REFUSED, TWICE = KINDS = ("stale", "order", "refused", "twice")
THINK, LAST, PAUSE = 0.1, 1.0, 2.0  # means and a length, in ms
NEAR = 100  # of the operations from the middle on may be a window's first


class Shape(Struct, frozen=True):
    """What to generate. `values` None writes no value twice, 5 writes 0 to 4; `unknown` is the
    share of operations whose answer is lost (half of them took effect); `bad` one of KINDS;
    `observed` whether a refused compare-and-set says what it saw; `aimed` the share of
    compare-and-sets that expect what is there, the others expect a value at random."""

    ops: int
    clients: int
    cas: bool = False
    values: int | None = None
    unknown: float = 0.0
    bad: str | None = None
    quiet: bool = False
    observed: bool = False
    keys: int = 1
    aimed: float = 0.5
    seed: int = 1


class Done(Struct, gc=False):
    """An operation: by whom, when (ms), of which key, what was asked and what was answered (type
    ok, fail for a refused compare-and-set, or info)."""

    client: int
    call: float
    ret: float
    key: int = 0
    f: str = "read"
    value: Any = None
    type: str = OK
    result: Any = None
    observed: Any = UNSET


class Made(Struct, frozen=True):
    """A history as it came about. `order` are the places of the operations that took effect, by
    when they did; `window` those of a bad window's operations, the last of which is answered
    wrongly and is not in the order."""

    shape: Shape
    done: list[Done]
    order: list[int]
    window: tuple[int, ...] = ()

    def ops(self) -> list[Op]:
        """The lines of its history, times in ns."""
        lives: dict[int, int] = {}
        lines: list[tuple[float, int, Op]] = []
        keyed = self.shape.keys > 1
        for d in self.done:
            process = d.client + self.shape.clients * lives.get(d.client, 0)
            key = d.key if keyed else UNSET
            call, ret = round(d.call * 1e6), round(d.ret * 1e6)
            lines.append((d.call, 0, Op(-1, call, process, INVOKE, d.f, d.value, UNSET, key)))
            error: Any = UNSET
            if d.type == INFO:
                lives[d.client] = lives.get(d.client, 0) + 1
                error = "timeout"
            elif d.type == FAIL:
                error = "precondition-failed"
            end = Op(-1, ret, process, d.type, d.f, d.result, error, key, observed=d.observed)
            lines.append((d.ret, 1, end))
        lines.sort(key=lambda line: line[:2])
        return [
            Op(i, o.time, o.process, o.type, o.f, o.value, o.error, o.key, observed=o.observed)
            for i, (_, _, o) in enumerate(lines)
        ]

    def history(self) -> History:
        """Its history."""
        return History(self.ops())


def generate(shape: Shape) -> Made:
    """The history of a shape: the same one for the same shape."""
    assert not (shape.quiet and shape.unknown), "what has no answer is never quiet"
    assert shape.cas or shape.bad not in (REFUSED, TWICE)
    rng = random.Random(f"{shape}")
    done, pause = _schedule(rng, shape)
    at = [rng.uniform(d.call, d.ret) for d in done]
    window = _Window(shape, done, at, pause) if shape.bad else None
    register = _Register(rng, shape, window)
    order = sorted(range(len(done)), key=at.__getitem__)
    order = [i for i in order if register.do(done, i, at[i])]
    return Made(shape, done, order, window.places if window else ())


def _schedule(rng: random.Random, shape: Shape) -> tuple[list[Done], float]:
    """When who does something, by call, and when a quiet window begins."""
    free = [(0.0, client) for client in range(shape.clients)]
    pause = 0.0
    done = []
    extra = _SPANS[shape.bad] if shape.bad and shape.quiet else ()
    for n in range(shape.ops - len(extra)):
        if extra and n == shape.ops // 2:
            pause = max(free)[0]
            done += [Done(c % shape.clients, pause + a, pause + b) for c, a, b in extra]
            free = [(pause + PAUSE, client) for _, client in free]
            heapify(free)
        start, client = free[0]
        call = start + rng.expovariate(1 / THINK)
        ret = call + rng.expovariate(1 / LAST)
        heapreplace(free, (ret, client))
        done.append(Done(client, call, ret, rng.randrange(shape.keys)))
    done.sort(key=lambda d: d.call)
    return done, pause


# a quiet window's operations: client, call and return in ms from when all have returned
_SPANS: dict[str | None, tuple[tuple[int, float, float], ...]] = {
    STALE: ((0, 0.2, 0.4), (1, 0.6, 0.8), (2, 1.0, 1.2)),
    ORDER: ((0, 0.2, 0.4), (1, 0.6, 1.8), (2, 0.8, 1.0), (3, 1.2, 1.4)),
    REFUSED: ((0, 0.2, 0.4), (1, 0.6, 0.8), (2, 1.0, 1.2)),
    TWICE: ((0, 0.2, 0.4), (1, 0.6, 0.8), (2, 0.65, 0.85)),
}


class _Window:
    """Which operations are the bad window, and when they take effect.

    `places` has the one that is answered wrongly last. From `calm[0]` to `calm[1]` nothing else
    changes the register, though it may be being asked to.
    """

    def __init__(self, shape: Shape, done: list[Done], at: list[float], pause: float) -> None:
        self.kind = shape.bad
        self._done = done
        self._calls = [d.call for d in done]
        if shape.quiet:
            first = bisect_right(self._calls, pause)
            found: tuple[int, ...] = tuple(range(first, first + len(_SPANS[shape.bad])))
        else:
            middle = len(done) // 2
            ways = [way for i in range(middle, middle + NEAR) if (way := self._from(i))]
            found = min(ways, key=lambda way: done[way[-1]].call - done[way[0]].call)
        for i in found:
            done[i].key = 0
        if self.kind == REFUSED:
            found = (found[0], found[2], found[1])
        if self.kind == ORDER:  # b is written just before it is seen
            at[found[1]] = at[found[2]] - 1e-9
        self.places = found
        last = {REFUSED: 1, TWICE: 1}.get(self.kind or "", 0)
        self.calm = (at[found[0]], at[found[last]])
        if self.kind == ORDER:
            self.calm = (at[found[1]], at[found[2]])

    def _next(self, time: float) -> int:
        """The first operation that is called after a time."""
        return bisect_right(self._calls, time)

    def _from(self, i: int) -> tuple[int, ...] | None:
        """A window that begins with operation i, in the order of the module's list."""
        done, end = self._done, len(self._done)
        j = self._next(done[i].ret)
        if j >= end:
            return None
        if self.kind == ORDER:
            seen = j + 1
            later = self._next(done[seen].ret) if seen < end else end
            fits = later < end and done[later].call < done[j].ret and done[later].ret < done[j].ret
            return (i, j, seen, later) if fits else None
        k = j + 1 if self.kind == TWICE else self._next(done[j].ret)
        return (i, j, k) if k < end else None


class _Register:
    """The registers, one a key, that everything is done to."""

    def __init__(self, rng: random.Random, shape: Shape, window: _Window | None) -> None:
        self._rng = rng
        self._shape = shape
        self._window = window
        self._fs = ("read", "write", "cas") if shape.cas else ("read", "write")
        self._fresh = 0
        self._states: list[Any] = [None] * shape.keys
        self._recent: list[list[Any]] = [[] for _ in range(shape.keys)]
        self._script = dict(zip(window.places, self._roles(), strict=True)) if window else {}

    def do(self, done: list[Done], i: int, at: float) -> bool:
        """Do operation i; whether it takes effect."""
        role = self._script.get(i)
        if role is not None:
            return role(done[i])
        op, rng, window = done[i], self._rng, self._window
        op.f = rng.choice(self._fs)
        is_lost = rng.random() < self._shape.unknown
        if is_lost:
            op.type = INFO
        if op.f == "read":
            op.result = None if is_lost else self._states[op.key]
            return not is_lost
        is_calm = window is not None and op.key == 0 and window.calm[0] <= at <= window.calm[1]
        if is_calm and op.f == "write":
            op.f, op.result = "read", None if is_lost else self._states[op.key]
            return not is_lost
        self._ask(op, is_calm)
        if is_lost and (is_calm or rng.random() < 0.5):
            return False
        return self._update(op, is_lost)

    def _ask(self, op: Done, is_calm: bool) -> None:
        """Choose what to write, and what to compare with."""
        rng, state = self._rng, self._states[op.key]
        new = self._new()
        if op.f == "write":
            op.value = op.result = new
            return
        old = state
        if is_calm or rng.random() >= self._shape.aimed:
            old = self._other(op.key)
            while is_calm and old == state:
                old = self._other(op.key)
        op.value = op.result = [old, new]

    def _update(self, op: Done, is_lost: bool) -> bool:
        state = self._states[op.key]
        if op.f == "cas" and op.value[0] != state:
            if is_lost:
                return False
            op.type = FAIL
            op.observed = state if self._shape.observed else UNSET
            return True
        self._set(op.key, op.value[1] if op.f == "cas" else op.value)
        return True

    def _set(self, key: int, value: Any) -> None:
        self._states[key] = value
        recent = self._recent[key]
        recent.append(value)
        if len(recent) > 8:
            del recent[0]

    def _new(self) -> int:
        if self._shape.values is not None:
            return self._rng.randrange(self._shape.values)
        self._fresh += 1
        return self._fresh

    def _other(self, key: int) -> Any:
        """A value to compare with, there or not: any, or one that was there a while ago."""
        if self._shape.values is not None:
            return self._rng.randrange(self._shape.values)
        return self._rng.choice([None, *self._recent[key]])

    def _roles(self) -> list[Callable[[Done], bool]]:
        """What the operations of the window do, by their places in it."""
        values = self._shape.values
        a, b, c = -1, -2, -3
        if values is not None and self._shape.quiet:
            a, b, c = self._rng.sample(range(values), 3)
        elif values is None:
            a, b, c = self._new(), self._new(), self._new()
        kind = self._window.kind if self._window else None
        if kind == STALE:
            return [_write(self, a), _write(self, b), _read(a)]
        if kind == ORDER:
            return [_write(self, a), _write(self, b), _read(b, True), _read(a)]
        if kind == REFUSED:
            saw = b if self._shape.observed else UNSET
            return [_write(self, a), _read(a, True), _cas(self, a, b, FAIL, saw)]
        return [_write(self, a), _cas(self, a, b), _cas(self, a, c, wrong=True)]


def _write(register: _Register, value: Any) -> Callable[[Done], bool]:
    def do(op: Done) -> bool:
        op.f, op.value, op.result = "write", value, value
        register._set(0, value)
        return True

    return do


def _read(value: Any, right: bool = False) -> Callable[[Done], bool]:
    def do(op: Done) -> bool:
        op.f, op.value, op.result = "read", None, value
        return right

    return do


def _cas(
    register: _Register,
    old: Any,
    new: Any,
    type_: str = OK,
    observed: Any = UNSET,
    wrong: bool = False,
) -> Callable[[Done], bool]:
    def do(op: Done) -> bool:
        op.f, op.value, op.result = "cas", [old, new], [old, new]
        op.type, op.observed = type_, observed
        if type_ == FAIL or wrong:
            return False
        register._set(0, new)
        return True

    return do
