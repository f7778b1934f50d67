"""Atomicity: whoever holds the lock never sees an update that was only half done.

A lock does not promise this: a holder that dies lets go of the lock, with its work as far as it had
come. The next holder must look, and put right what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.recipes.picture import anomaly, edge
from checker.recipes.section import Section, sections, zxid
from harness.history import Call, History
from harness.op import OK
from harness.result import INVALID, UNKNOWN, VALID, Budget, Edge, Result


class Atomicity:
    """The checker `atomicity`: every ok read under the lock found the same value in all parts."""

    name = "atomicity"

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first torn read; `data` counts the reads, those that were torn, and the
        znodes that repairs put right. Unknown where nothing was read after a write."""
        reads = [(s, call) for s in sections(history) for call in s.reads if _values(call)]
        reads.sort(key=lambda pair: pair[1].invoke.time)
        torn = [(section, call) for section, call in reads if _is_torn(_values(call))]
        data = {"reads": len(reads), "torn": len(torn), "repaired": _repaired(history)}
        if torn:
            return _result(history, data, *torn[0])
        if not any(value is not None for _, call in reads for value in _values(call)):
            return Result(UNKNOWN, "nobody read what was written under the lock", data)
        return Result(VALID, None, data)


def _values(call: Call) -> Sequence[Any]:
    done = call.completion
    if done is None or done.type != OK or not isinstance(done.value, (list, tuple)):
        return ()
    return done.value


def _is_torn(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _repaired(history: History) -> int:
    found = (c.completion for c in history.calls if c.invoke.f == "repair")
    return sum(d.value for d in found if d and d.type == OK and isinstance(d.value, int))


def _result(history: History, data: dict[str, Any], section: Section, read: Call) -> Result:
    values = _values(read)
    writers = _writers(history, read)
    left = [call for call in writers if call.completion is None or call.completion.type != OK]
    who = f"process {read.invoke.process}, which held the lock with token {zxid(section.token)}"
    text = f"half-done work: {who}, read {list(values)}"
    edges: list[Edge] = [edge(section.acquire, read, "rt", "held the lock")]
    for call in left[:1]:
        count = sum(value == call.invoke.value for value in values)
        text += (
            f": process {call.invoke.process} ended after it had written {call.invoke.value} to "
            f"{count} of {len(values)} znodes, and nobody put that right"
        )
    edges += [edge(call, read, "wr", str(call.invoke.value)) for call in writers]
    drawn = anomaly(history, read, (section.acquire, *writers), edges, text)
    more = f" ({data['torn']} in all)" if data["torn"] > 1 else ""
    return Result(INVALID, text + more, data, (drawn,))


def _writers(history: History, read: Call) -> list[Call]:
    """Whose values a read saw, by invocation."""
    return [
        call
        for call in history.calls
        if call.invoke.f == "write"
        and call.invoke.key == read.invoke.key
        and call.invoke.value in _values(read)
    ]
