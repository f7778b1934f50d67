"""When each fault was in force, as the nemesis's ops of a history tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from harness.clock import Nanos, show
from harness.fault import KINDS, kind_of
from harness.history import History
from harness.op import Op

OTHER_COLOUR = "#D5D9DE"  # of a kind of fault that we do not know


class Event(Struct, frozen=True):
    """One nemesis op: when it was asked and done (None: it never came back), and its report.

    `state` is installed, skipped, healed or "" where the history does not say; `shape` says in
    words what was done, `target` to whom it was to be done: "tail".
    """

    f: str
    kind: str
    asked: Nanos
    done: Nanos | None
    state: str = ""
    package: str = ""
    shape: str = ""
    why: str = ""
    proof: dict[str, Any] = {}
    target: str = ""


class Band(Struct, frozen=True):
    """A fault from the moment it was done until it was undone; `ended` is False where it
    lasted to the end of the history. `target` is the word of the plan: "tail"."""

    kind: str
    package: str
    label: str
    start: Nanos
    end: Nanos
    ended: bool
    target: str = ""

    @property
    def colour(self) -> str:
        """Its kind's, or a grey."""
        return next((kind.colour for kind in KINDS if kind.name == self.kind), OTHER_COLOUR)


def events(history: History) -> list[Event]:
    """What the nemesis did, in order."""
    made = []
    for i, op in enumerate(history.ops):
        j = history.partner[i]
        if op.process == "nemesis" and not 0 <= j < i:
            made.append(_event(op, history.ops[j] if j > i else None))
    return made


def _event(asked: Op, done: Op | None) -> Event:
    value = done.value if done is not None else asked.value
    report = value if isinstance(value, dict) else {}
    kind = kind_of(asked.f)
    targets = " ".join(str(t) for t in report.get("targets") or ())
    shape = str(report.get("shape") or "") or targets
    if value is not None and value is not report:  # a history that others recorded
        shape = str(value)
    proof = report.get("proof")
    return Event(
        f=asked.f,
        kind=str(report.get("fault") or (kind.name if kind else asked.f)),
        asked=asked.time,
        done=done.time if done is not None else None,
        state=str(report.get("state") or ""),
        package=str(report.get("package") or ""),
        shape=shape,
        why=str(report.get("why") or ""),
        proof=proof if isinstance(proof, dict) else {},
        target=_target(asked.value),
    )


def _target(value: Any) -> str:
    """A role, a count or nodes, as the plan names them; "" for a grudge, which has no short name,
    and in a history that others recorded."""
    found = value.get("targets") if isinstance(value, dict) else None
    if isinstance(found, list | tuple):
        return " ".join(map(str, found))
    return found if isinstance(found, str) else ""


def bands(history: History) -> list[Band]:
    """The faults that were in force, by start. Faults that were skipped have no band.

    An end op ends every open fault of its kind and package; one without an end runs to the end of
    the history.
    """
    open_: dict[tuple[str, str], list[Event]] = {}
    made: list[Band] = []
    for event in events(history):
        kind = kind_of(event.f)
        if kind is None or event.state == "skipped":
            continue
        name = (kind.name, event.package)
        if event.f in kind.starts:
            open_.setdefault(name, []).append(event)
        else:
            end = event.done if event.done is not None else event.asked
            made += [_band(start, end, True) for start in open_.pop(name, [])]
    last = max((op.time for op in history.ops), default=0)
    made += [_band(start, last, False) for starts in open_.values() for start in starts]
    return sorted(made, key=lambda b: (b.start, b.kind, b.package, b.end))


def _band(event: Event, end: Nanos, ended: bool) -> Band:
    kind = kind_of(event.f)
    name = kind.name if kind else event.kind
    label = f"{name} {event.shape}".strip()
    start = event.asked if event.done is None else event.done
    return Band(name, event.package, label, start, max(start, end), ended, event.target)


def in_force(found: Sequence[Band], start: Nanos, end: Nanos) -> Band | None:
    """Of the faults in force at some time from `start` to `end`, the one that began last."""
    during = [band for band in found if band.start <= end and band.end >= start]
    return max(during, key=lambda band: band.start, default=None)


def fault_words(found: Sequence[Band], start: Nanos, end: Nanos) -> str:
    """The end of a sentence about what was wrong from `start` to `end`: the fault in force
    then that began last; "" for none."""
    band = in_force(found, start, end)
    return "" if band is None else f"; {show(end - band.start)} after {band.label}"
