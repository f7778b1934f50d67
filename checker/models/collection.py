"""Collections: what elements are put into."""

from __future__ import annotations

from typing import Any, ClassVar

from checker.model import OBSERVER, UNKNOWN, UPDATE, same, tag


class AppendList:
    """A list.

    - `append` of an element, at the end;
    - `read` (or `get`), answered the list, or null for an empty one.

    Empty at first.
    """

    name = "append-list"
    fs = frozenset({"read", "append"})
    echoes = fs
    aliases: ClassVar = {"get": "read"}

    def initial(self) -> Any:
        """The empty list."""
        return ()

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The list after a read or an append."""
        if f == "append":
            return (*state, value)
        seen = () if result is None else result
        return state if result is UNKNOWN or same(state, seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; an append needs the state."""
        return UPDATE if f == "append" else OBSERVER


class Set:
    """A set: `add` and `remove` an element, `read` all, `contains` one.

    Adding what is there and removing what is not changes nothing and is answered ok; a system may
    also refuse it, with the error `present` or `absent`, which says just that. A read returns a
    list in any order (None for an empty one), in which no element comes twice.
    """

    name = "set"
    fs = frozenset({"add", "remove", "read", "contains"})
    refusals = frozenset({"present", "absent"})

    def initial(self) -> Any:
        """The empty set."""
        return frozenset()

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The tags of the elements after an operation."""
        if f == "add":
            return state | {tag(value)}
        if f == "remove":
            return state - {tag(value)}
        if result is UNKNOWN:
            return state
        if f == "contains":
            return state if (tag(value) in state) == result else None
        seen = elements(result)
        return state if len(seen) == len(state) and state == frozenset(seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads of the whole and of one element observe."""
        return OBSERVER if f in ("read", "contains") else UPDATE

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """An add was refused as the element was there, a remove as it was not."""
        return ("contains", value, f == "add") if f in ("add", "remove") else None

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """A read returns a list, contains yes or no."""
        if result is UNKNOWN:
            return None
        if f == "contains" and type(result) is not bool:
            return f"contains returns true or false, not {result!r}"
        if f == "read" and result is not None and type(result) not in (tuple, frozenset):
            return f"a read of a set returns a list, not {result!r}"
        return None


def elements(result: Any) -> list[Any]:
    """The tags of what a read of a set returned."""
    return [tag(element) for element in result or ()]
