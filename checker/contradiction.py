"""Stories of registers with unique values: which operations contradict one another, and how.

Every edge is forced: rt by real time, wr by the value that was read, ww where one value came before
another (a compare-and-set, or a pair in real time), rw where a read came before the write that
ended its value. The story is a cycle of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from checker import unique, words
from checker.encode import Task
from checker.model import freeze, same
from checker.story import CHAINED, Story
from checker.values import CAS, READ, REFUSED, WRITE, Values
from harness.clock import show
from harness.history import Call, History
from harness.op import FAIL
from harness.result import Edge


def say(history: History, task: Task) -> words.Said:
    """A task in words."""
    return say_at(history, task.at)


def say_at(history: History, at: int) -> words.Said:
    """The operation invoked at this place of a history, in words."""
    j = history.partner[at]
    call = Call(history.ops[at], history.ops[j] if j >= 0 else None)
    return words.say(call, history.timed)


def tell(history: History, values: Values, wrong: unique.Violation, last: Task) -> Story:
    """The story of a violation; `last` is the operation at whose return it was complete."""
    teller = _Teller(history, values, last)
    tell_of = {
        unique.PHANTOM: teller.phantom,
        unique.BETWEEN: teller.between,
        unique.INSIDE: teller.inside,
        unique.KEPT: teller.kept,
    }
    story = tell_of.get(wrong.kind, teller.clash)(wrong)
    return replace(story, kind=wrong.kind)


class _Teller:
    def __init__(self, history: History, values: Values, last: Task) -> None:
        self._history = history
        self._v = values
        self._last = last

    def _say(self, i: int) -> words.Said:
        return say(self._history, self._v.tasks[i])

    def _at(self, i: int) -> int:
        return self._v.tasks[i].at

    def _story(self, core: Sequence[int], edges: Sequence[Edge], sentence: str) -> Story:
        tasks = [self._v.tasks[i] for i in dict.fromkeys(core)]
        if self._last.at not in {task.at for task in tasks}:
            tasks.append(self._last)
        return Story(tuple(tasks), tuple(dict.fromkeys(edges)), sentence)

    # One value too few or too many

    def phantom(self, wrong: unique.Violation) -> Story:
        """A value that was read before anybody had written it."""
        first, needs = wrong.tasks[0], wrong.tasks[-1]
        task = self._v.tasks[needs]
        wanted = task.value[0] if task.f == "cas" else task.result
        whole = self._say(first).whole
        if first != needs:
            whole += f", which needs {self._say(needs).what}"
        if task.f == "cas":
            whole += f", though {words.value(wanted)} had not been written"
        writer = self._writer(self._v.old[needs])
        if writer is None:
            return self._story(wrong.tasks, (), whole + self._never(wanted, task.f == "cas"))
        called = self._history.ops[self._at(writer)].time
        returned = self._history.ops[self._history.partner[self._last.at]].time
        early = show(called - returned) + " " if self._history.timed else ""
        sentence = f"{whole}, {early}before {self._say(writer).what} was called"
        edges = (
            Edge(self._at(first), self._at(writer), "rt", "returned before it was called"),
            Edge(self._at(writer), self._at(needs), "wr", words.value(wanted)),
        )
        return self._story((writer, *wrong.tasks), edges, sentence)

    def _writer(self, value: int) -> int | None:
        return next((i for i, new in enumerate(self._v.new) if new == value), None)

    def _never(self, wanted: Any, is_said: bool) -> str:
        """Whether nobody wrote a value, or only writes that certainly failed."""
        ops, partner = self._history.ops, self._history.partner
        key, by_itself = ops[self._last.at].key, False
        for i, op in enumerate(ops):
            if op.f not in ("write", "cas") or op.type != FAIL or partner[i] < 0:
                continue
            asked = ops[partner[i]]
            new = asked.value if op.f == "write" else list(asked.value)[1]
            if same(freeze(new), wanted) and asked.key == key:
                if partner[i] == self._last.at:
                    by_itself = True
                    continue
                why = "" if op.error is UNSET else f" ({op.error})"
                return f", which only the failed {op.f} by process {op.process}{why} asked for"
        if by_itself:
            return ", which nobody else asked for"
        return "" if is_said else ", which nobody had written"

    def clash(self, wrong: unique.Violation) -> Story:
        """Compare-and-sets that exclude each other, or a refusal that contradicts itself."""
        told = [self._say(i) for i in wrong.tasks]
        if wrong.kind == unique.IMPOSSIBLE:
            sentence = f"{told[0].whole}, though that is the value it compared with"
        elif wrong.kind == unique.DOUBLE_CAS:
            sentence = (
                f"{told[-2].whole} and {told[-1].whole}: both took effect, though the value they "
                "compared with was there only once"
            )
        else:
            each = ", ".join(f"{t.what} by {t.who}" for t in told)
            sentence = f"no write leads to {each}: each follows only from another of them"
        if wrong.proof:
            seen = ", ".join(self._say(i).whole for i in wrong.proof)
            sentence += f"; what had no answer is known from {seen}"
        core = (*wrong.proof, *wrong.tasks)
        return self._story(core, self._reads_from(core), sentence)

    # Order

    def between(self, wrong: unique.Violation) -> Story:
        """Two blocks, each before the other in real time."""
        assert wrong.first is not None and wrong.second is not None
        core = (*wrong.proof, *wrong.tasks)
        edges = self._reads_from(core)
        for (a, b), (c, back) in ((wrong.first, wrong.second), (wrong.second, wrong.first)):
            edges += self._forced(a, b) + self._overwritten(a, c, back)
        return self._story(core, edges, self._words((wrong.first, wrong.second)))

    def _forced(self, a: int, b: int) -> list[Edge]:
        """What a pair in real time forces: one value before another. For the operation that cannot
        be placed the pair itself says more, since what it saw is what went wrong."""
        before, after = self._own_writer(a), self._own_writer(b)
        edges = []
        if before is not None and after is not None and not self._is_last_seer(b):
            edges.append(self._version(before, after, (a, b)))
        if a >= 0 and ((before, after) != (a, b) or self._is_last_seer(b)):
            edges.append(self._real_time(a, b))
        return edges

    def _overwritten(self, a: int, c: int, back: int) -> list[Edge]:
        """`back` is of a's block, all of which comes before the other block, and so before c's
        value."""
        after = self._own_writer(c)
        if after is None or back < 0:
            return []
        if self._is_last_seer(back):
            label = "saw an older value than this"
            return [Edge(self._at(back), self._at(after), "rw", label)]
        before, chained = self._own_writer(a), self._own_writer(back)
        if chained is None or chained == before:
            return []
        label = "a chain of compare-and-sets leaves no room between"
        return [Edge(self._at(chained), self._at(after), "rw", label)]

    def _is_last_seer(self, i: int) -> bool:
        """Whether this is the operation that cannot be placed, and it saw a value."""
        return self._at(i) == self._last.at and self._v.kind[i] != WRITE

    def inside(self, wrong: unique.Violation) -> Story:
        """An operation that returned before one was called that a chain of compare-and-sets puts
        before it."""
        assert wrong.first is not None
        later, earlier = wrong.first
        core = (*wrong.proof, *wrong.tasks)
        edges = [*self._reads_from(core), self._real_time(later, earlier)]
        if self._v.kind[earlier] == READ:  # else the chain itself closes the cycle
            for i in wrong.tasks:
                if self._v.kind[i] == CAS and self._v.old[i] == self._v.old[earlier]:
                    label = "saw an older value than this"
                    edges.append(Edge(self._at(earlier), self._at(i), "rw", label))
        return self._story(core, edges, self._words((wrong.first,)))

    def kept(self, wrong: unique.Violation) -> Story:
        """A refusal of the value that was there all the time."""
        assert wrong.first is not None
        early, refused = wrong.first
        edges = self._reads_from(wrong.tasks)
        said, value = self._say(refused), words.value(self._v.tasks[refused].value[0])
        sentence = f"{said.whole}, though the value was {value} all that time"
        if early >= 0:
            edges.append(self._real_time(early, refused))
            sentence += f": {self._say(early).what} by {self._say(early).who} had been answered"
            sentence += " before it was called"
        if wrong.second is not None:
            late = self._say(wrong.second[1])
            edges.append(self._real_time(refused, wrong.second[1]))
            sentence += f", and {late.what} by {late.who} was called after it had returned"
        else:
            sentence += ", and nothing else can have been written before it returned"
        return self._story((*wrong.proof, *wrong.tasks), edges, sentence)

    def _reads_from(self, core: Sequence[int]) -> list[Edge]:
        """What of the core saw, or compared with, a value that another of the core wrote."""
        v = self._v
        writer = {v.new[i]: i for i in core if v.new[i] >= 0}
        edges = []
        for i in core:
            source = writer.get(v.old[i])
            if source is None or source == i or v.kind[i] == REFUSED:
                continue
            task = v.tasks[i]
            if v.kind[i] == CAS:
                edges.append(Edge(self._at(source), task.at, "ww", CHAINED))
            else:
                edges.append(Edge(self._at(source), task.at, "wr", words.value(task.result)))
        return edges

    def _real_time(self, a: int, b: int) -> Edge:
        return Edge(self._at(a), self._at(b), "rt", "returned before it was called")

    def _version(self, before: int, after: int, pair: tuple[int, int]) -> Edge:
        """One value before another, with the pair in real time that forces it."""
        a, b = (self._say(i).what if i >= 0 else "the start" for i in pair)
        label = (
            "was written before"
            if (before, after) == pair
            else f"{a} returned before {b} was called"
        )
        return Edge(self._at(before), self._at(after), "ww", label)

    def _own_writer(self, i: int) -> int | None:
        """The writer of the value that a task belongs to."""
        if i < 0 or self._v.new[i] >= 0:
            return i if i >= 0 else None
        return self._writer(self._v.old[i])

    def _words(self, pairs: Sequence[tuple[int, int]]) -> str:
        """The failing operation and what had been answered before it was called; else the facts."""
        for a, b in pairs:
            if a >= 0 and self._at(b) == self._last.at:
                late, early = self._say(b), self._say(a)
                gap = words.gap(late.returned, early.returned)
                return f"{late.whole}, {gap} {words.had(early)}"
        facts = [
            f"{self._say(a).what} by {self._say(a).who} had been answered before "
            f"{self._say(b).what} by {self._say(b).who} was called"
            for a, b in pairs
            if a >= 0
        ]
        return f"{say(self._history, self._last).whole} cannot be placed: {', and '.join(facts)}"
