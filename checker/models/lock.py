"""Locks: who may go in."""

from __future__ import annotations

from typing import Any

from checker.model import UPDATE


class Mutex:
    """A lock that does not say who holds it: acquire, release."""

    name = "mutex"
    fs = frozenset({"acquire", "release"})

    def initial(self) -> Any:
        """Free."""
        return "free"

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """Held after an acquire of a free lock, free after a release of a held one."""
        if f == "acquire":
            return "held" if state == "free" else None
        return "free" if state == "held" else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Both depend on the state."""
        return UPDATE
