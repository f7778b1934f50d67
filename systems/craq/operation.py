"""What an update does to its keys, as the head decides it at the update's place in the log.

    write, cas    one value
    append        one element at the end of a list; None counts as the empty one
    increment     an amount added to a number; None counts as 0
    txn           reads, appends and writes of several keys, all at one place in the log

They start from the newest version of a key, be it dirty: what that version is of comes before this
update in the log, and is committed before it or not at all. What goes down the chain are whole
values, so nobody after the head has anything to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from systems.craq.message import Write

Newest = Callable[[Any], tuple[int, Any]]  # of a key: its newest version and value

TXN = "txn"


class Outcome(Struct, frozen=True, gc=False):
    """What an update writes, and what its client is told: see Entry."""

    writes: tuple[Write, ...]
    value: Any
    version: int = 0
    error: str = ""


class Refused(Exception):
    """An update that cannot be done to what is there; says with which code."""


def keys_of(f: str, key: Any, value: Any) -> tuple[Any, ...]:
    """The keys that a request reads or writes, each once."""
    return tuple(dict.fromkeys(part[1] for part in value)) if f == TXN and value else (key,)


def changed(f: str, key: Any, value: Any, newest: Newest) -> Outcome:
    """An update of one key that is neither a write nor a compare-and-set."""
    version, old = newest(key)
    try:
        new = apply(f, old, value)
    except Refused as refused:
        return Outcome((), old, version, str(refused))
    told = value if f == "append" else new
    return Outcome((Write(key, version + 1, new),), told, version + 1)


def transacted(parts: Sequence[Any], newest: Newest) -> Outcome:
    """A transaction: every part sees those before it, and each key gets one new version. The client
    is told the parts with their reads filled in."""
    versions: dict[Any, int] = {}
    values: dict[Any, Any] = {}
    written: dict[Any, None] = {}
    told: list[Any] = []
    try:
        for f, key, value in parts:
            if key not in versions:
                versions[key], values[key] = newest(key)
            if f == "r":
                told.append([f, key, values[key]])
            else:
                values[key] = apply(f, values[key], value)
                written[key] = None
                told.append([f, key, value])
    except Refused as refused:
        return Outcome((), None, 0, str(refused))
    return Outcome(tuple(Write(k, versions[k] + 1, values[k]) for k in written), told)


def apply(f: str, old: Any, value: Any) -> Any:
    """The new value, made of the old one, which stays as it is. Raises Refused."""
    if f in ("write", "w"):
        return value
    if f == "append":
        if old is None:
            return [value]
        if isinstance(old, list | tuple):
            return [*old, value]
        raise Refused("refused")
    if f == "increment":
        if _is_number(value) and (old is None or _is_number(old)):
            return (old or 0) + value
        raise Refused("refused")
    raise Refused("unsupported")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
