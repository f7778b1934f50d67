"""A trace: every message that nodes and clients of a simulated run sent and were given.

The system is wrapped, its cores are not changed: what goes in and what comes out is written down on
the way. `Sent` is at the time of the input that made it; a message that is sent may be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from harness.clock import Nanos
from harness.core import ClientCore, Core, Dump, Effect, NodeId, Send
from harness.op import Op
from harness.system import Invariants, System


class Passed(Struct, frozen=True, gc=False):
    """A message that was sent (`was_sent`), or given to its target. `by_itself`: nobody's message
    nor operation made its source send it, but a timer."""

    time: Nanos
    was_sent: bool
    source: NodeId
    target: NodeId
    message: Any
    by_itself: bool = False

    @property
    def kind(self) -> str:
        """The message's type."""
        return type(self.message).__name__


class Trace:
    """Everything that passed, in order of time."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []

    def sent(self, since: Nanos = 0, until: Nanos | None = None) -> Iterator[Passed]:
        """What was sent in this time."""
        return self._between(True, since, until)

    def given(self, since: Nanos = 0, until: Nanos | None = None) -> Iterator[Passed]:
        """What its target was given in this time."""
        return self._between(False, since, until)

    def _between(self, was_sent: bool, since: Nanos, until: Nanos | None) -> Iterator[Passed]:
        for one in self.passed:
            inside = since <= one.time and (until is None or one.time < until)
            if inside and one.was_sent == was_sent:
                yield one

    def counts(self, kinds: Iterable[str], since: Nanos = 0, until: Nanos | None = None) -> Count:
        """How many messages of these kinds each node and client sent."""
        wanted = set(kinds)
        found: Count = Counter()
        for one in self.sent(since, until):
            if one.kind in wanted:
                found[one.source, one.kind] += 1
        return found


Count = Counter[tuple[NodeId, str]]
Watcher = Callable[[Passed], None]


class Traced:
    """A system whose nodes and clients are watched; all else is as it is."""

    def __init__(self, inner: System, watcher: Watcher) -> None:
        self._inner = inner
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def node(self, me: NodeId, rng: Random) -> Core:
        """The system's node, watched."""
        return _Node(me, self._inner.node(me, rng), self._watcher)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """The system's client, watched."""
        return _Client(me, self._inner.client(me, home, rng), self._watcher)

    def invariants(self) -> Invariants:
        """The system's, of the cores inside."""
        return _Inside(self._inner.invariants())


class _Watched:
    """What nodes and clients have in common."""

    def __init__(self, me: NodeId, core: Any, watcher: Watcher) -> None:
        self.me = me
        self.core = core
        self.watcher = watcher

    def _out(
        self, effects: Iterable[Effect], now: Nanos, by_itself: bool = False
    ) -> Sequence[Effect]:
        """The same effects, after those that send are told of."""
        found = list(effects)
        for effect in found:
            if type(effect) is Send:
                self.watcher(Passed(now, True, self.me, effect.to, effect.message, by_itself))
        return found

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Sequence[Effect]:
        """A message has come."""
        self.watcher(Passed(now, False, source, self.me, message))
        return self._out(self.core.receive(source, message, now), now)

    def timer(self, name: str, now: Nanos) -> Sequence[Effect]:
        """A timer has fired."""
        return self._out(self.core.timer(name, now), now, by_itself=True)


class _Node(_Watched):
    def start(self, stored: Sequence[Any], now: Nanos) -> Sequence[Effect]:
        """Begin."""
        return self._out(self.core.start(stored, now), now)

    def dump(self) -> Dump | None:
        """What it holds."""
        dump: Dump | None = self.core.dump()
        return dump


class _Client(_Watched):
    def invoke(self, op: Op, now: Nanos) -> Sequence[Effect]:
        """Begin an operation."""
        return self._out(self.core.invoke(op, now), now)


class _Inside:
    """Invariants of what is watched."""

    def __init__(self, inner: Invariants) -> None:
        self._inner = inner

    def check(self, cores: Mapping[NodeId, Any]) -> None:
        """Look at the cores inside."""
        self._inner.check({name: core.core for name, core in cores.items()})
