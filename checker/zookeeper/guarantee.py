"""The checker `zookeeper`: a history against what ZooKeeper promises, which is not linearizability.

Writes are linearizable, each session sees its own operations in its own order, and reads may be
old, but never older than what their session has seen (Hunt et al., USENIX ATC 2010, section 2.3).
Every reply carries the zxid of the state that it was answered from. With it the one legal order is
known, and each rule is a sort or one replay of the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from checker.zookeeper.ending import ended_early
from checker.zookeeper.finding import Finding, anomaly
from checker.zookeeper.ladder import stated
from checker.zookeeper.log import Log
from checker.zookeeper.logs import log_rules
from checker.zookeeper.order import order_rules
from checker.zookeeper.place import witness
from checker.zookeeper.replay import Replay
from checker.zookeeper.request import Asked, requests
from checker.zookeeper.sequential import ordered
from checker.zookeeper.state import Comparison
from checker.zookeeper.uncollected import uncollected
from checker.zookeeper.unsure import Unsure
from checker.zookeeper.watch import Watches, watch_rules
from harness.band import bands
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Anomaly, Budget, Result

RULES = (*(f"Z{i}" for i in range(1, 12)), *(f"W{i}" for i in range(1, 7)))
OF_LOGS = ("Z7", "Z8", "Z9")
EXPLAINED = 5  # at most so many violations get a picture; the rest are counted


class ZooKeeperGuarantee:
    """The checker `zookeeper`: rules Z1 to Z11 and W1 to W6, each violation by its name.

    Result.data: `violations` by rule, `names` by name, `judged` and `not_judged` (rule: why), and
    the strongest model that held: `strongest`, `statement`, `models` (checker.zookeeper.ladder). A
    history whose answers name no zxid is judged by search.
    """

    name = "zookeeper"

    def check(self, history: History, budget: Budget) -> Result:
        """Valid, invalid with an anomaly for each kind of violation, or unknown."""
        with uncollected():
            return self._check(history, budget)

    def _check(self, history: History, budget: Budget) -> Result:
        asked = requests(history)
        if not any(r.position is not None for r in asked.requests):
            return stated(ordered(history, budget), history, None, budget)
        judged = _Judged(history, asked)
        return stated(self._by_zxids(judged, history, budget), history, judged.witness, budget)

    def _by_zxids(self, judged: _Judged, history: History, budget: Budget) -> Result:
        found: list[Finding] = []
        stopped = None
        for rules in judged.parts():
            found += rules
            stopped = budget.expired()
            if stopped:
                break
        found.sort(key=lambda f: (f.line, RULES.index(f.rule)))
        data = judged.data(found)
        if found:
            anomalies = _explain(found, history, judged.log)
            return Result(INVALID, _cause(anomalies[0].sentence, len(found)), data, anomalies)
        if stopped:
            return Result(
                UNKNOWN, f"{stopped}: not all rules judged, those that were all hold", data
            )
        return Result(VALID, None, data)


class _Judged:
    """One history, its log and its replay."""

    def __init__(self, history: History, asked: Asked) -> None:
        self.asked = asked
        self.witness = witness(history, asked)
        self.log, self._placed = self.witness.log, self.witness.placed
        self.watches = Watches(history, asked.requests)
        self._replay = Replay(self.watches.paths)
        unsure = Unsure(self.log, asked.requests, self._placed.unknown, bool(asked.foreign))
        self.comparison = Comparison(self.log, self._placed, self._replay, unsure)

    def parts(self) -> Iterator[Iterable[Finding]]:
        """All violations, a few rules at a time."""
        asked, placed = self.asked.requests, self._placed
        yield log_rules(self.log, placed)
        yield placed.findings
        yield order_rules(asked, placed.writes, self.log.births | self.watches.births)
        yield self.comparison.run(asked)
        yield ended_early(self.log, asked, self.comparison.closed)
        yield watch_rules(
            self.watches,
            asked,
            self._replay,
            self.log,
            self.comparison.closed,
            placed.by_zxid,
            all_known=not self.asked.foreign,
        )

    def data(self, found: Sequence[Finding]) -> dict[str, Any]:
        """What was judged, and what came out, by rule."""
        not_judged = self._not_judged()
        log = self.log
        return {
            "operations": len(self.asked.requests),
            "ok": sum(r.outcome == "ok" for r in self.asked.requests),
            "compared": self.comparison.compared,
            "log_entries": len(log.entries),
            "events": self.watches.count,
            "watches_fired": self.watches.expected,
            "judged": [rule for rule in RULES if rule not in not_judged],
            "not_judged": not_judged,
            "violations": _counted(f.rule for f in found),
            "names": _counted(f.name for f in found),
        }

    def _not_judged(self) -> dict[str, str]:
        found = {}
        why = self.log.why
        if why is None and not self.log.is_whole:
            spans = ", ".join(f"{first} to {last}" for first, last in self.log.spans)
            why = f"the nodes' logs hold only entries {spans}"
        if why is not None:
            found = dict.fromkeys(OF_LOGS, why)
        if not self.watches.count and not self.watches.expected:
            found |= {f"W{i}": "no watch fired" for i in range(1, 7)}
        return found


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _explain(found: Sequence[Finding], history: History, log: Log) -> tuple[Anomaly, ...]:
    """Anomalies of the first of each kind, then of others."""
    first: dict[str, Finding] = {}
    for finding in found:
        first.setdefault(finding.name, finding)
    chosen = list(first.values())[:EXPLAINED]
    chosen += [f for f in found if f not in chosen][: EXPLAINED - len(chosen)]
    faults = bands(history)
    return tuple(anomaly(finding, history, faults, log) for finding in chosen)


def _cause(sentence: str, count: int) -> str:
    more = count - 1
    return sentence + (f" (and {more} more violation{'s' if more > 1 else ''})" if more else "")
