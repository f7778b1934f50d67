"""Numbers: counters."""

from __future__ import annotations

from typing import Any

from checker.model import OBSERVER, UNKNOWN, UPDATE, same


class Counter:
    """A number that amounts are added to, each addition answered with the new number; a key that
    was never written is 0."""

    name = "counter"
    fs = frozenset({"read", "increment"})

    def initial(self) -> Any:
        """Zero."""
        return 0

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The number after a read or an increment."""
        if f == "increment":
            after = plus(state, value)
            return after if result is UNKNOWN or same(after, result) else None
        seen = 0 if result is None else result
        return state if result is UNKNOWN or same(state, seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; an increment needs the state."""
        return UPDATE if f == "increment" and value else OBSERVER

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """An increment whose answer is known leads to that number."""
        return None if f != "increment" or result is UNKNOWN else result


def plus(number: Any, amount: Any) -> Any:
    """What adding an amount to a number gives; None where one of them is no number."""
    numbers = all(isinstance(n, (int, float)) and type(n) is not bool for n in (number, amount))
    return number + amount if numbers else None
