"""Explaining an invalid key: the few operations that contradict one another, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct

from checker import unique, words
from checker.band import Band, in_force
from checker.decide import Found
from checker.depth import stuck_states
from checker.encode import FOREVER, Task, until
from checker.model import UNKNOWN, same
from checker.shrink import shrink
from harness.clock import show
from harness.history import Call, History
from harness.op import FAIL
from harness.result import Anomaly, Budget, Edge

MOST_OPS = 500  # of a window, nearest to the failing operation


class Story(Struct, frozen=True):
    """What contradicts what: tasks of the core, edges between them by `at`, and the sentence."""

    core: tuple[Task, ...]
    edges: tuple[Edge, ...]
    sentence: str


def explain(
    history: History,
    model: Any,
    key: Any,
    tasks: Sequence[Task],
    found: Found,
    faults: list[Band],
    budget: Budget,
) -> Anomaly:
    """The anomaly of an invalid key."""
    assert found.task is not None
    teller = _Teller(history, found.task)
    values = unique.prepare(model, tasks)
    wrong = unique.violation(values, found.end) if values is not None else None
    if values is not None and wrong is not None:
        story = teller.contradiction(values, wrong)
    else:
        story = teller.searched(model, until(tasks, found.end), budget)
    return _anomaly(history, key, tasks, found.task, story, faults)


def _anomaly(
    history: History,
    key: Any,
    tasks: Sequence[Task],
    last: Task,
    story: Story,
    faults: list[Band],
) -> Anomaly:
    ops, partner = history.ops, history.partner
    end = ops[partner[last.at]].time
    start = min(ops[task.at].time for task in (*story.core, last))
    during = [t for t in tasks if ops[t.at].time <= end and _return_time(history, t) >= start]
    near = sorted(during, key=lambda t: abs(ops[t.at].time - ops[last.at].time))[:MOST_OPS]
    return Anomaly(
        sentence=story.sentence + _fault_words(history, last, faults),
        at=_index(history, last.at),
        core=tuple(dict.fromkeys(_index(history, t.at) for t in story.core)),
        ops=tuple(sorted({_index(history, t.at) for t in (*near, *story.core)})),
        window=(start, end),
        edges=tuple(
            Edge(_index(history, e.source), _index(history, e.target), e.kind, e.label)
            for e in story.edges
        ),
        key=key,
    )


def _index(history: History, at: int) -> int:
    index = history.ops[at].index
    return index if index >= 0 else at


def _return_time(history: History, task: Task) -> int:
    return history.ops[history.partner[task.at]].time if task.must else FOREVER


def _fault_words(history: History, last: Task, faults: list[Band]) -> str:
    end = history.ops[history.partner[last.at]].time
    band = in_force(faults, history.ops[last.at].time, end)
    if band is None:
        return ""
    if band.start > end:
        return f"; while {band.words}"
    return f"; {show(end - band.start)} after {band.words}"


class _Teller:
    """Tells stories about the operations of one history."""

    def __init__(self, history: History, last: Task) -> None:
        self._history = history
        self._last = last

    def say(self, task: Task) -> words.Said:
        """A task in words."""
        j = self._history.partner[task.at]
        return words.say(Call(self._history.ops[task.at], self._history.ops[j] if j >= 0 else None))

    # Unique values

    def contradiction(self, values: unique.Values, wrong: unique.Violation) -> Story:
        """The story of a violation that the unique-value algorithm found."""
        core = tuple(values.tasks[i] for i in wrong.tasks)
        if wrong.kind == unique.PHANTOM:
            return self._phantom(values, core)
        if wrong.kind in (unique.BETWEEN, unique.INSIDE):
            return self._order(values, wrong, core)
        return Story(core, _chain_edges(core), self._clash(wrong.kind, core))

    def _clash(self, kind: str, core: Sequence[Task]) -> str:
        if kind == unique.IMPOSSIBLE:
            return f"{self.say(core[0]).whole}, though that is the value it compared with"
        told = [self.say(task) for task in core]
        if kind == unique.DOUBLE_CAS:
            a, b = told[-2:]
            return (
                f"{a.whole} and {b.whole}: both took effect, though the value they compared with "
                "was there only once"
            )
        each = ", ".join(f"{t.what} by {t.who}" for t in told)
        return f"no write leads to {each}: each follows only from another of them"

    def _phantom(self, values: unique.Values, core: tuple[Task, ...]) -> Story:
        """A value that nobody had written by then."""
        first, needs = self.say(core[0]), core[-1]
        wanted = needs.value[0] if needs.f == "cas" else needs.result
        whole = f"{first.whole}" if len(core) == 1 else f"{first.whole}, which needs an earlier"
        if len(core) > 1:
            whole += f" {self.say(needs).what}"
        if needs.f == "cas":
            whole += f" although {words.value(wanted)} had not been written"
        writer = next(
            (t for t in values.tasks if t.f in ("write", "cas") and _writes(t, wanted)), None
        )
        if writer is None:
            return Story(core, (), f"{whole}, {self._never(wanted, needs.f == 'cas')}")
        called = self._history.ops[writer.at].time
        returned = self._history.ops[self._history.partner[self._last.at]].time
        sentence = f"{whole}, {show(called - returned)} before {self.say(writer).what} was called"
        edges = (
            Edge(core[0].at, writer.at, "rt", "returned before it was called"),
            Edge(writer.at, needs.at, "wr", words.value(wanted)),
        )
        return Story((writer, *core), edges, sentence)

    def _never(self, wanted: Any, said: bool) -> str:
        """Whether nobody wrote a value, or only writes that certainly failed."""
        ops, partner = self._history.ops, self._history.partner
        for i, op in enumerate(ops):
            if op.f in ("write", "cas") and op.type == FAIL and partner[i] >= 0:
                asked = ops[partner[i]]
                value = asked.value if op.f == "write" else list(asked.value)[1]
                mine = ops[self._last.at].key
                if same(_frozen(value), wanted) and (asked.key is UNSET or asked.key == mine):
                    return f"whose {op.f} by process {asked.process} had failed ({op.error})"
        return "by anybody" if said else "which nobody had written"

    def _order(
        self, values: unique.Values, wrong: unique.Violation, core: tuple[Task, ...]
    ) -> Story:
        """Two orders that exclude each other."""
        links = [
            tuple(values.tasks[i] if i >= 0 else None for i in pair)
            for pair in (wrong.first, wrong.second)
            if pair is not None
        ]
        edges: list[Edge] = []
        by_value = {_written(t): t for t in core if t.f in ("write", "cas")}
        for task in core:
            writer = by_value.get(_read(task))
            if writer is not None and task.f != "cas":
                edges.append(Edge(writer.at, task.at, "wr", words.value(_plain(_read(task)))))
            elif writer is not None:
                edges.append(Edge(writer.at, task.at, "ww", "compared with its value"))
        for a, b in links:
            if a is None or b is None:
                continue
            edges.append(Edge(a.at, b.at, "rt", "returned before it was called"))
        if wrong.kind == unique.BETWEEN:
            edges += _version_edges(links, by_value)
        return Story(core, tuple(dict.fromkeys(edges)), self._order_words(links, wrong.kind))

    def _order_words(self, links: Sequence[Any], kind: str) -> str:
        """The failing operation, and what had been seen before it was called; else both orders."""
        for a, b in links:
            if b is not None and b.at == self._last.at and a is not None:
                late, early = self.say(b), self.say(a)
                gap = words.gap(late.returned or 0, early.returned or 0)
                return f"{late.whole}, {gap} {_had(early)}"
        facts = [
            f"{self.say(a).what} by {self.say(a).who} had been answered before "
            f"{self.say(b).what} by {self.say(b).who} was called"
            for a, b in links
            if a is not None and b is not None
        ]
        return f"{self.say(self._last).whole} cannot be placed: {', and '.join(facts)}"

    # Everything else

    def searched(self, model: Any, prefix: Sequence[Task], budget: Budget) -> Story:
        """The story of a violation that a search found: what the states could have been."""
        kept = shrink(model, prefix, self._last, budget)
        must = [task for task in kept if task.must]
        result = self._last.result
        writers = [
            t for t in kept if not t.must and t.f in ("write", "cas", "put") and _writes(t, result)
        ]
        core = tuple(sorted({*must, *writers[:3], self._last}, key=lambda t: t.call))
        states = stuck_states(model, prefix, 64) or stuck_states(model, kept, 64)
        sentence = self.say(self._last).whole + _only(states, len(core))
        return Story(core, _real_time_edges(core) + _unique_wr(core), sentence)


def _had(said: words.Said) -> str:
    if said.what.startswith(("read", "get")):
        return f"a {said.what} by {said.who} had {said.came}"
    return f"{said.what} by {said.who} had been acknowledged"


def _only(states: Sequence[Any], count: int) -> str:
    """What the object could have been instead."""
    if not states or len(states) > 6:
        return f", which no order of the {count} operations that bear on it allows"
    shown = [words.value(s[0] if isinstance(s, tuple) and len(s) == 1 else s) for s in states]
    listed = shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" or {shown[-1]}"
    return f", when the value could only have been {listed}"


def _frozen(value: Any) -> Any:
    from checker.model import freeze

    return freeze(value)


def _writes(task: Task, value: Any) -> bool:
    new = task.value[1] if task.f == "cas" else task.value
    return value is not UNKNOWN and same(new, value)


def _written(task: Task) -> Any:
    from checker.model import tag

    return tag(task.value[1] if task.f == "cas" else task.value)


def _read(task: Task) -> Any:
    from checker.model import tag

    if task.f == "write" or (task.f != "cas" and task.result is UNKNOWN):
        return UNKNOWN
    return tag(task.value[0] if task.f == "cas" else task.result)


def _plain(tagged: Any) -> Any:
    return tagged if not isinstance(tagged, tuple) else list(tagged[1:])


def _version_edges(links: Sequence[Any], by_value: dict[Any, Task]) -> list[Edge]:
    """For each order that real time forces: writer before writer, and a read before the writer of
    what came after its value."""
    found = []
    for a, b in links:
        first = None if a is None else by_value.get(_own(a))
        second = None if b is None else by_value.get(_own(b))
        if first is not None and second is not None:
            found.append(Edge(first.at, second.at, "ww", "forced by real time"))
    for (a, b), (_, late) in (links, links[::-1]):
        after = None if b is None else by_value.get(_own(b))
        if late is not None and after is not None and late.f not in ("write", "cas"):
            label = "read before it was overwritten" if a is not None else "read nothing yet"
            found.append(Edge(late.at, after.at, "rw", label))
    return found


def _own(task: Task) -> Any:
    """The value a task belongs to."""
    return _written(task) if task.f in ("write", "cas") else _read(task)


def _chain_edges(core: Sequence[Task]) -> tuple[Edge, ...]:
    return tuple(
        Edge(a.at, b.at, "ww", "compared with its value")
        for a in core
        for b in core
        if a.f in ("write", "cas") and b.f == "cas" and _written(a) == _read(b)
    )


def _real_time_edges(core: Sequence[Task]) -> tuple[Edge, ...]:
    """Real time among few operations, without what follows from the rest."""
    before = {(a.at, b.at) for a in core for b in core if a.must and a.ret < b.call}
    ats = [task.at for task in core]
    return tuple(
        Edge(a, b, "rt", "")
        for a, b in sorted(before)
        if not any((a, m) in before and (m, b) in before for m in ats)
    )


def _unique_wr(core: Sequence[Task]) -> tuple[Edge, ...]:
    """Reads from the only operation of the core that wrote their value."""
    found = []
    for task in core:
        if task.f not in ("read", "get"):
            continue
        writers = [t for t in core if t.f in ("write", "cas", "put") and _writes(t, task.result)]
        if len(writers) == 1:
            found.append(Edge(writers[0].at, task.at, "wr", words.value(task.result)))
    return tuple(found)
