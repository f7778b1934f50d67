"""The checker `bounded-staleness`: reads may be behind, by so many versions or so much time.

Each key by itself. Its changes (writes, compare-and-sets, appends, increments) have an order, each
taking effect at one moment between its call and its return; those without an answer may be left
out. A read is right

- within `bound`, if what it saw was the newest at some moment from `bound` before its call to its
  return;
- within `versions` K, if what it saw was at most K versions older than the newest at some moment
  from its call to its return, which says the same as: at most K older than what was the newest when
  it was called, or newer. (Versions follow one another at different moments, so at some moment
  between the two every step between is the newest.)

With neither, reads may be as old as they like, but not from the future, nor of what nobody wrote.
A history is valid if there are such moments, the same for all reads of a key; each bound is judged
by itself. So a correct system is never accused: its own moments are such ones, whatever is not
known, and to allow more moments, orders and outcomes only makes more histories valid.

Both come down to linearizability. In time: what is asked of a read called at c within `bound` is
what linearizability asks of one called at c - bound, so the reads' calls are moved to there. In
versions: it is linearizability for a model whose reads may be answered from any of the last K + 1
states (checker.staleness.recent). For lists and counters the order is known and no search is
needed (checker.growing, with K as slack): a read at place p says that the change at p + K + 1 was
not there at its call, and nothing else. A register's order is tried as the system tells it
(`position`); only where that does not do there is a search.

`monotone` asks in addition that reads through one node do not go back: of two of which the first
had returned before the second was called, the second sees no older version. It is judged where the
order is known. Result.data counts how far behind the reads were, where the order is known.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from checker import growing
from checker.budget import DEFAULT_MEMORY_LIMIT
from checker.decide import Deciding, Found, decide
from checker.encode import FOREVER, Encoded, Task, Unfit, encode
from checker.explain import anomaly_of, explain
from checker.growing import Chain, Violation
from checker.growth import tell_growth
from checker.model import fitting
from checker.models.kv import Kv
from checker.rounds import Rounds
from checker.search import Meter, Progress
from checker.staleness.measure import Behind, behind, together, versions_behind
from checker.staleness.monotone import first_back, tell_back
from checker.staleness.place import by_position
from checker.staleness.recent import Recent, telling
from harness.band import bands
from harness.clock import Nanos, show
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Anomaly, Budget, Edge, Result

EXPLAINED = 5  # at most so many invalid keys get a picture; the rest are counted
TIME, VERSIONS, BACK = "time", "versions", "back"


class Bounds(Struct, frozen=True):
    """What reads may be behind; None where it does not matter."""

    time: Nanos | None
    versions: int | None
    monotone: bool


class Wrong(Struct, frozen=True):
    """A key for which there is no order: by which bound, with the tasks that the decision is of."""

    bound: str
    tasks: Sequence[Task]
    found: Found | None = None
    back: tuple[Task, Task] | None = None


class BoundedStaleness:
    """The checker. `bound` is in ns; `monotone` also asks that no node's reads go back."""

    name = "bounded-staleness"

    def __init__(
        self,
        *,
        bound: Nanos | None = None,
        versions: int | None = None,
        monotone: bool = False,
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        self._bounds = Bounds(bound, versions, monotone)
        self._memory = memory_limit

    def check(self, history: History, budget: Budget) -> Result:
        """Valid, invalid with an anomaly for each of the first bad keys, or unknown."""
        early = FOREVER if self._bounds.time is None else self._bounds.time
        try:
            encoded = encode(history, Kv(), "key")
            stretched = encode(history, Kv(), "key", early)
        except Unfit as error:
            return Result(UNKNOWN, str(error))
        judging = _Judging(history, encoded, stretched, self._bounds)
        return judging.result(self._memory, budget)


class _Judging:
    """One history: key by key."""

    def __init__(
        self, history: History, encoded: Encoded, stretched: Encoded, bounds: Bounds
    ) -> None:
        self._history = history
        self._encoded, self._stretched = encoded, stretched
        self._bounds = bounds
        fs = [[task.f for task in tasks] for tasks in encoded.tasks]
        self._models = [fitting(Kv(), asked) for asked in fs]
        self._chains = [
            _chain(model, tasks, history)
            for model, tasks in zip(self._models, encoded.tasks, strict=True)
        ]

    def result(self, memory_limit: int, budget: Budget) -> Result:
        """The verdict over all keys."""
        wrong: dict[int, Wrong] = {}

        def told(place: int, found: Wrong | None) -> None:
            if found is not None:
                wrong[place] = found

        works = {place: partial(self._decide, place) for place in range(len(self._encoded.keys))}
        rounds = Rounds(works, memory_limit, told)
        rounds.run(budget)
        left, stopped = rounds.reached, rounds.stopped
        data = self._data(sorted(wrong), len(left))
        if wrong:
            anomalies = tuple(
                self._explain(place, wrong[place], budget) for place in sorted(wrong)[:EXPLAINED]
            )
            more = "" if len(wrong) == 1 else f" (and {len(wrong) - 1} more keys)"
            return Result(INVALID, anomalies[0].sentence + more, data, anomalies)
        if left:
            keys = len(self._encoded.keys)
            what = f"{stopped}: {keys - len(left)} of {keys} keys decided"
            return Result(UNKNOWN, what, data)
        return Result(VALID, None, data)

    def _decide(
        self, place: int, meter: Meter, progress: Progress
    ) -> Generator[None, None, Wrong | None]:
        """Each bound in turn; what is wrong first."""
        model, tasks = self._models[place], self._encoded.tasks[place]
        stretched = self._stretched.tasks[place]
        bounds = self._bounds
        found = yield from decide(model, stretched, meter)
        if not found.valid:
            return Wrong(TIME, stretched, found)
        if bounds.versions is not None:
            found = yield from self._decide_versions(place, bounds.versions, meter)
            if not found.valid:
                return Wrong(VERSIONS, tasks, found)
        chain = self._chains[place]
        if bounds.monotone and chain is not None:
            back = first_back(chain, self._history)
            if back is not None:
                return Wrong(BACK, tasks, back=back)
        return None

    def _decide_versions(self, place: int, versions: int, meter: Meter) -> Deciding:
        model, tasks = self._models[place], self._encoded.tasks[place]
        if growing.is_fit(model, tasks):
            end = yield from growing.first_violation(model, tasks, versions)
            last = next((task for task in tasks if task.ret == end), None)
            return Found(end is None, "growing", -1 if end is None else end, last)
        chain = self._chains[place]
        if chain is not None and growing.ordered(chain, FOREVER - 1, versions) is None:
            return Found(True, "positions")
        found = yield from decide(Recent(model, versions), telling(model, tasks), meter)
        return found

    def _data(self, bad: Sequence[int], left: int) -> dict[str, Any]:
        chains = [chain for chain in self._chains if chain is not None]
        total: Behind = together(behind(chain, self._history) for chain in chains)
        return {
            "keys": len(self._encoded.keys),
            "decided": len(self._encoded.keys) - left,
            "invalid_keys": [self._encoded.keys[place] for place in bad],
            "keys_with_known_order": len(chains),
            "reads": total.reads,
            "stale_reads": total.stale,
            "versions_behind": total.versions,
            "ms_behind": round(total.time / 1e6, 3),
        }

    # --- words and pictures

    def _explain(self, place: int, wrong: Wrong, budget: Budget) -> Anomaly:
        history, key, faults = self._history, self._encoded.keys[place], bands(self._history)
        if wrong.back is not None:
            last, story = tell_back(history, *wrong.back)
            return anomaly_of(history, key, wrong.tasks, last, story, faults)
        assert wrong.found is not None
        if wrong.bound == TIME:
            told = explain(
                history, self._models[place], key, wrong.tasks, wrong.found, faults, budget
            )
            return self._timed(told)
        chain = self._chains[place]
        late = None if chain is None else growing.ordered(chain, FOREVER - 1, self._allowed)
        if chain is None or late is None:
            model = Recent(self._models[place], self._allowed)
            tasks = telling(self._models[place], wrong.tasks)
            told = explain(history, model, key, tasks, wrong.found, faults, budget)
            return replace(told, sentence=told.sentence + f"; {_are(self._allowed)} allowed")
        return self._counted(place, chain, late)

    @property
    def _allowed(self) -> int:
        assert self._bounds.versions is not None
        return self._bounds.versions

    def _timed(self, told: Anomaly) -> Anomaly:
        """What is told of the stretched history, with the bound in it."""
        bound = self._bounds.time
        if bound is None:
            return told
        edges = tuple(
            Edge(e.source, e.target, e.kind, f"had returned more than {show(bound)} before")
            if e.kind == "rt" and self._is_read(e.target)
            else e
            for e in told.edges
        )
        sentence = f"{told.sentence}; at most {show(bound)} behind is allowed"
        return replace(told, sentence=sentence, edges=edges)

    def _is_read(self, index: int) -> bool:
        history = self._history
        return any(history.index(at) == index and op.f == "read" for at, op in enumerate(history))

    def _counted(self, place: int, chain: Chain, late: Violation) -> Anomaly:
        """A read that is too many versions behind."""
        history = self._history
        last = max(late.tasks[:2], key=lambda task: task.ret if task.must else -1)
        story = tell_growth(history, late, last)
        sentence = story.sentence
        if late.tasks[1].f == "read":
            count = versions_behind(chain, late.tasks[1])
            sentence += f": {_versions(count)} behind, where {_are(self._allowed)} allowed"
        story = replace(story, sentence=sentence)
        key, tasks = self._encoded.keys[place], self._encoded.tasks[place]
        return anomaly_of(history, key, tasks, last, story, bands(history))


def _chain(model: Any, tasks: Sequence[Task], history: History) -> Chain | None:
    """The order of a key's versions where it is known."""
    if growing.is_fit(model, tasks):
        chain = growing.chain(model, tasks)
        return None if isinstance(chain, Violation) else chain
    return by_position(model, tasks, history)


def _versions(count: int) -> str:
    return f"{count} version{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return f"{_versions(count)} {'is' if count == 1 else 'are'}"
