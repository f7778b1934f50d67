"""Registers: one value that is read, written, and set where it is as expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.model import BLIND, OBSERVER, UNKNOWN, UPDATE, Model, freeze, same


class Register:
    """One value that is read and written. `initial` is what a read sees before any write."""

    name = "register"
    fs = frozenset({"read", "write"})
    echoes = frozenset({"read", "write", "cas"})

    def __init__(self, initial: Any = None) -> None:
        self._initial = freeze(initial)

    def initial(self) -> Any:
        """The value before any write, in a tuple so that a register can hold None."""
        return (self._initial,)

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The register after a read or a write."""
        if f == "write":
            return (value,)
        return state if result is UNKNOWN or same(state[0], result) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; writes are blind."""
        return BLIND if f == "write" else OBSERVER


class CasRegister(Register):
    """A register with compare-and-set: `cas` takes (old, new).

    A compare-and-set that was refused because the value differed is `refused`, a read of what it
    observed, or of "not old" where that is not recorded.
    """

    name = "cas-register"
    fs = frozenset({"read", "write", "cas"})

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The register after a read, a write, a cas, or a refused cas."""
        if f == "cas":
            old, new = value
            return (new,) if same(state[0], old) else None
        if f == "refused":
            if same(state[0], value[0]):
                return None
            return state if result is UNKNOWN or same(state[0], result) else None
        return super().step(state, f, value, result)

    def kind(self, f: str, value: Any, result: Any) -> int:
        """A compare-and-set of a value to itself only observes."""
        if f == "cas":
            return OBSERVER if same(value[0], value[1]) else UPDATE
        return super().kind(f, value, result)

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to its new value."""
        return (value[1],) if f == "cas" else None

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """A refused cas tells what the value was, or at least what it was not."""
        return ("refused", value, observed) if f == "cas" else None

    def relaxed(
        self, heads: Sequence[tuple[str, Any, Any]]
    ) -> tuple[Model[Any], list[tuple[str, Any, Any] | None]] | None:
        """A register, in which a cas writes, whatever it finds, and a refused one does nothing.
        None for a model made of this one, of which that need not be so."""
        if type(self) is not CasRegister:
            return None
        made: list[tuple[str, Any, Any] | None] = []
        for f, value, result in heads:
            new = ("write", value[1], result) if f == "cas" else (f, value, result)
            made.append(None if f == "refused" else new)
        return Register(self._initial), made
