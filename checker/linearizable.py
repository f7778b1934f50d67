"""Linearizability: is there one order of all operations that a single copy could have given?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from checker.budget import DEFAULT_MEMORY_LIMIT, explaining
from checker.contradiction import say
from checker.decide import Found
from checker.division import division
from checker.encode import Encoded, Unfit, encode
from checker.explain import explain
from checker.once import ask_for_unique_values
from checker.rounds import Reached, Rounds, deciding
from checker.undecided import say_undecided, undecided
from harness.band import bands
from harness.garbage import uncollected
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Anomaly, Budget, Result

Watch = Callable[[int, int], None]  # keys decided, and keys in all

EXPLAINED = 5  # at most so many invalid keys get a picture; the rest are counted


class Linearizable:
    """The checker `linearizable`.

    `split="key"` judges each key by itself, which is right where every operation touches one key;
    None takes all as one object. `memory_limit` is in bytes, counted by what the searches remember.
    `explain=False` leaves out why an invalid history is invalid: the verdict is there sooner, and
    has no anomalies. `unique=True` says that no value is written to a key twice: a history in which
    one is, is not what it should be, and its verdict unknown. Keys that are not decided soon are
    decided in `jobs` processes; `watch` is told how many are decided, of how many.
    """

    name = "linearizable"

    def __init__(
        self,
        model: Any,
        *,
        split: str | None = "key",
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
        explain: bool = True,
        unique: bool = False,
        jobs: int = 1,
        watch: Watch | None = None,
    ) -> None:
        self.model = model
        self.split = split
        self.memory_limit = memory_limit
        self.explain = explain
        self.unique = unique
        self.jobs = jobs
        self.watch = watch

    def check(self, history: History, budget: Budget) -> Result:
        """Valid, invalid with an anomaly for each of the first bad keys, or unknown with what was
        decided."""
        with uncollected():  # what a check makes is in no cycles, but there is much of it
            return self._check(history, budget)

    def _check(self, history: History, budget: Budget) -> Result:
        try:
            model, split = division(history, self.model, self.split)
            encoded = encode(history, model, split)
            if self.unique:
                ask_for_unique_values(encoded)
        except Unfit as error:
            return Result(UNKNOWN, str(error))
        judged = _Judged(encoded, model)
        judged.decide_all(budget, self.memory_limit, self.jobs, self.watch)
        return judged.result(history, budget, explained=EXPLAINED if self.explain else 0)

    def online(self, *, apart: bool) -> Any:
        """What judges by the same terms while a history is recorded (checker/online.py); `apart` in
        a process of its own."""
        from checker.online import Online

        online = Online(self.model, self.split)
        if not apart:
            return online
        from checker.watcher import Watcher

        return Watcher(online)


class _Judged:
    """The keys of one history and what was found of each."""

    def __init__(self, encoded: Encoded, model: Any) -> None:
        self._encoded = encoded
        self._model = model
        self.found: dict[int, Found] = {}
        self.reached: dict[int, Reached] = {}
        self.stopped: str | None = None

    def decide_all(
        self, budget: Budget, memory_limit: int, jobs: int = 1, watch: Watch | None = None
    ) -> None:
        """Decide every key, easy ones first, until the budget is spent; those that are not decided
        soon in processes of their own, where there may be several."""
        keys = dict(enumerate(self._encoded.tasks))

        def told(place: int, found: Found) -> None:
            self.found[place] = found
            if watch:
                watch(len(self.found), len(keys))

        rounds = Rounds(deciding(self._model, keys), memory_limit, told)
        if jobs > 1 and len(keys) > 1:
            from checker.parallel import Workers, patience

            rounds.run(budget, patience())
            left = {place: keys[place] for place in rounds.reached}
            if len(left) > 1 and not rounds.stopped:
                rounds.close()
                workers = Workers(jobs, told, rounds.reached)
                workers.run(self._model, left, memory_limit, budget)
                if not workers.failed:
                    self.reached, self.stopped = workers.reached, workers.stopped
                    return
                left = {place: left[place] for place in workers.reached}
                rounds = Rounds(deciding(self._model, left), memory_limit, told)
        rounds.run(budget)
        self.reached, self.stopped = rounds.reached, rounds.stopped

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
            return self._unknown(history)
        return Result(VALID, None, data)

    def _when(self, history: History, place: int) -> tuple[int, int]:
        """When a key's violation was complete."""
        task = self.found[place].task
        assert task is not None
        return history.ops[history.partner[task.at]].time, task.at

    def _explain(
        self, history: History, places: Sequence[int], budget: Budget
    ) -> tuple[Anomaly, ...]:
        faults, budget = bands(history), explaining(budget)
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

    def _unknown(self, history: History) -> Result:
        """What is known of a history that is not decided."""
        keys, tasks = self._encoded.keys, self._encoded.tasks
        left = [
            undecided(history, keys[place], tasks[place], reached)
            for place, reached in sorted(self.reached.items())
        ]
        data = self._data(()) | {"undecided": [msgspec.to_builtins(key) for key in left]}
        return Result(UNKNOWN, say_undecided(self.stopped or "", history, len(keys), left), data)


def _invalid_words(anomalies: Sequence[Anomaly], count: int) -> str:
    more = "" if count == 1 else f" (and {count - 1} more {'key' if count == 2 else 'keys'})"
    return anomalies[0].sentence + more
