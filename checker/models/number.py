"""Numbers: those that count, and those that are given out once."""

from __future__ import annotations

from typing import Any, ClassVar

from checker.model import OBSERVER, UNKNOWN, UPDATE, same, tag


class Counter:
    """A number.

    - `increment` by an amount, answered the new number, or null where it is not told;
    - `read` (or `get`), answered the number, or null for 0.

    0 at first.
    """

    name = "counter"
    fs = frozenset({"read", "increment"})
    aliases: ClassVar = {"get": "read"}

    def initial(self) -> Any:
        """Zero."""
        return 0

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """It is added to and answered in numbers."""
        if f == "increment" and plus(0, value) is None:
            return f"an increment takes a number, not {value!r}"
        if result is UNKNOWN or result is None or plus(0, result) is not None:
            return None
        return f"{f} is answered a number, not {result!r}"

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The number after a read or an increment."""
        if f == "increment":
            after = plus(state, value)
            return after if is_told(after, result) else None
        seen = 0 if result is None else result
        return state if result is UNKNOWN or same(state, seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; an increment needs the state, also by 0.0, which makes 1 to 1.0."""
        changes = f == "increment" and (value != 0 or type(value) is float)
        return UPDATE if changes else OBSERVER

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """An increment whose answer is known leads to that number."""
        return None if f != "increment" or result is UNKNOWN else result


class UniqueIds:
    """Something that gives out ids, none of them twice.

    - `generate`, answered an id.
    """

    name = "unique-ids"
    fs = frozenset({"generate"})

    def initial(self) -> Any:
        """None is given out."""
        return frozenset()

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """One more is given out; which, nobody knows where there was no answer."""
        if result is UNKNOWN:
            return state
        return None if tag(result) in state else state | {tag(result)}

    def kind(self, f: str, value: Any, result: Any) -> int:
        """An id that nobody was told changes nothing."""
        return OBSERVER if result is UNKNOWN else UPDATE


def is_told(after: Any, answer: Any) -> bool:
    """Whether this answer may be given by an increment to a number."""
    return after is not None and (answer is UNKNOWN or answer is None or same(after, answer))


def plus(number: Any, amount: Any) -> Any:
    """What adding an amount to a number gives; None where one of them is no number."""
    numbers = all(isinstance(n, (int, float)) and type(n) is not bool for n in (number, amount))
    return number + amount if numbers else None
