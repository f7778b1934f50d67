"""Values that a workload says are written once each: whether they were."""

from __future__ import annotations

from typing import Any

from checker import words
from checker.encode import Encoded, Unfit
from checker.model import tag

WRITES = frozenset({"write", "put", "append", "add", "enqueue", "push", "insert"})


def ask_for_unique_values(encoded: Encoded) -> None:
    """Raises Unfit, naming both operations, where a value was written to one key twice. Whether
    the first took effect is not asked: a workload knows what it asks for, not what comes of it."""
    for key, tasks in zip(encoded.keys, encoded.tasks, strict=True):
        written: dict[Any, int] = {}
        _, _, mine, places = tasks.lists()
        for c, at in zip(mine, places, strict=True):
            f, value, _ = tasks.classes[c]
            if f not in WRITES and f != "cas":
                continue
            value = value[1] if f == "cas" else value
            first = written.setdefault(tag(value), at)
            if first != at:
                of = "" if key is None else f" to key {words.value(key)}"
                raise Unfit(
                    f"operations {first} and {at} both write {words.value(value)}{of}, where "
                    "every value should be written once"
                )
