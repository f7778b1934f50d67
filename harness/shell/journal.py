"""A journal: what was asked and answered in a shell, and what of it is known to be acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct

from harness.clock import SECOND, Nanos
from harness.op import INFO, OK, Op
from harness.shell.dialect import Dialect

WIDTH = 60  # of a command or an answer in the table


class Entry(Struct, frozen=True):
    """One line: when, who answered, what was typed (or ""), what came of it, and where."""

    time: Nanos
    node: str
    typed: str
    said: str
    place: str = ""


class Journal:
    """Fed with all that happens, in order; says which answers are old.

    An answer is stale where a write of the same thing was acknowledged, at a higher position,
    before it was asked for: an operation is over here before the next one begins.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.entries: list[Entry] = []
        self._dialect = dialect
        self._written: dict[str, Any] = {}  # what, and the position of its newest known write
        self._newest: Any = None
        self._unanswered: dict[Any, str] = {}  # process, and what it waits for still

    def answered(self, typed: str, asked: Op, done: Op, node: str, why: str) -> str:
        """Take in an operation that `node` was asked; what to tell who asked. `why` is what is
        known of a node that gave no answer."""
        text = self._dialect.answer(asked, done)
        touch = self._dialect.touched(asked, done)
        position = None if done.position is UNSET else done.position
        place = "" if position is None else self._dialect.place(position)
        remark, stale = "", False
        if position is not None:
            remark, stale = self._age(touch.reads, position, done.node)
            self._take_in(touch.writes, position)
        text = "\n".join([text, *self._waiting(typed, asked, done, why)])
        node = node if done.node is UNSET else str(done.node)
        first = ("STALE: " if stale else "") + text.split("\n")[0]
        self.entries.append(Entry(asked.time, node, typed, first, place))
        witness = f"  {node}, {place}{remark}" if place else ""
        return f"{text}\n{witness}" if witness else text

    def happened(self, time: Nanos, typed: str, said: str, node: str = "", place: str = "") -> None:
        """Take in a fault, or an event."""
        self.entries.append(Entry(time, node, typed, said.split("\n")[0], place))

    def _age(self, reads: tuple[str, ...], position: Any, node: Any) -> tuple[str, bool]:
        """How old an answer is, in words, and whether it is stale."""
        newer = [(self._written[what], what) for what in reads if what in self._written]
        written, what = max(newer, default=(None, ""))
        if written is not None and written > position:
            changed = self._dialect.place(written)
            return f"; STALE: {what} was changed at {changed}, and {node} does not know", True
        if reads and self._newest is not None and self._newest > position:
            return f"; {node} is behind: {self._dialect.place(self._newest)} is acknowledged", False
        return "", False

    def _take_in(self, writes: tuple[str, ...], position: Any) -> None:
        for what in writes:
            self._written[what] = max(position, self._written.get(what, position))
            self._newest = position if self._newest is None else max(position, self._newest)

    def _waiting(self, typed: str, asked: Op, done: Op, why: str) -> list[str]:
        """Why there was no answer: what is known of the node, and an earlier request of the same
        client that has had none either."""
        process = asked.process
        if done.type == OK or "timeout" not in str(done.error):
            self._unanswered.pop(process, None)
            return []
        lines = [f"  {why}"] if why else []
        if process in self._unanswered:
            before = self._unanswered[process]
            lines.append(f"  answers come in the order of a session, and {before!r} still waits")
        if done.type == INFO:
            self._unanswered.pop(process, None)
        else:
            self._unanswered.setdefault(process, typed)
        return lines

    def table(self) -> str:
        """All of it, a line each, by the time when it was asked or happened."""
        if not self.entries:
            return "nothing was asked yet"
        rows = [("time", "node", "command", "answer", "at")]
        rows += [
            (f"{e.time / SECOND:.1f} s", e.node, short(e.typed) or "*", short(e.said), e.place)
            for e in sorted(self.entries, key=lambda entry: entry.time)
        ]
        return columns(rows)


def short(text: str) -> str:
    """The beginning of a long text.

    >>> short("x" * 100)[-3:], len(short("x" * 100))
    ('...', 60)
    """
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as a table, each column as wide as its widest; the last as it is."""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(f"{text:<{w}}" for text, w in zip(row, wide, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
