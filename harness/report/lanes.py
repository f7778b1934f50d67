"""Lanes: which operations of an anomaly are drawn, and where each bar and its words go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from harness.clock import Nanos
from harness.history import Call, History
from harness.op import INVOKE
from harness.report.canvas import width
from harness.report.words import describe, node_of, outcome
from harness.result import Anomaly

MAX_LANES, MAX_OPS, MAX_CORE = 11, 70, 12
SIZE = 9.0  # points, of a bar's words
_LEAST = 4.0  # points: the narrowest bar that can be seen


class Bar(Struct, frozen=True):
    """One operation: from x0 to x1 on paper, with its words at `text_x` in line `row` above the
    bar (-1: inside it); no words where there is no room. `open` bars have no known end."""

    call: Call
    x0: float
    x1: float
    open: bool
    text: str
    text_x: float
    row: int


class Lane(Struct, frozen=True):
    """One process's bars. `rows` lines of words are needed above them."""

    process: int
    label: str
    bars: tuple[Bar, ...]
    rows: int
    important: bool


def index_calls(history: History, wanted: Collection[int] | None = None) -> dict[int, Call]:
    """The calls by the index of their invocation, as anomalies name them; only those that are
    wanted, where that is said. Ops without an index get their place in the history."""
    found = {}
    for i, op in enumerate(history.ops):
        if wanted is not None and (op.index if op.index >= 0 else i) not in wanted:
            continue
        if op.type == INVOKE and op.is_client:
            j = history.partner[i]
            asked = op if op.index >= 0 else replace(op, index=i)
            found[asked.index] = Call(asked, history.ops[j] if j >= 0 else None)
    return found


def core_of(anomaly: Anomaly, calls: Mapping[int, Call], most: int = MAX_CORE) -> list[int]:
    """The operations that contradict one another, those nearest to the one that cannot be placed
    where there are more than `most`."""
    core = [i for i in sorted({*anomaly.core, anomaly.at}) if i in calls]
    if len(core) <= most or anomaly.at not in calls:
        return core[-most:]
    middle = calls[anomaly.at].invoke.time
    core.sort(key=lambda i: (i != anomaly.at, _distance(calls[i], middle), -i))
    return sorted(core[:most])


def choose(anomaly: Anomaly, calls: Mapping[int, Call], window: tuple[Nanos, Nanos]) -> list[Call]:
    """The operations worth drawing: the core, then those of the window that are nearest to the one
    that cannot be placed, at most MAX_OPS in MAX_LANES lanes; by invocation."""
    mine = core_of(anomaly, calls)
    core = [calls[i] for i in mine]
    others = [calls[i] for i in {*anomaly.ops, *anomaly.core} if i in calls and i not in mine]
    others = [call for call in others if _is_within(call, window)]
    middle = calls[anomaly.at].invoke.time if anomaly.at in calls else window[0]
    others.sort(key=lambda call: (_distance(call, middle), call.invoke.index))
    processes = {call.invoke.process for call in core}
    chosen = {call.invoke.index: call for call in core}
    for call in others:
        process = call.invoke.process
        if process not in processes and len(processes) >= MAX_LANES:
            continue
        if len(chosen) >= MAX_OPS:
            break
        processes.add(process)
        chosen[call.invoke.index] = call
    return [chosen[i] for i in sorted(chosen)]


def _is_within(call: Call, window: tuple[Nanos, Nanos]) -> bool:
    end = end_of(call)
    return call.invoke.time <= window[1] and (end is None or end >= window[0])


def _distance(call: Call, time: Nanos) -> Nanos:
    end = end_of(call)
    return max(call.invoke.time - time, (time - end) if end is not None else 0, 0)


def end_of(call: Call) -> Nanos | None:
    """When it returned; None for an outcome that nobody knows: it may take effect any time."""
    return call.completion.time if call.completion and outcome(call) != "info" else None


def lanes(
    drawn: Sequence[Call],
    core: frozenset[int],
    place: Callable[[Nanos], float],
    left: float,
    right: float,
) -> list[Lane]:
    """A lane a process, by process; the core's words always find a place, others where there is
    room."""
    by_process: dict[int, list[Call]] = {}
    for call in drawn:
        if isinstance(call.invoke.process, int):
            by_process.setdefault(call.invoke.process, []).append(call)
    made = []
    for process in sorted(by_process):
        mine = by_process[process]
        important = any(call.invoke.index in core for call in mine)
        bars = _bars(mine, core, place, left, right)
        rows = max((bar.row for bar in bars if bar.text), default=-1) + 1
        made.append(Lane(process, _label(process, mine), tuple(bars), rows, important))
    return made


def _label(process: int, calls: Sequence[Call]) -> str:
    nodes = list(dict.fromkeys(node for call in calls if (node := node_of(call))))
    several = ", ".join(nodes[:3]) + ("…" if len(nodes) > 3 else "")
    return f"process {process}" + (f" → {several}" if nodes else "")


def _bars(
    calls: Sequence[Call],
    core: frozenset[int],
    place: Callable[[Nanos], float],
    left: float,
    right: float,
) -> list[Bar]:
    spans = [_span(call, place, right) for call in calls]
    taken: list[tuple[int, float, float]] = []  # row, from, to
    words: dict[int, tuple[str, float, int]] = {}
    order = sorted(range(len(calls)), key=lambda i: (calls[i].invoke.index not in core, i))
    for i in order:
        is_core = calls[i].invoke.index in core
        text = describe(calls[i])
        need = width(text, SIZE, "bold" if is_core else "normal") + 9
        x0, x1 = spans[i]
        if need <= x1 - x0 - 4 and not _overlaps(spans, i):
            words[i] = (text, (x0 + x1) / 2, -1)
            continue
        for row in range(4 if is_core else 1):
            spot = _free(need, (x0, x1), [t for t in taken if t[0] == row], left, right)
            if spot is not None:
                taken.append((row, spot, spot + need))
                words[i] = (text, spot + need / 2, row)
                break
        else:
            # Words that found no free line go on the topmost one: never left out for the core.
            words[i] = (text, max(left + need / 2, x0), 4) if is_core else ("", x0, 0)
    return [
        Bar(call, *spans[i], open=end_of(call) is None, text=words[i][0],
            text_x=words[i][1], row=words[i][2])
        for i, call in enumerate(calls)
    ]  # fmt: skip


def _span(call: Call, place: Callable[[Nanos], float], right: float) -> tuple[float, float]:
    end = end_of(call)
    x0 = place(call.invoke.time)
    x1 = right if end is None else place(end)
    if x1 - x0 < _LEAST:
        x0 = (x0 + x1 - _LEAST) / 2
        x1 = x0 + _LEAST
    return x0, x1


def _overlaps(spans: Sequence[tuple[float, float]], i: int) -> bool:
    """Whether another bar of the lane lies on this one (both too short for the paper)."""
    x0, x1 = spans[i]
    return any(j != i and a < x1 and b > x0 for j, (a, b) in enumerate(spans))


def _free(
    need: float,
    span: tuple[float, float],
    taken: Sequence[tuple[int, float, float]],
    left: float,
    right: float,
) -> float | None:
    """Where words of this width may start above their bar: centred, or pushed to either side."""
    x0, x1 = span
    for start in ((x0 + x1 - need) / 2, x0, x1 - need):
        spot = min(max(start, left), right - need)
        if spot >= left and all(b <= spot or a >= spot + need for _, a, b in taken):
            return spot
    return None
