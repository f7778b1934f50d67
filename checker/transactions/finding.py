"""What is wrong, in one sentence and as the anomaly that is drawn of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from checker import words
from checker.transactions.cycle import Step
from checker.transactions.cycles import READABLE, Cycle
from checker.transactions.edges import KINDS, PROCESS, RT, RW, WR, WW
from checker.transactions.level import FLAWS, SNAPSHOT, UNCOMMITTED, title
from checker.transactions.order import NOBODY, Flaw
from checker.transactions.txn import FOREVER, Append, Inner, Read, Transactions
from checker.window import window
from harness.band import Band, fault_words
from harness.clock import show
from harness.history import History
from harness.result import Anomaly, Edge

MOST_OPS = 400  # of a window, nearest to the transaction that is wrong
MOST_TOLD = 6  # edges of a cycle that are put into words
MOST_SHOWN = 6  # elements of a list, the newest


class Finding(Struct, frozen=True):
    """An anomaly by its name, the weakest model that forbids it, what happened in words, the
    transaction at which it was complete, all that it is about, and why each came before which
    (with a label); `length` is that of a cycle."""

    name: str
    breaks: str
    words: str
    at: int
    core: tuple[int, ...]
    edges: tuple[tuple[Step, str], ...] = ()
    key: int = -1
    length: int = 0

    @property
    def sentence(self) -> str:
        """The name, then what happened."""
        return f"{title(self.name)}: {self.words}"


class Teller:
    """Puts flaws and cycles of one history into words."""

    def __init__(self, it: Transactions, history: History) -> None:
        self._it = it
        self._history = history
        self._reads: dict[tuple[int, int], list[Read]] = {}
        for read in it.reads:
            self._reads.setdefault((read.txn, read.key), []).append(read)
        self._appends: dict[tuple[int, int], list[Append]] = {}
        for append in it.appends:
            self._appends.setdefault((append.txn, append.key), []).append(append)

    def flaw(self, flaw: Flaw) -> Finding:
        """What is wrong with one read."""
        key, saw = self._name(flaw.key), _list(flaw.read.seen if flaw.read else ())
        reader = self._who(flaw.reader)
        element = _element(flaw.element)
        core: tuple[int, ...] = (flaw.reader,)
        edges: tuple[tuple[Step, str], ...] = ()
        if flaw.writer != NOBODY:
            core = (flaw.writer, flaw.reader)
            step = Step(flaw.writer, flaw.reader, WR, flaw.key)
            edges = ((step, f"{key}: {element}"),)
        if flaw.name == "G1a":
            text = f"which {self._who(flaw.writer)} appended, and it failed for certain"
            text = f"{reader} read {key} as {saw} with {element}, {text}"
        elif flaw.name == "G1b":
            last = self._appends[flaw.writer, flaw.key][-1].element
            text = f"which {self._who(flaw.writer)} appended, and not the {_element(last)} that it "
            text = f"{reader} read {key} as {saw} with {element}, {text}appended after that"
        elif flaw.name == "partial-append":
            text = f"which {self._who(flaw.writer)} appended, but not what it appended before that"
            text = f"{reader} read {key} as {saw} with {element}, {text}"
        elif flaw.name == "incompatible-order":
            assert flaw.other is not None
            core = (flaw.other.txn, flaw.reader)
            text = f"{reader} read {key} as {saw}, and {self._who(flaw.other.txn)} as "
            text += f"{_list(flaw.other.seen)}: neither is the beginning of the other"
        elif flaw.name == "duplicate-elements":
            text = f"{reader} read {key} as {saw}, with {element} twice, which was appended once"
        elif flaw.name == "future-read":
            text = f"{reader} read {key} as {saw} with {element}, before it appended that itself"
        else:
            text = f"{reader} read {key} as {saw} with {element}, which nobody appended"
        return Finding(flaw.name, FLAWS[flaw.name], text, flaw.reader, core, edges, flaw.key)

    def inner(self, inner: Inner) -> Finding:
        """A transaction that contradicts itself."""
        reader, key = self._who(inner.txn), self._name(inner.key)
        saw = _list(inner.saw or ())
        if inner.own:
            text = f"{reader} appended {_list(inner.own)} to {key} and then read {saw}"
        else:
            text = f"{reader} read {key} as {_list(inner.before)} and then as {saw}"
        breaks = UNCOMMITTED if inner.own else SNAPSHOT
        return Finding("internal", breaks, text, inner.txn, (inner.txn,), (), inner.key)

    def cycle(self, cycle: Cycle) -> Finding:
        """Transactions each of which must come before the next, and the last before the first."""
        steps = self._turned(cycle.steps)
        nodes = tuple(step.source for step in steps)
        named = {node: f"T{i}" for i, node in enumerate(nodes, 1)}
        told = [self._step(step, named) for step in steps[:MOST_TOLD]]
        if len(steps) > MOST_TOLD:
            told.append(f"and so on over {len(steps)} transactions back to {named[nodes[0]]}")
        who = [f"{named[node]} is {self._who(node)}" for node in nodes[:MOST_TOLD]]
        edges = tuple((step, self._label(step)) for step in steps)
        if len(steps) > READABLE:  # what is drawn is what is told, and no circle
            nodes, edges = nodes[: MOST_TOLD + 1], edges[:MOST_TOLD]
        at = max(nodes, key=lambda node: (self._end(node), node))
        text = f"{'; '.join(told)} ({', '.join(who)})"
        return Finding(cycle.name, cycle.breaks, text, at, nodes, edges, length=len(steps))

    def _turned(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The same cycle from the transaction on that was called first."""
        txns = self._it.txns
        turn = min(range(len(steps)), key=lambda i: txns[steps[i].source].call)
        return (*steps[turn:], *steps[:turn])

    def _step(self, step: Step, named: Mapping[int, str]) -> str:
        a, b, key = named[step.source], named[step.target], self._name(step.key)
        if step.kind == WW:
            return (
                f"{a} appended {self._first(step.source, step.key)} to {key} before {b} did "
                f"{self._first(step.target, step.key)}"
            )
        if step.kind == WR:
            read, element = self._seen(step)
            return f"{b} read {key} as {_list(read)} with {_element(element)} of {a}"
        if step.kind == RW:
            read, element = self._old(step)
            return f"{a} read {key} as {_list(read)} without {_element(element)} of {b}"
        if step.kind == PROCESS:
            return f"{a} was done by the process that did {b} later"
        gap = self._gap(step)
        return f"{a} had returned{f' {gap}' if gap else ''} before {b} was called"

    def _label(self, step: Step) -> str:
        key = self._name(step.key)
        if step.kind == WW:
            mine = self._first(step.source, step.key)
            return f"{key}: {mine} before {self._first(step.target, step.key)}"
        if step.kind == WR:
            return f"{key}: {_element(self._seen(step)[1])}"
        if step.kind == RW:
            return f"{key} without {_element(self._old(step)[1])}"
        if step.kind == RT:
            return self._gap(step)
        return f"process {self._it.txns[step.source].process}"

    def _seen(self, step: Step) -> tuple[Sequence[Hashable], Hashable]:
        """The read of the target whose last element the source appended."""
        own = {append.element for append in self._appends[step.source, step.key]}
        for read in self._reads[step.target, step.key]:
            if read.seen and read.seen[-1] in own:
                return read.seen, read.seen[-1]
        raise AssertionError("no such read")

    def _old(self, step: Step) -> tuple[Sequence[Hashable], Hashable]:
        """The read of the source that lacks what the target appended, and what it lacks."""
        new = [append.element for append in self._appends[step.target, step.key]]
        for read in self._reads[step.source, step.key]:
            for element in new:
                if element not in read.seen:
                    return read.seen, element
        raise AssertionError("no such read")

    def _first(self, txn: int, key: int) -> str:
        return _element(self._appends[txn, key][0].element)

    def _gap(self, step: Step) -> str:
        if not self._history.timed:
            return ""
        ops, txns = self._history.ops, self._it.txns
        return show(ops[txns[step.target].at].time - ops[txns[step.source].done].time)

    def _name(self, key: int) -> str:
        return words.value(self._it.names[key]) if key >= 0 else ""

    def _who(self, txn: int) -> str:
        it = self._it.txns[txn]
        at = f" at {show(self._history.ops[it.at].time)}" if self._history.timed else ""
        return f"process {it.process}{at}"

    def _end(self, txn: int) -> int:
        """When it was over; what never was does not count."""
        it = self._it.txns[txn]
        return it.ret if it.ret != FOREVER else -1


def anomaly(
    finding: Finding, it: Transactions, history: History, faults: Sequence[Band]
) -> Anomaly:
    """What to draw and to say."""
    ops, txns = history.ops, it.txns
    index = [history.index(txn.at) for txn in txns]
    times = [ops[txns[i].at].time for i in finding.core]
    ends = [ops[txns[i].done].time for i in finding.core if txns[i].ret != FOREVER]
    start, end = min(times), max([*times, *ends])
    core = tuple(dict.fromkeys(index[i] for i in finding.core))
    near = window(history, start, end, txns[finding.at].at, MOST_OPS)
    return Anomaly(
        sentence=finding.sentence + fault_words(faults, start, end),
        at=index[finding.at],
        core=core,
        ops=tuple(sorted({history.index(i) for i in near} | set(core))),
        window=(start, end),
        edges=tuple(
            Edge(index[step.source], index[step.target], KINDS[step.kind], label)
            for step, label in finding.edges
        ),
        key=it.names[finding.key] if finding.key >= 0 else None,
    )


def _element(element: Any) -> str:
    """An element as it was written; those that were wrapped to be compared are taken out again."""
    return words.value(_plain(element))


def _list(seen: Sequence[Any]) -> str:
    """A list in words, only its end where it is long.

    >>> _list((1, 2)), _list(tuple(range(9)))
    ('[1, 2]', '[.. 3, 4, 5, 6, 7, 8]')
    """
    shown = ", ".join(_element(element) for element in seen[-MOST_SHOWN:])
    return f"[.. {shown}]" if len(seen) > MOST_SHOWN else f"[{shown}]"


def _plain(element: Any) -> Any:
    """What `tag` made of an element, undone as far as it is for reading."""
    if isinstance(element, tuple) and element and isinstance(element[0], type):
        rest = [_plain(item) for item in element[1:]]
        return rest if element[0] is tuple else rest[0] if len(rest) == 1 else rest
    return element
