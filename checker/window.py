"""The part of a history that a picture shows around what is wrong."""

from __future__ import annotations

from harness.history import History
from harness.op import INFO, INVOKE


def window(history: History, start: int, end: int, at: int, most: int) -> list[int]:
    """The invocations of clients that were open at some time from `start` to `end` (ns), at most
    `most` of them, those nearest to line `at` first (-1: nearest to `end`)."""
    ops, partner = history.ops, history.partner
    found = []
    for i, op in enumerate(ops):
        if op.time > end:
            break
        if op.type == INVOKE and isinstance(op.process, int):
            j = partner[i]
            if j < 0 or ops[j].type == INFO or ops[j].time >= start:
                found.append(i)
    middle = ops[at].time if at >= 0 else end
    found.sort(key=lambda i: (abs(ops[i].time - middle), i))
    return found[:most]
