"""The checker `transactions`: list-append histories against strict serializability.

Each operation is a transaction of reads and appends to lists (checker.transactions.txn). The lists
tell in which order a key's versions came, so why one transaction must come before another is known;
a cycle is a contradiction, and which edges it has says how weak the database was (Adya 1999;
Kingsbury and Alvaro, Elle, VLDB 2020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from checker.transactions.cycles import READABLE, Parts, cycles, parts
from checker.transactions.edges import KINDS, PROCESS, RT, VIA, Edges, edges
from checker.transactions.finding import Finding, Teller, anomaly
from checker.transactions.ladder import judged, ladder
from checker.transactions.level import RUNGS, SERIALIZABLE, SNAPSHOT, STRICT
from checker.transactions.lost import lost_updates
from checker.transactions.order import Orders, orders
from checker.transactions.snapshot import has_snapshots
from checker.transactions.txn import Transactions as Asked
from checker.transactions.txn import Unfit, transactions
from harness.band import bands
from harness.error import nearest
from harness.history import History
from harness.op import FAIL, OK
from harness.result import INVALID, UNKNOWN, VALID, Anomaly, Budget, Result

OVERLAP = "transactions that append to one key, which nobody read again, must have overlapped"
EXPLAINED = 5  # at most so many anomalies get a picture; the rest are counted


class Transactions:
    """The checker `transactions`: is there one order of all transactions that explains every read,
    each taking effect between its call and its return?

    `level` is the model that is asked for, one of checker.transactions.level.RUNGS. Result.data:
    `names` counts the anomalies by name, `strongest`, `statement` and `models` say what held
    (checker.transactions.ladder). Unknown where an operation is no transaction over lists, or an
    element is not unique: then nothing can be said.
    """

    name = "transactions"

    def __init__(self, *, level: str = STRICT) -> None:
        if level not in RUNGS:
            raise ValueError(f"unknown level {level!r}: {nearest(level, RUNGS)}")
        self._level = level

    def check(self, history: History, budget: Budget) -> Result:
        """Valid, invalid with an anomaly for each kind, or unknown."""
        try:
            asked = transactions(history)
            found = orders(asked)
        except Unfit as error:
            line = history.lines[error.at] if history.lines is not None else error.at + 1
            return Result(UNKNOWN, f"line {line}: {error}")
        stopped = budget.expired()
        if stopped:
            return Result(UNKNOWN, f"{stopped}: reads compared, no cycle looked for")
        judging = _Judging(asked, found, history)
        return judging.result(self._level, budget)


class _Judging:
    """One history: its graph, and what is wrong in it."""

    def __init__(self, asked: Asked, found: Orders, history: History) -> None:
        self._asked = asked
        self._orders = found
        self._history = history
        self._edges = edges(asked, found)
        self._parts = parts(self._edges, len(asked.txns))

    def result(self, level: str, budget: Budget) -> Result:
        """The verdict on `level`, with all that was found."""
        found = sorted(self._findings(budget), key=self._order)
        broken = _broken(found, self._parts)
        snapshots = self._has_snapshots(broken)
        if snapshots is False:
            broken[SNAPSHOT] = OVERLAP
        verdicts = judged(broken, is_known=snapshots is not None)
        data = self._data(found) | ladder(verdicts, broken)
        if verdicts[level] == VALID:
            return Result(VALID, None, data)
        if verdicts[level] == UNKNOWN:
            return Result(UNKNOWN, f"no order of all starts and ends was found for {level}", data)
        bad = [f for f in found if RUNGS.index(f.breaks) >= RUNGS.index(level)]
        anomalies = self._explain(bad)
        if not anomalies:  # no cycle, or one that there was no time to tell of
            return Result(INVALID, _reason(level, broken), data)
        return Result(INVALID, _cause(anomalies[0].sentence, len(bad)), data, anomalies)

    def _findings(self, budget: Budget) -> Iterator[Finding]:
        teller = Teller(self._asked, self._history)
        for flaw in self._orders.flaws:
            yield teller.flaw(flaw)
        for inner in self._asked.inner:
            yield teller.inner(inner)
        lost = list(lost_updates(self._asked, self._orders))
        for cycle in lost:
            yield teller.cycle(cycle)
        losers = {step.source for cycle in lost for step in cycle.steps}
        for cycle in cycles(self._parts, self._asked.txns, losers, budget):
            yield teller.cycle(cycle)

    def _order(self, finding: Finding) -> tuple[bool, int, int, int]:
        """What breaks the weakest model comes first, then what was complete first; after all these
        the cycles that are too long to be read."""
        txn = self._asked.txns[finding.at]
        return finding.length > READABLE, -RUNGS.index(finding.breaks), txn.ret, txn.call

    def _has_snapshots(self, broken: dict[str, str]) -> bool | None:
        """Whether there is an order of starts and ends, where nothing else decides it; None where
        that is not known. A serializable history has one."""
        if _is_told(SNAPSHOT, broken) or not _is_told(SERIALIZABLE, broken):
            return True
        data = self._parts.edges.where(~np.isin(self._parts.edges.kind, (PROCESS, RT)))
        components = self._parts.components[SERIALIZABLE]
        return has_snapshots(data, components, len(self._asked.txns), self._orders.orders)

    def _explain(self, found: Sequence[Finding]) -> tuple[Anomaly, ...]:
        """Anomalies of the first of each name, then of others."""
        first: dict[str, Finding] = {}
        for finding in found:
            first.setdefault(finding.name, finding)
        chosen = list(first.values())[:EXPLAINED]
        told = set(map(id, chosen))
        chosen += [f for f in found if id(f) not in told][: EXPLAINED - len(chosen)]
        faults = bands(self._history)
        return tuple(anomaly(f, self._asked, self._history, faults) for f in chosen)

    def _data(self, found: Sequence[Finding]) -> dict[str, Any]:
        txns, happened = self._asked.txns, self._orders.happened
        outcomes = Counter(txn.outcome for txn in txns)
        return {
            "transactions": len(txns),
            "ok": outcomes[OK],
            "failed": outcomes[FAIL],
            "unknown": len(txns) - outcomes[OK] - outcomes[FAIL],
            "unknown_but_seen": sum(happened) - outcomes[OK],
            "keys": len(self._asked.names),
            "reads": len(self._asked.reads),
            "edges": _counts(self._edges),
            "names": dict(sorted(Counter(f.name for f in found).items())),
        }


def _counts(found: Edges) -> dict[str, int]:
    counts = np.bincount(found.kind, minlength=len(KINDS)).tolist()
    return {name: counts[kind] for kind, name in enumerate(KINDS) if kind != VIA}


def _broken(found: Sequence[Finding], graph: Parts) -> dict[str, str]:
    """The models that are broken by themselves, each with the first reason."""
    reasons: dict[str, str] = {}
    for finding in found:
        reasons.setdefault(finding.breaks, finding.sentence)
    for name, components in graph.components.items():
        if components and not _is_told(name, reasons):
            reasons[name] = f"not {name}: transactions in a circle (groups: {len(components)})"
    return {name: reasons[name] for name in reversed(RUNGS) if name in reasons}


def _is_told(name: str, reasons: dict[str, str]) -> bool:
    """Whether this model is known to be broken: by itself, or since a weaker one is."""
    return any(weaker in reasons for weaker in RUNGS[RUNGS.index(name) :])


def _reason(level: str, broken: dict[str, str]) -> str:
    """Why a level does not hold: the reason of the weakest model that is broken."""
    return next(broken[name] for name in reversed(RUNGS[RUNGS.index(level) :]) if name in broken)


def _cause(sentence: str, count: int) -> str:
    more = count - 1
    return sentence + (f" (and {more} more anomal{'ies' if more > 1 else 'y'})" if more else "")
