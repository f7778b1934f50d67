"""Queues, stacks and priority queues: what is put in and taken out one by one.

A take that found nothing is answered ok with None, or refused with the error `empty`: both say that
the object was empty at one point of the order. So None cannot be put in.
"""

from __future__ import annotations

from typing import Any

from checker.model import OBSERVER, UNKNOWN, UPDATE, same, tag


class _Box:
    """What the three have in common. The state is a tuple of what is inside."""

    put = ""
    take = ""
    refusals = frozenset({"empty"})

    def initial(self) -> Any:
        """Nothing is inside."""
        return ()

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Only a take that found nothing leaves the state as it is."""
        return OBSERVER if f == self.take and result is None else UPDATE

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """A take that was refused because there was nothing to take says that."""
        return (f, value, None) if f == self.take else None

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """None cannot be put in: a take that returned it would say "empty"."""
        if f == self.put and value is None:
            return f"{f} takes a value, not nothing: a {self.take} that returns nothing says empty"
        return None


class _Line(_Box):
    """What is put in stands in a line, oldest first, and is taken from one end of it."""

    end = 0  # the place of what is taken
    rest = slice(1, None)  # what is left then

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The line after a value was put in last, or one was taken from the end."""
        if f == self.put:
            return (*state, value)
        if result is UNKNOWN:
            return state[self.rest]
        if result is None:
            return None if state else state
        return state[self.rest] if state and same(state[self.end], result) else None


class FifoQueue(_Line):
    """A queue, first in, first out: `enqueue` a value, `dequeue` returns the oldest."""

    name = "fifo-queue"
    fs = frozenset({"enqueue", "dequeue"})
    put, take = "enqueue", "dequeue"


class Stack(_Line):
    """A stack, last in, first out: `push` a value, `pop` returns the newest."""

    name = "stack"
    fs = frozenset({"push", "pop"})
    put, take = "push", "pop"
    end, rest = -1, slice(None, -1)


class PriorityQueue(_Box):
    """A priority queue: `insert` a value, `extract-min` returns one of the least priority.

    A value is a pair [priority, item], or a priority alone. Priorities are numbers, or texts, which
    come after all numbers. Of values of equal priority any may come out first.
    """

    name = "priority-queue"
    fs = frozenset({"insert", "extract-min"})
    put, take = "insert", "extract-min"

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The values by priority; where an extraction that nobody saw may have taken one of
        several, a frozenset of all that may be left."""
        found: dict[Any, tuple[Any, ...]] = {}
        for inside in state if isinstance(state, frozenset) else (state,):
            for after in _after(inside, f, value, result):
                found.setdefault(tag(after), after)
        if len(found) > 1:
            return frozenset(found.values())
        return next(iter(found.values()), None)

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """A priority has to be comparable with the others."""
        wrong = super().unfit(f, value, result)
        if wrong is None and f == "insert" and not _is_priority(priority(value)):
            return f"a priority is a number or a text, not {priority(value)!r}"
        return wrong


def _after(inside: tuple[Any, ...], f: str, value: Any, result: Any) -> list[tuple[Any, ...]]:
    """What may be inside after an operation, from what is; nothing where it is not legal."""
    if f == "insert":
        return [tuple(sorted((*inside, value), key=_place))]
    if not inside:
        return [inside] if result is None or result is UNKNOWN else []
    least = order(inside[0])
    return [
        inside[:i] + inside[i + 1 :]
        for i, held in enumerate(inside)
        if order(held) == least and (result is UNKNOWN or same(held, result))
    ]


def priority(value: Any) -> Any:
    """The priority of a value: the first of a pair, or the value itself.

    >>> priority((3, "x")), priority(3)
    (3, 3)
    """
    return value[0] if type(value) is tuple and len(value) == 2 else value


def order(value: Any) -> tuple[int, Any]:
    """What values are ordered by: numbers first, then texts; last what is no priority, which may
    be taken out (wrongly) but not put in."""
    it = priority(value)
    if isinstance(it, str):
        return 1, it
    return (0, it) if type(it) in (int, float) else (2, repr(it))


def _place(value: Any) -> tuple[int, Any, str]:
    """The same with one order for values of equal priority, so that a state is written one way."""
    return (*order(value), repr(value))


def _is_priority(it: Any) -> bool:
    return isinstance(it, str) or (type(it) in (int, float) and it == it)
