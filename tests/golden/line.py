"""An effect of a core as one compact line that a newcomer can read."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import fields

from harness.clock import MS
from harness.core import CancelTimer, Complete, Effect, Note, Observe, Persist, Send, SetTimer
from harness.op import Op
from systems.craq.layout import Layout
from systems.craq.message import Entry as Link
from systems.raft.message import INDEX_BITS, Entry, Members, index_of
from systems.zookeeper.command import Stat

POSITIONS = frozenset({"position", "zxid", "seen", "floor", "czxid", "mzxid", "pzxid"})
RANDOM = frozenset({"mark", "token"})  # numbers drawn at random: said as #1, #2, ...


class Words:
    """Says effects; keeps the short names of random numbers."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def effect(self, node: str, effect: Effect) -> str:
        """One effect of a node or client."""
        if isinstance(effect, Send):
            return f"{node} -> {effect.to}  {self.of(effect.message)}"
        if isinstance(effect, SetTimer):
            return f"{node} sets timer {effect.name}: {effect.delay // MS} ms"
        if isinstance(effect, CancelTimer):
            return f"{node} cancels timer {effect.name}"
        if isinstance(effect, Note):
            return f"{node} notes {effect.what}: {self._pairs(effect.data)}"
        if isinstance(effect, (Complete, Observe)):
            return f"{node} {self._op(effect.op)}"
        what = "writes" if isinstance(effect, Persist) else "replaces its disk by"
        return f"{node} {what} {self.of(effect.record)}"

    def of(self, value: Any, name: str = "") -> str:
        """A value; `name` is that of the field that holds it."""
        if isinstance(value, Entry):
            return self._entry(value)
        if isinstance(value, Link):
            return self._link(value)
        if isinstance(value, Layout):
            return self._layout(value)
        if isinstance(value, Members):
            voters = " ".join(f"{n}{self._short(m) if m else ''}" for n, m in value.voters.items())
            learners = "".join(f" +{n}" for n in value.learners)
            return f"{{{voters}{learners} at {value.index}}}"
        if isinstance(value, Struct):
            return self._struct(value)
        if isinstance(value, bytes):
            return f"<{len(value)} bytes>"
        if isinstance(value, dict):
            if name == "known":
                return f"{{{' '.join(f'{n}{self._short(m)}' for n, m in value.items())}}}"
            is_stat = value.keys() >= {"czxid", "cversion"}
            return f"Stat({self._pairs(value)})" if is_stat else f"{{{self._pairs(value)}}}"
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(self.of(v) for v in value)}]"
        if name in POSITIONS and value:
            return f"{value >> INDEX_BITS}.{index_of(value)}"
        if name in RANDOM and isinstance(value, int) and value > 0:
            return self._short(value)
        return str(value)

    def _struct(self, value: Struct) -> str:
        """Its name, and the fields that differ from their defaults."""
        said = {f.name: getattr(value, f.name) for f in fields(value)}
        defaults = {f.name: f.default for f in fields(value)}
        told = {k: v for k, v in said.items() if v != defaults[k] and v != ()}
        if isinstance(value, Stat):
            return f"Stat({self._pairs(told)})"
        return f"{type(value).__name__}({self._pairs(told)})"

    def _pairs(self, data: dict[str, Any]) -> str:
        """Name=value; of a Stat only what is not nought."""
        if "czxid" in data:
            data = {k: v for k, v in data.items() if v and k not in ("ctime", "mtime")}
        return " ".join(f"{k}={self.of(v, k)}" for k, v in data.items())

    def _entry(self, entry: Entry[Any]) -> str:
        if entry.members is not None:
            return f"t{entry.term} {self.of(entry.members)}"
        if entry.command is None:
            return f"t{entry.term} no-op"
        return f"t{entry.term} {entry.client}/{entry.seq} {self.of(entry.command)}"

    def _link(self, entry: Link) -> str:
        """An entry of a chain's log: whose, which stage of what it is, and what it writes."""
        stage = f" {entry.stage.what}" if entry.stage else ""
        writes = "".join(f" {w.key}={self.of(w.value)}" for w in entry.writes)
        refused = f" {entry.error}" if entry.error else ""
        whose = self.of(entry.move) if entry.move else f"{entry.client}/{entry.id}"
        return f"{entry.seq}: {whose}{stage}{writes}{refused}"

    def _layout(self, layout: Layout) -> str:
        """Who is in each chain, in which epoch; which slots it has; and what is under way."""
        chains = " ".join(
            f"[{' '.join(c.chain)}]e{c.epoch}{f' {c.joining} joins' if c.joining else ''}"
            for c in layout.chains
        )
        slots = " ".join(f"{first}-:{chain}" for first, chain in layout.ranges)
        out = f" out {' '.join(layout.out)}" if layout.out else ""
        move = layout.move
        going = f" {move.first}-{move.end - 1}: {move.source}->{move.target}" if move else ""
        return f"v{layout.version} {chains} slots {slots}{out}{going}"

    def _op(self, op: Op) -> str:
        """A completion, a watch event or what became of a session."""
        at = "" if op.position is UNSET else f" at {self.of(op.position, 'zxid')}"
        if isinstance(op.position, int) and not op.position >> INDEX_BITS:
            at = f" at {op.position}"  # a version
        by = "" if op.node is UNSET else f" by {op.node}"
        what = self.of(op.value) if op.error is UNSET or op.error is None else self.of(op.error)
        return f"{op.type}: {op.f} {what}{at}{by}"

    def _short(self, number: int) -> str:
        return self._known.setdefault(number, f"#{len(self._known) + 1}")
