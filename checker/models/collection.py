"""Collections: what elements are put into."""

from __future__ import annotations

from typing import Any

from checker.model import OBSERVER, UNKNOWN, UPDATE, same


class AppendList:
    """A list that elements are appended to; a key that was never written is an empty list."""

    name = "append-list"
    fs = frozenset({"read", "append"})

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
