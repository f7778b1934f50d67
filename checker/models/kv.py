"""What a key-value store does with one key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from checker.model import BLIND, OBSERVER, UNKNOWN, UPDATE, same
from checker.models.collection import AppendList
from checker.models.number import Counter, is_told, plus
from checker.models.register import CasRegister


class KvAppend:
    """One key of a store of strings.

    - `get` (or `read`), answered the string;
    - `put` (or `write`) of a string; `append` of a string to what is there;
    - `cas` of [old, new]: the string was old, and is new;
    - `delete`: nothing is there.

    The empty string is there at first, and after a delete; a get is answered null as well as the
    empty string then. A refused compare-and-set is as a register's.
    """

    name = "kv-append"
    fs = frozenset({"get", "put", "append", "cas", "delete"})
    echoes = frozenset({"get", "put", "append", "cas"})
    aliases: ClassVar = {"read": "get", "write": "put"}

    def initial(self) -> Any:
        """The empty string."""
        return ""

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The string after an operation."""
        if f == "put":
            return value
        if f == "append":
            return state + value
        if f == "delete":
            return ""
        if f == "cas":
            return value[1] if same(state, value[0]) else None
        if f == "refused" and same(state, value[0]):
            return None
        seen = "" if result is None else result
        return state if result is UNKNOWN or same(state, seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Gets observe; puts and deletes are blind; appends need the state."""
        if f in ("put", "delete"):
            return BLIND
        if f == "cas":
            return OBSERVER if same(value[0], value[1]) else UPDATE
        return UPDATE if f == "append" and value != "" else OBSERVER

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to its new string."""
        return value[1] if f == "cas" else None

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """A refused cas tells what was there, or at least what was not."""
        return ("refused", value, observed) if f == "cas" else None

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """All that is put is a string."""
        given = value if f in ("cas", "refused") else (value,)
        if f in ("put", "append", "cas") and not all(isinstance(it, str) for it in given):
            return f"a {f} takes strings"
        return None


class Kv(CasRegister):
    """One key of a store.

    - `read` (or `get`), answered the value, null where there is none;
    - `write` (or `put`) of a value;
    - `cas` of [old, new]: the value was old, and is new;
    - `delete`: there is none;
    - `append` of an element to a list: none counts as an empty one;
    - `increment` by an amount, answered the new number, or null: none counts as 0.

    A key is judged as the plainest thing that has its operations: a register, a list or a counter,
    which is fast (see `fitting`). A refused compare-and-set is as a register's.
    """

    name = "kv"
    fs = frozenset({"read", "write", "cas", "append", "increment", "delete"})
    echoes = frozenset({"read", "write", "cas", "append"})

    def of(self, fs: Iterable[str]) -> Any:
        """The plainest model for a key on which only these operations were done."""
        asked = set(fs)
        if self._initial is None:
            if asked <= CasRegister.fs | {"refused"}:
                return CasRegister()
            for model in (AppendList, Counter):
                if asked <= model.fs:
                    return model()
        return self

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The key's value after an operation: None counts as an empty list, and as 0."""
        now = state[0]
        if f == "append":
            is_list = now is None or type(now) is tuple
            return ((*(now or ()), value),) if is_list else None
        if f == "increment":
            after = plus(0 if now is None else now, value)
            return (after,) if is_told(after, result) else None
        if f == "delete":
            return (None,)
        return super().step(state, f, value, result)

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Writes and deletes are blind; reads observe; all else needs the state."""
        if f == "delete":
            return BLIND
        return UPDATE if f in ("append", "increment") else super().kind(f, value, result)

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to its new value, an increment to its answer."""
        if f == "increment":
            return None if result is UNKNOWN or result is None else (result,)
        return super().lands(f, value, result)
