"""The committed log, put together from what every node held at the end of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from checker.zookeeper.request import PARTS, fits
from harness.core import Dump, NodeId

INDEX = 0xFFFFFFFF  # the part of a zxid that is the entry's place in the log
UPDATES = PARTS | {"multi"}
FIELDS = ("term", "position", "session", "seq", "type", "value", "time", "error")


class Entry(Struct, frozen=True, gc=False):
    """One line of a node's log. `error` is None where the entry took effect; `expired` whether it
    ends a session that nobody has heard of."""

    index: int
    term: int
    position: int
    session: str | None
    seq: int
    type: str
    value: Any
    time: int | None
    error: Any
    expired: bool = False


class Disagreement(Struct, frozen=True):
    """Two nodes hold different entries at one place of the log."""

    index: int
    first: NodeId
    second: NodeId
    entries: tuple[Entry, Entry]


class Log:
    """The entries of all nodes, by index; where nodes disagree, those of the longest log.

    `spans` are the stretches of indices that some node held, first and last. `backward` are pairs
    of neighbours whose term or zxid does not grow. `births` says at which zxid which session was
    made, `timeouts` what its timeout is (ms), `expired` are the zxids at which one was ended for
    its silence, as far as the nodes say so. `why` says why there is no log, where that is so.
    """

    def __init__(self, entries: Sequence[Entry], why: str | None = None) -> None:
        self.entries = entries
        self.why = why
        self.disagreements: list[Disagreement] = []
        self.by_index = {entry.index: entry for entry in entries}
        self.by_request: dict[tuple[str, int], list[Entry]] = {}
        self.births: dict[str, int] = {}
        self.timeouts: dict[str, int] = {}
        self.expired: set[int] = set()
        for entry in entries:
            if entry.expired:
                self.expired.add(entry.position)
            if entry.seq and entry.session is not None:
                self.by_request.setdefault((entry.session, entry.seq), []).append(entry)
            elif entry.type == "createSession" and isinstance(entry.value, dict):
                name, timeout = str(entry.value.get("session")), entry.value.get("timeout_ms")
                self.births[name] = entry.position
                if type(timeout) is int:
                    self.timeouts[name] = timeout
        self.spans = _spans(entries)
        self._starts = [first for first, _ in self.spans]
        self.backward = [
            (a, b) for a, b in pairwise(entries) if b.term < a.term or b.position <= a.position
        ]

    def covers(self, position: int) -> bool:
        """Whether some node held the entry with the index of this zxid."""
        index = position & INDEX
        i = bisect_right(self._starts, index) - 1
        return i >= 0 and index <= self.spans[i][1]

    def at(self, position: int) -> Entry | None:
        """The entry with this zxid."""
        entry = self.by_index.get(position & INDEX)
        return entry if entry is not None and entry.position == position else None

    def is_past(self, position: int) -> bool:
        """Whether the log went on, in a later epoch, without an entry of this zxid: it can never
        be part of it again."""
        if not self.entries or position & INDEX <= 0:
            return False
        if self.covers(position):
            return self.at(position) is None
        last = self.entries[-1]
        return position & INDEX > last.index and position >> 32 < last.term

    @property
    def is_whole(self) -> bool:
        """Whether it has all entries from the first one on."""
        return len(self.spans) == 1 and self.spans[0][0] <= 1


def merge(dumps: Mapping[NodeId, Dump]) -> Log:
    """The log of all nodes."""
    logs: dict[NodeId, list[Any]] = {node: _entries(dump.log) for node, dump in dumps.items()}
    logs = {node: lines for node, lines in logs.items() if lines}
    if not logs:
        return Log((), "no node said at the end what its log is")
    for node, lines in sorted(logs.items()):
        if not all(isinstance(line, dict) and {"index", *FIELDS[:6]} <= set(line) for line in
                   (lines[0], lines[-1])):  # fmt: skip
            return Log((), f"the log of {node} is not of this service")
    try:
        return _merged(logs)
    except (KeyError, TypeError, AttributeError) as error:
        return Log((), f"the nodes' logs are not of this service: {error!r}")


def _entries(lines: list[Any]) -> list[Any]:
    """A log without a first line that only says how far the snapshot goes that its node began
    with."""
    first = lines[0] if lines else None
    return lines[1:] if isinstance(first, dict) and first.get("type") == "snapshot" else lines


def _merged(logs: Mapping[NodeId, Sequence[Any]]) -> Log:
    order = sorted(logs, key=lambda node: (-logs[node][-1]["index"], logs[node][0]["index"], node))
    held: dict[int, tuple[NodeId, Any]] = {}
    clashes: dict[int, tuple[NodeId, Any]] = {}
    for node in order:
        for line in logs[node]:
            index = line["index"]
            have = held.get(index)
            if have is None:
                held[index] = (node, line)
            elif have[1] is not line and have[1] != line and _differ(have[1], line):
                clashes.setdefault(index, (node, line))
    log = Log([_entry(held[index][1]) for index in sorted(held)])
    for entry in log.entries:
        if entry.type in UPDATES and not fits(entry.type, entry.value):
            return Log((), f"entry {entry.index} of the log is no {entry.type}: {entry.value!r}")
    log.disagreements = [
        Disagreement(i, held[i][0], node, (_entry(held[i][1]), _entry(line)))
        for i, (node, line) in sorted(clashes.items())
    ]
    return log


def _differ(a: Any, b: Any) -> bool:
    return any(plain(a.get(name)) != plain(b.get(name)) for name in FIELDS)


def _entry(line: Any) -> Entry:
    return Entry(
        line["index"], line["term"], line["position"], line["session"], line["seq"] or 0,
        line["type"], line["value"], line.get("time"), line.get("error"),
        line.get("expired") is True and line.get("error") is None,
    )  # fmt: skip


def _spans(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for entry in entries:
        if spans and entry.index == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], entry.index)
        else:
            spans.append((entry.index, entry.index))
    return spans


def plain(value: Any) -> Any:
    """The value with lists for tuples, as JSON has it.

    >>> plain(("a", ({"b": (1,)},)))
    ['a', [{'b': [1]}]]
    """
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value
