"""Registers: one value that is read, written, and set where it is as expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from checker.model import BLIND, OBSERVER, UNKNOWN, UPDATE, Model, freeze, same


class Register:
    """One value.

    - `read` (or `get`), answered the value;
    - `write` (or `put`) of a value; its answer does not matter.

    `initial` is what a read sees before any write.
    """

    name = "register"
    fs = frozenset({"read", "write"})
    echoes = frozenset({"read", "write", "cas"})
    aliases: ClassVar = {"get": "read", "put": "write"}

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
    """A register with compare-and-set.

    - `read` and `write` as of a register;
    - `cas` of [old, new]: the value was old, and is new; its answer does not matter.

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


class VersionedRegister:
    """One value and its version, a number that each change makes greater by one.

    - `read` (or `get`), answered [value, version];
    - `write` (or `put`) of a value, answered the version that it made, or [value, version], or null
      where it is not told;
    - `cas` of [version, new]: the version was that one, and the value is new; answered as a write.

    A compare-and-set that was refused because of the version is `refused`: a read of "not that
    version", or of the version, or [value, version], that it observed. `initial` is the value at
    first, `version` its version.
    """

    name = "versioned-register"
    fs = frozenset({"read", "write", "cas"})
    aliases: ClassVar = {"get": "read", "put": "write"}
    refusals = frozenset({"precondition-failed", "bad-version"})

    def __init__(self, initial: Any = None, version: int = 0) -> None:
        self._initial = (freeze(initial), version)

    def initial(self) -> Any:
        """The value and its version, before anything is written."""
        return self._initial

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The value and its version after an operation."""
        version = state[1]
        if f == "read":
            return state if result is UNKNOWN or same(state, result) else None
        if f == "refused":
            differs = version != value[0]
            return state if differs and self._told(state, result) else None
        if f == "cas" and version != value[0]:
            return None
        after = (value[1] if f == "cas" else value, version + 1)
        return after if self._told(after, result) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads and refusals observe; what changes the value makes the next version."""
        return OBSERVER if f in ("read", "refused") else UPDATE

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to the next version, a write to the version it was answered."""
        if f == "cas":
            return value[1], value[0] + 1
        version = version_in(result)
        return None if f != "write" or version is None else (value, version)

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """A refused cas tells what the version was, or at least what it was not."""
        return ("refused", value, observed) if f == "cas" else None

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """Versions are whole numbers, and a read is answered a value with its version."""
        if f in ("cas", "refused") and not (is_pair(value) and type(value[0]) is int):
            return "a cas takes [version, new]"
        if result is UNKNOWN or (result is None and f != "read"):
            return None
        if f != "read" and type(result) is int:
            return None
        if is_pair(result) and type(result[1]) is int:
            return None
        alone = "" if f == "read" else "the version or "
        return f"a {f} is answered {alone}[value, version]"

    def _told(self, state: Any, answer: Any) -> bool:
        """Whether an answer may be given in this state."""
        if answer is UNKNOWN or answer is None:
            return True
        return same(state, answer) if is_pair(answer) else bool(state[1] == answer)


def version_in(answer: Any) -> int | None:
    """The version in an answer, None where it is not told."""
    if answer is UNKNOWN or answer is None:
        return None
    version: int = answer[1] if is_pair(answer) else answer
    return version


def is_pair(it: Any) -> bool:
    """Whether it is a list of two."""
    return type(it) is tuple and len(it) == 2
