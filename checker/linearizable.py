"""Linearizability: is there one order of all operations that a single copy could have given?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from checker import words
from checker.budget import DEFAULT_MEMORY_LIMIT
from checker.contradiction import say
from checker.decide import Deciding, Found, decide
from checker.encode import Encoded, Unfit, encode
from checker.explain import explain
from checker.search import Meter
from harness.band import bands
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Anomaly, Budget, Result

EXPLAINED = 5  # at most so many invalid keys get a picture; the rest are counted


class Linearizable:
    """The checker `linearizable`.

    `split="key"` judges each key by itself, which is right where every operation touches one key;
    None takes all as one object. `memory_limit` is in bytes, counted by what the searches remember.
    `explain=False` leaves out why an invalid history is invalid: the verdict is there sooner, and
    has no anomalies.
    """

    name = "linearizable"

    def __init__(
        self,
        model: Any,
        *,
        split: str | None = "key",
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
        explain: bool = True,
    ) -> None:
        self.model = model
        self.split = split
        self.memory_limit = memory_limit
        self.explain = explain

    def check(self, history: History, budget: Budget) -> Result:
        """Valid, invalid with an anomaly for each of the first bad keys, or unknown with what was
        decided."""
        try:
            encoded = encode(history, self.model, self.split)
        except Unfit as error:
            return Result(UNKNOWN, str(error))
        judged = _Judged(encoded, self.model, self.memory_limit)
        judged.decide_all(budget)
        return judged.result(history, budget, explained=EXPLAINED if self.explain else 0)


class _Left(Struct):
    """A key that is not decided yet: how far its search has come."""

    place: int
    work: Deciding


class _Judged:
    """The keys of one history, decided in rounds that give each key more work than the last."""

    def __init__(self, encoded: Encoded, model: Any, memory_limit: int) -> None:
        self._encoded = encoded
        self._model = model
        self._meter = Meter(memory_limit)
        self._memory = memory_limit
        self.found: dict[int, Found] = {}
        self.stopped: str | None = None

    def decide_all(self, budget: Budget) -> None:
        """Decide every key, easy ones first, until the budget is spent."""
        slices = 8
        left = [
            _Left(place, decide(self._model, tasks, self._meter))
            for place, tasks in enumerate(self._encoded.tasks)
        ]
        while left:
            left = [key for key in left if not self._advance(key, slices, budget)]
            slices *= 4
            if self.stopped:
                break
        for key in left:
            key.work.close()

    def _advance(self, key: _Left, slices: int, budget: Budget) -> bool:
        """Work on one key; whether that is over: it is decided, or needs too much memory."""
        for _ in range(slices):
            if self.stopped and self.stopped.startswith("time"):
                return False
            why = budget.expired()
            if why:
                self.stopped = why
                return False
            try:
                next(key.work)
            except StopIteration as stop:
                self.found[key.place] = stop.value
                return True
            if self._meter.full:
                key.work.close()
                self.stopped = f"memory limit of {_bytes(self._memory)}"
                return True
        return False

    def result(self, history: History, budget: Budget, explained: int = EXPLAINED) -> Result:
        """The verdict over all keys; of the first `explained` invalid ones also why."""
        bad = [place for place, found in self.found.items() if not found.valid]
        bad.sort(key=lambda place: self._when(history, place))
        data = self._data(bad)
        if bad and not explained:
            last = self.found[bad[0]].task
            assert last is not None
            cause = f"{say(history, last).whole}, which no order of the operations allows"
            return Result(INVALID, cause, data)
        if bad:
            anomalies = self._explain(history, bad[:explained], budget)
            return Result(INVALID, _invalid_words(anomalies, len(bad)), data, anomalies)
        if len(self.found) < len(self._encoded.tasks):
            return Result(UNKNOWN, self._unknown_words(), data)
        return Result(VALID, None, data)

    def _when(self, history: History, place: int) -> tuple[int, int]:
        """When a key's violation was complete."""
        task = self.found[place].task
        assert task is not None
        return history.ops[history.partner[task.at]].time, task.at

    def _explain(
        self, history: History, places: Sequence[int], budget: Budget
    ) -> tuple[Anomaly, ...]:
        faults = bands(history)
        keys, tasks = self._encoded.keys, self._encoded.tasks
        return tuple(
            explain(history, self._model, keys[p], tasks[p], self.found[p], faults, budget)
            for p in places
        )

    def _data(self, bad: Sequence[int]) -> dict[str, Any]:
        encoded = self._encoded
        by = Counter(found.algorithm for found in self.found.values())
        return {
            "operations": encoded.ops,
            "ok": encoded.ok,
            "keys": len(encoded.tasks),
            "decided": len(self.found),
            "invalid_keys": [encoded.keys[p] for p in bad],
            "algorithms": dict(sorted(by.items())),
        }

    def _unknown_words(self) -> str:
        encoded = self._encoded
        rest = [words.value(key) for p, key in enumerate(encoded.keys) if p not in self.found]
        shown = ", ".join(rest[:5]) + (", ..." if len(rest) > 5 else "")
        of = "" if len(encoded.keys) == 1 else f" ({shown})"
        fine = ", all linearizable" if self.found else ""
        return (
            f"{self.stopped}: {len(self.found)} of {len(encoded.keys)} keys decided{fine}; "
            f"the rest{of} not decided"
        )


def _invalid_words(anomalies: Sequence[Anomaly], count: int) -> str:
    more = "" if count == 1 else f" (and {count - 1} more {'key' if count == 2 else 'keys'})"
    return anomalies[0].sentence + more


def _bytes(limit: int) -> str:
    """A size as people write it.

    >>> _bytes(2 << 30), _bytes(500_000_000), _bytes(1000)
    ('2 GB', '477 MB', '1000 B')
    """
    for size, unit in ((1 << 30, "GB"), (1 << 20, "MB")):
        if limit >= size:
            return f"{limit / size:.3g} {unit}"
    return f"{limit} B"
