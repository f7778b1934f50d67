"""A judge that needs no search: every reply has its position, and the log says what stood there.

It replays the log of a node and holds the replies against it: each value, each refusal, and that
positions refine real time. Independent of the systems' own code and of the checkers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from harness.core import Dump
from harness.op import FAIL, INFO, INVOKE, OK, Op

Versions = dict[Any, tuple[list[int], list[Any]]]  # key: positions of its changes, values


def replay(dump: Dump) -> Versions:
    """What each key was, from which position on."""
    versions: Versions = {}
    seen: set[tuple[Any, Any]] = set()
    for line in dump.log:
        command = line.get("command")
        request = (line.get("client"), line.get("seq"))
        if command is None or request in seen:
            continue
        seen.add(request)
        kind, key = command["type"], command["key"]
        positions, values = versions.setdefault(key, ([], []))
        before = values[-1] if values else None
        if kind == "Swap" and before != command["old"]:
            continue
        value = command["new" if kind == "Swap" else "value"]
        positions.append(line["index"])
        values.append(value)
    return versions


def value_at(versions: Versions, key: Any, position: int) -> Any:
    """The value of a key in the state at a position."""
    positions, values = versions.get(key, ([], []))
    at = bisect_right(positions, position)
    return values[at - 1] if at else None


def complaints(history: Iterable[Op], dump: Dump, *, fresh_reads: bool) -> list[str]:
    """All that is wrong with a history of register operations; `fresh_reads` where reads must see
    what was acknowledged before them."""
    versions = replay(dump)
    found: list[str] = []
    floor: dict[int, tuple[int, int]] = {}  # at the call: highest position of all, of the session
    top = 0
    sessions: dict[Any, int] = {}
    for op in history:
        if not op.is_client or op.type == INFO:
            continue
        name = f"c{op.process}"
        if op.type == INVOKE:
            floor[op.process] = (top, sessions.get(name, 0))
            continue
        key = op.key
        if op.type == FAIL and op.error == "timeout":
            continue
        where = f"{op}: "
        at = op.position
        writes = op.f != "read" and op.type == OK
        if writes:
            new = op.value if op.f == "write" else op.value[1]
            if versions.get(key, ([], []))[0].count(at) != 1 or value_at(versions, key, at) != new:
                found.append(where + "its write is not in the log")
            if op.f == "cas" and value_at(versions, key, at - 1) != op.value[0]:
                found.append(where + "it did not replace the old value")
        elif op.f == "read" and value_at(versions, key, at) != op.value:
            found.append(where + f"the value there was {value_at(versions, key, at)}")
        elif op.f == "cas" and op.value[1] in versions.get(key, ([], []))[1]:
            found.append(where + "refused, yet done")
        elif op.error == "precondition-failed" and value_at(versions, key, at) != op.observed:
            found.append(where + f"the value there was {value_at(versions, key, at)}")
        every, own = floor[op.process]
        limit = every if writes or fresh_reads else own
        if at < limit or (writes and at == limit):
            found.append(where + f"it began after position {limit} had been seen")
        if writes or fresh_reads:
            top = max(top, at)
        sessions[name] = max(sessions.get(name, 0), at)
    return found
