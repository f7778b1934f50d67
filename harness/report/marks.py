"""Marks: what clients saw beside their answers, each on the lane of its session."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from harness.clock import Nanos
from harness.history import Call
from harness.op import WATCH, Op
from harness.report.canvas import width
from harness.report.words import show_value

GAP = 6.0  # points from the middle of a mark to its words
EVENT, SESSION = "event", "session"
MARK_COLOURS = {EVENT: "#7B3FB5", SESSION: "#1B2430"}
MARKERS = {EVENT: "D", SESSION: "|"}
MARK_WORDS = {EVENT: "watch event", SESSION: "what became of a session"}


class Mark(Struct, frozen=True):
    """Something that `process` saw at a time (ns); `kind` is EVENT or SESSION, `index` its line in
    the history."""

    time: Nanos
    kind: str
    process: int
    text: str
    index: int


def observed(ops: Iterable[Op]) -> list[Op]:
    """The lines of a history that are such. Those without an index get their place."""
    return [
        op if op.index >= 0 else replace(op, index=i)
        for i, op in enumerate(ops)
        if op.process == WATCH and op.session is not UNSET
    ]


def marks(seen: Sequence[Op], calls: Sequence[Call]) -> list[Mark]:
    """What was observed in sessions that some of these calls belong to, in order: on the lane of
    that call of its session that is nearest in time, since a session is not a process."""
    times: dict[str, list[tuple[Nanos, int]]] = {}
    for call in calls:
        done, process = call.completion, call.invoke.process
        if done is not None and done.session is not UNSET and isinstance(process, int):
            times.setdefault(str(done.session), []).append((call.invoke.time, process))
            times[str(done.session)].append((done.time, process))
    for found in times.values():
        found.sort()
    made = []
    for op in seen:
        mine = times.get(str(op.session))
        if mine:
            at = bisect_left(mine, (op.time, -1))
            near = min(mine[max(at - 1, 0) : at + 1], key=lambda one: abs(one[0] - op.time))
            kind = SESSION if op.f == "session" else EVENT
            made.append(Mark(op.time, kind, near[1], words(op), op.index))
    return made


def words(op: Op) -> str:
    """ "changed /a", "expired", "moved to n2"."""
    if op.f == "session":
        to = f" to {op.node}" if op.value == "moved" and isinstance(op.node, str) else ""
        return f"{show_value(op.value, 20)}{to}"
    if isinstance(op.value, (list, tuple)) and len(op.value) == 2:
        return f"{show_value(op.value[0], 12)} {show_value(op.value[1])}"
    return show_value(op.value)


def told(seen: Sequence[Op]) -> list[tuple[str, str]]:
    """How many there were of each, for the top of the page; nothing where there are none."""
    events = Counter(words(op).split(" ")[0] for op in seen if op.f != "session")
    ends = Counter(show_value(op.value) for op in seen if op.f == "session")
    rows = (("watch events", events), ("sessions", ends))
    return [
        (name, ", ".join(f"{count:,} {what}" for what, count in sorted(found.items())))
        for name, found in rows
        if found
    ]


class Placed(Struct, frozen=True):
    """A mark at x on paper (points), with its words from `text_x` on; none where there is no
    room."""

    mark: Mark
    x: float
    text: str = ""
    text_x: float = 0.0


def placed(
    mine: Sequence[Mark],
    place: Callable[[Nanos], float],
    span: tuple[float, float],
    size: float,
    important: Collection[int],
) -> list[Placed]:
    """The marks of one lane in one line. Words stand right of their mark, or left of it, where
    there is room; those of important ones (by index) come first."""
    xs = [place(mark.time) for mark in mine]
    taken = [(x - 3.0, x + 3.0) for x in xs]
    found: dict[int, Placed] = {}
    for i in sorted(range(len(mine)), key=lambda i: (mine[i].index not in important, i)):
        mark, x = mine[i], xs[i]
        need = width(mark.text, size, "bold" if mark.index in important else "normal")
        found[i] = Placed(mark, x)
        for start in (x + GAP, x - GAP - need):
            end = start + need
            is_free = all(b <= start or a >= end for a, b in taken)
            if span[0] <= start and end <= span[1] and is_free:
                taken.append((start, end))
                found[i] = Placed(mark, x, mark.text, start)
                break
    return [found[i] for i in range(len(mine))]
