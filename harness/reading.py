"""How a history was read where it does not say all that a verdict needs: what is to be told."""

from __future__ import annotations

from harness.history import History
from harness.op import INFO


def notes(history: History) -> list[str]:
    """What was taken to be so, a sentence each; none for a history of our own."""
    found = []
    if not history.timed:
        found.append("it has no times: what stands first in the file came first")
    elif not history.in_order:
        found.append("its lines are not in the order of their times: the times count")
    ties = _ties(history) if history.timed else 0
    if ties:
        said = "an operation begins" if ties == 1 else f"{ties:,} operations begin"
        found.append(
            f"{said} at the very time at which another process's ends: they count as concurrent"
        )
    gone_on = _gone_on(history)
    if gone_on:
        said = "a process goes" if gone_on == 1 else f"{gone_on:,} processes go"
        found.append(f"{said} on after an operation without an answer: that one stays open")
    return found


def _ties(history: History) -> int:
    """The operations that are called at a time at which one of another process returns."""
    ops, partner = history.ops, history.partner
    ends: dict[int, set[object]] = {}
    for i in history.invoked:
        if partner[i] >= 0 and ops[partner[i]].type != INFO:
            ends.setdefault(ops[partner[i]].time, set()).add(ops[i].process)
    return sum(1 for i in history.invoked if ends.get(ops[i].time, set()) - {ops[i].process})


def _gone_on(history: History) -> int:
    """The processes that invoke again after an answer of info."""
    ops, partner = history.ops, history.partner
    lost: set[object] = set()
    found: set[object] = set()
    for i in history.invoked:
        process = ops[i].process
        if process in lost:
            found.add(process)
        if partner[i] >= 0 and ops[partner[i]].type == INFO:
            lost.add(process)
    return len(found)
