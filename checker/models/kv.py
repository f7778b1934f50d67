"""What a key-value store does with one key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checker.model import BLIND, OBSERVER, UNKNOWN, UPDATE, same
from checker.models.collection import AppendList
from checker.models.number import Counter, plus
from checker.models.register import CasRegister


class KvAppend:
    """One key of a store of strings: get, put, append. The empty string before anything is put."""

    name = "kv-append"
    fs = frozenset({"get", "put", "append"})
    echoes = fs

    def initial(self) -> Any:
        """The empty string."""
        return ""

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The string after a get, a put or an append."""
        if f == "put":
            return value
        if f == "append":
            return state + value
        return state if result is UNKNOWN or same(state, result) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Gets observe, puts are blind, appends need the state."""
        if f == "put":
            return BLIND
        return OBSERVER if f == "get" or value == "" else UPDATE


class Kv(CasRegister):
    """Whatever a key-value store does with one key: read, write, cas, append, increment. A key is
    judged as the plainest thing that has its operations: a register, a list or a counter, which is
    fast (see `fitting`)."""

    name = "kv"
    fs = frozenset({"read", "write", "cas", "append", "increment"})
    echoes = fs - {"increment"}

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
            is_list = now is None or isinstance(now, tuple)
            return ((*(now or ()), value),) if is_list else None
        if f == "increment":
            after = plus(0 if now is None else now, value)
            told = after is not None and (result is UNKNOWN or same(after, result))
            return (after,) if told else None
        return super().step(state, f, value, result)

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Writes are blind; reads observe; all else needs the state."""
        if f == "write":
            return BLIND
        return UPDATE if f in ("append", "increment") else super().kind(f, value, result)

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to its new value, an increment to its answer."""
        if f == "increment":
            return None if result is UNKNOWN else (result,)
        return super().lands(f, value, result)
