"""Why a generated history is legal, or is not: proofs that use no checker.

Legal: its operations, in the order in which they took effect, are done again one by one to a plain
value; each answer must fit, and none may have returned before one that stands earlier was called.

Not legal: without the last operation of its window it is legal as above, and with it one of

quiet    Everything else had returned before the window's first call or was called after its last
         return, and nothing is without an answer. So what happens inside begins with the state that
         the window's first write leaves: no order of its few operations is legal from there.
stale    a is written by one operation, w; w returned before a write of b was called, which returned
         before the read of a was called. So the last write before the read is not w.
order    a and b have one writer each, that of a returned before that of b was called, and the read
         of b returned before the read of a was called. So b was written by then, and after a.
refused  a has one writer, which had returned before the compare-and-set of a was called, and a read
         called after that one had returned sees a. So the value was a all the time in between:
         had it changed, nobody could have made it a again.
twice    a has one writer, and two compare-and-sets of a to something else succeeded. The first of
         them ends a, which nobody could have made again.

A writer is whatever may have written a value, also without an answer. None of the last four says
anything of the other operations, so these may do what they like meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

from generated import ORDER, REFUSED, STALE, TWICE, Done, Made
from msgspec import UNSET

from harness.op import FAIL, INFO

REFUSES = object()  # no state: the answer does not fit


def verify(made: Made) -> None:
    """Raise AssertionError where the history is not what its shape says."""
    bad = made.window[-1] if made.shape.bad else -1
    replay(made.done, made.order, bad)
    if made.shape.bad:
        assert proof(made), f"{made.shape}: not proved to be wrong"


def replay(done: Sequence[Done], order: Iterable[int], without: int = -1) -> None:
    """Do the operations again; raise AssertionError at the first that does not fit."""
    states: dict[int, Any] = {}
    seen: set[int] = set()
    latest = -1
    for i in order:
        op = done[i]
        assert i not in seen and i != without
        seen.add(i)
        assert op.type == INFO or _ns(op.ret) >= latest, f"operation {i} had returned by then"
        latest = max(latest, _ns(op.call))
        states[op.key] = after(states.get(op.key), op)
        assert states[op.key] is not REFUSES, f"operation {i} does not fit"
    for i, op in enumerate(done):
        assert i in seen or i == without or op.type == INFO, f"operation {i} was left out"


def _ns(ms: float) -> int:
    return round(ms * 1e6)


def after(state: Any, op: Done) -> Any:
    """The register after an operation that was answered so; REFUSES if it cannot have been."""
    if op.f == "write":
        return op.value
    if op.f == "read":
        return state if op.result == state else REFUSES
    old, new = op.value
    if op.type == FAIL:
        fits = state != old and (op.observed is UNSET or op.observed == state)
        return state if fits else REFUSES
    return new if state == old else REFUSES


def proof(made: Made) -> bool:
    """Whether one of the module's proofs holds for the window."""
    return _quiet(made) if made.shape.quiet else _busy(made)


def _quiet(made: Made) -> bool:
    inside = [made.done[i] for i in made.window]
    start = min(_ns(op.call) for op in inside)
    end = max(_ns(op.ret) for op in inside)
    mine = set(made.window)
    others = [op for i, op in enumerate(made.done) if i not in mine]
    if any(op.type == INFO for op in made.done):
        return False
    if not all(_ns(op.ret) < start or _ns(op.call) > end for op in others):
        return False
    first, rest = inside[0], inside[1:]
    if first.f != "write" or any(_ns(first.ret) >= _ns(op.call) for op in rest):
        return False
    return not any(_fits(first.value, order) for order in permutations(rest))


def _fits(state: Any, order: Sequence[Done]) -> bool:
    for i, op in enumerate(order):
        if any(_ns(later.ret) < _ns(op.call) for later in order[i + 1 :]):
            return False
        state = after(state, op)
        if state is REFUSES:
            return False
    return True


def _busy(made: Made) -> bool:
    window = [made.done[i] for i in made.window]
    first = window[0]
    a = first.value
    writers = _writers(made, a)
    if a is None or first.f != "write" or writers != [made.window[0]]:
        return False  # None is there before anything is written
    if made.shape.bad == STALE:
        _, b, read = window
        over = b.f == "write" and b.value != a and _before(first, b) and _before(b, read)
        return over and read.f == "read" and read.result == a
    if made.shape.bad == ORDER:
        _, b, seen, read = window
        late = b.value != a and _before(first, b) and _writers(made, b.value) == [made.window[1]]
        read_b = seen.f == "read" and seen.result == b.value
        return late and read_b and _before(seen, read) and read.f == "read" and read.result == a
    if made.shape.bad == REFUSED:
        _, read, cas = window
        was_a = read.f == "read" and read.result == a and _before(first, cas) and _before(cas, read)
        return was_a and cas.f == "cas" and cas.type == FAIL and cas.value[0] == a
    assert made.shape.bad == TWICE
    return all(
        op.f == "cas" and op.type not in (FAIL, INFO) and op.value[0] == a and op.value[1] != a
        for op in window[1:]
    )


def _before(one: Done, other: Done) -> bool:
    return one.type != INFO and _ns(one.ret) < _ns(other.call)


def _writers(made: Made, value: Any) -> list[int]:
    """The operations that may have written a value of the window's key."""
    return [
        i
        for i, op in enumerate(made.done)
        if op.key == 0
        and (
            (op.f == "write" and op.value == value)
            or (op.f == "cas" and op.type != FAIL and op.value[1] == value)
        )
    ]
