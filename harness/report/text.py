"""An anomaly as plain text: its core as a small timeline, and what forces its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from harness.history import Call
from harness.op import INFO, OK
from harness.report.graph import KINDS
from harness.report.lanes import end_of
from harness.report.words import clean, describe, node_of, show_value, within
from harness.result import Anomaly, Fold

MOST = 20  # operations; of more, those that were called last
MOST_IN_TIME = 12  # edges of real time that are listed; the bars show them all
LONGEST = 2_000  # bytes of a value in JSON
_STEP = 4  # columns from one event to the next
_WIDEST = 64  # columns for all of them
_SIGNS = (("✓", "ok"), ("→", "->"), ("✗", "refused"), ("…", "..."), ("±", "+-"))


class Row(Struct, frozen=True):
    """One operation: its number, who did it, what it was, and its bar."""

    number: int
    who: str
    what: str
    bar: str
    remark: str


def lines(anomaly: Anomaly, calls: Mapping[int, Call], *, timed: bool = True) -> list[str]:
    """The core as lines of text, in letters that every terminal has: a row an operation, in the
    order of their calls, with bars that show which had returned before which was called, and below
    them what forces the contradiction. No lines where none of the core is known."""
    core = [i for i in sorted({*anomaly.core, anomaly.at}) if i in calls][-MOST:]
    if not core:
        return []
    rows = _rows(anomaly, core, calls, timed)
    whos = max(len(row.who) for row in rows)
    whats = max(len(row.what) for row in rows)
    bars = max(len(row.bar) for row in rows)
    shown = [
        f"{row.number:>2}  {row.who:<{whos}}  {row.what:<{whats}}  {row.bar:<{bars}}  {row.remark}"
        for row in rows
    ]
    numbers = {i: n for n, i in enumerate(core, 1)}
    below = [*_why(anomaly, numbers), *(_plain(note) for note in anomaly.notes)]
    return [_head(anomaly, len(core)), *(line.rstrip() for line in shown), *below]


def _head(anomaly: Anomaly, count: int) -> str:
    several = "one operation" if count == 1 else f"{count} operations"
    hidden = len({*anomaly.core, anomaly.at}) - count + anomaly.more
    if hidden:
        several = f"the last {count} of {count + hidden:,} operations"
    folded = sum(len(fold.ops) for fold in anomaly.folded)
    more = f" and {folded} compare-and-sets between them" if folded else ""
    if anomaly.verified:
        before = ", whatever there was before" if anomaly.starts else ""
        alone = "by itself" if count == 1 and not folded else "by themselves"
        how = "" if anomaly.notes else f" (judged {alone})"  # else the notes say how
        return f"{several}{more} that no order allows{before}{how}:"
    return f"{several}{more} that bear on it:"


def _rows(anomaly: Anomaly, core: list[int], calls: Mapping[int, Call], timed: bool) -> list[Row]:
    ends = {i: end_of(calls[i]) for i in core}
    events = sorted(
        [(calls[i].invoke.time, 0, i) for i in core]
        + [(end, 1, i) for i, end in ends.items() if end is not None]
    )
    step = max(1, min(_STEP, _WIDEST // max(len(events), 1)))
    column = {(i, is_end): place * step for place, (_, is_end, i) in enumerate(events)}
    last = len(events) * step
    rows = []
    for number, i in enumerate(core, 1):
        start, end = column[i, 0], column.get((i, 1), last)
        line = "=" if i == anomaly.at else "-"
        tip = "|" if ends[i] is not None else ">"
        bar = " " * start + "|" + line * max(end - start - 1, 1) + tip
        said = _plain(describe(calls[i]))
        rows.append(Row(number, _who(calls[i]), said, bar, _remark(anomaly, i, calls[i], timed)))
    return rows


def _who(call: Call) -> str:
    node = node_of(call)
    return f"process {call.invoke.process}" + (f" -> {node}" if node else "")


def _remark(anomaly: Anomaly, i: int, call: Call, timed: bool) -> str:
    """When it was open, and what is particular about it."""
    marks = [within(call)] if timed else []
    if i == anomaly.at:
        marks.append(clean(anomaly.name) or "cannot be placed")
    elif i in anomaly.forgotten:
        marks.append(
            "may have happened or not" if anomaly.starts else "what it was told is not needed"
        )
    return "; ".join(filter(None, marks))


def _why(anomaly: Anomaly, numbers: Mapping[int, int]) -> list[str]:
    """The edges of the graph, one a line."""
    folds = {(fold.source, fold.target): fold for fold in anomaly.folded}
    said: dict[str, None] = {}
    in_time = sum(edge.kind == "rt" for edge in anomaly.edges)
    for edge in anomaly.edges:
        if edge.kind == "rt" and in_time > MOST_IN_TIME:
            continue
        if edge.source not in numbers or edge.target not in numbers:
            continue
        words, meaning = KINDS.get(edge.kind, ("", edge.kind, ""))[1:]
        label = edge.label if edge.kind != "wr" else ""
        why = label or meaning or words
        fold = folds.get((edge.source, edge.target))
        pair = f"{numbers[edge.source]:>2} before {numbers[edge.target]}"
        said[f"{pair} ({words}): {_plain(_chain(fold) if fold else why)}"] = None
    if in_time > MOST_IN_TIME:
        said["real time: the bars show which had returned before which was called"] = None
    return list(said)


def _chain(fold: Fold) -> str:
    return f"a chain of {len(fold.ops)} compare-and-sets leads from one to the other"


def _plain(text: str) -> str:
    for sign, word in _SIGNS:
        text = text.replace(sign, word)
    return clean(text)


def summary(anomaly: Anomaly, calls: Mapping[int, Call]) -> dict[str, object]:
    """The anomaly as plain data, its operations in words: what `--json` prints."""
    core = [i for i in sorted({*anomaly.core, anomaly.at}) if i in calls]
    return {
        "sentence": anomaly.sentence,
        "kind": anomaly.kind,
        "key": anomaly.key,
        "at": anomaly.at,
        "verified": anomaly.verified,
        "core": [_operation(anomaly, i, calls[i]) for i in core],
        "edges": [
            {"source": e.source, "target": e.target, "kind": e.kind, "label": e.label}
            for e in anomaly.edges
        ],
        "folded": [
            {"source": f.source, "target": f.target, "ops": list(f.ops)} for f in anomaly.folded
        ],
        "starts": list(anomaly.starts),
        "window": list(anomaly.window),
    }


def _operation(anomaly: Anomaly, i: int, call: Call) -> dict[str, object]:
    done = call.completion
    return {
        "index": i,
        "process": call.invoke.process,
        "f": call.invoke.f,
        "said": describe(call),
        "value": _whole(call.invoke.value),
        "type": done.type if done is not None else INFO,
        "answer": _whole(done.value) if done is not None and done.type == OK else None,
        "call": call.invoke.time,
        "return": end_of(call),
        "forgotten": i in anomaly.forgotten,
    }


def _whole(value: Any) -> Any:
    """The value as the history has it, or in words where that is no JSON or too long to be read."""
    try:
        if len(msgspec.json.encode(value)) <= LONGEST:
            return value
    except (TypeError, ValueError):
        pass
    return show_value(value, 200)
