"""What a run's history shows, counted: reads that were too old, operations of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.claims.lab import Lab, Run
from harness.history import Call
from harness.op import OK
from harness.result import INVALID, VALID


def stale(run: Run) -> list[Call]:
    """The ok reads that were answered from a state older than a write of the same key that had been
    acknowledged before the read was begun.

    Older is by `position`: of a write its place in the order, of a read that of the state it was
    read from. Both are a key's version, a log's index or a zxid, as the system has it.
    """
    newest: dict[Any, Any] = {}  # by key: the last acknowledged write's position
    begun: dict[Any, Any] = {}  # by process: what `newest` was when its read was invoked
    found: list[Call] = []
    for op in run.history.ops:
        if not isinstance(op.process, int):
            continue
        if op.type == "invoke":
            begun[op.process] = (op, newest.get(op.key))
        elif op.type == OK:
            invoked, least = begun[op.process]
            if op.f != "read":
                newest[op.key] = max(op.position, newest.get(op.key, op.position))
            elif least is not None and op.position < least:
                found.append(Call(invoked, op))
    return found


def all_say(runs: Sequence[Run], checker: str, verdict: str = VALID) -> bool:
    """Whether this checker has this verdict on each, and no invariant was broken."""
    return all(run.verdict(checker) == verdict and not run.violated for run in runs)


def count(runs: Iterable[Run], *fs: str) -> int:
    """The ok operations of these kinds in all of them."""
    return sum(len(run.ok(*fs)) for run in runs)


def total(runs: Iterable[Run], checker: str, name: str) -> int:
    """The sum of a figure of a checker's."""
    return sum(int(run.judged[checker].data[name]) for run in runs)


def answered_by(run: Run) -> Counter[str]:
    """How many reads each node of a chain answered, in a run that was traced: whoever was asked."""
    reads = set()
    found: Counter[str] = Counter()
    for one in run.trace.passed:
        if one.kind == "Request" and one.source[0] == "c" and one.message.f == "read":
            reads.add((one.message.client, one.message.id))
        elif one.kind == "Reply" and not one.was_sent and (one.target, one.message.id) in reads:
            reads.discard((one.target, one.message.id))
            found[one.source] += 1
    return found


def first_caught(lab: Lab, plan: str, planted: str, checker: str, most: int = 40) -> int:
    """The first seed with which this checker accuses a planted bug; 0 if none of `most` does."""
    made = lab.plan(plan, planted)
    seeds = range(1, most + 1)
    return next((s for s in seeds if lab.run(made, seed=s).verdict(checker) == INVALID), 0)


def listed(numbers: Iterable[object]) -> str:
    """These, one after the other."""
    return ", ".join(map(str, numbers))
