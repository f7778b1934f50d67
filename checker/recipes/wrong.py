"""A broken rule of a recipe, and the verdict that is made of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from checker.recipes.picture import anomaly, ends
from harness.history import Call, History
from harness.op import INFO
from harness.result import INVALID, UNKNOWN, VALID, Edge, Result


class Wrong(Struct, frozen=True):
    """A broken rule: `at` is the operation that cannot be right, `core` the others."""

    name: str
    at: Call
    core: tuple[Call, ...]
    edges: tuple[Edge, ...]
    words: str


def judged(
    history: History, wrongs: Iterable[Wrong], data: dict[str, Any], lacks: str | None = None
) -> Result:
    """Invalid with the first broken rule (by the time of `at`) in words and drawn, and all counted
    in `data`; unknown where only something `lacks`; else valid."""
    found = sorted(wrongs, key=lambda wrong: (ends(wrong.at), wrong.at.invoke.index))
    data["broken"] = dict(Counter(wrong.name for wrong in found))
    if not found:
        return Result(UNKNOWN if lacks else VALID, lacks, data)
    first = found[0]
    sentence = f"{first.name}: {first.words}"
    drawn = anomaly(history, first.at, first.core, first.edges, sentence)
    more = f" ({len(found)} in all)" if len(found) > 1 else ""
    return Result(INVALID, sentence + more, data, (drawn,))


def by_key(calls: Iterable[Call]) -> list[list[Call]]:
    """Calls on one key together, each group by invocation."""
    groups: dict[str, list[Call]] = {}
    for call in calls:
        groups.setdefault(str(call.invoke.key), []).append(call)
    return list(groups.values())


def is_unsure(call: Call) -> bool:
    """Whether it may have taken effect, or may yet."""
    return call.completion is None or call.completion.type == INFO


def told(call: Call) -> Any:
    """The value of the completion; None where there is none."""
    return call.completion.value if call.completion is not None else None


def who(call: Call) -> str:
    """The process, for a sentence."""
    return f"process {call.invoke.process}"
