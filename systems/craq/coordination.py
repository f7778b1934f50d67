"""A client of the coordination service inside a core that does something else: a manager, a node.

It is the client of systems.zookeeper as it is. Its effects pass through the core's own; what it
completes goes to the function that asked, what it observes to `on_event`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from harness.clock import Nanos
from harness.core import CancelTimer, Complete, Effect, Message, NodeId, Observe, SetTimer
from harness.op import Op, invoke
from systems.zookeeper.client import ZooKeeperClient
from systems.zookeeper.wire import Item, Pong, Turned, Welcome

PREFIX = "ensemble "  # of its timers' names
SAID = frozenset({Item, Welcome, Turned, Pong})  # what servers say to clients

Then = Callable[[Op, Nanos], Iterable[Effect]]


class Coordination:
    """`session` (ns) is the session's timeout, and the time an operation may take: one that takes
    longer has lost its session anyway."""

    def __init__(
        self, me: NodeId, servers: Sequence[NodeId], session: Nanos, on_event: Then
    ) -> None:
        self._me, self._servers, self._session = me, tuple(servers), session
        self._on_event = on_event
        self._numbers = count()
        self._then: dict[Any, Then] = {}

    def begin(self, now: Nanos) -> None:
        """Before all else: a client that is not taken for that of an earlier incarnation."""
        me, servers, session = self._me, self._servers, self._session
        home = servers[sum(me.encode()) % len(servers)]
        self._client = ZooKeeperClient(me, home, servers, session, session, syncs=False, tries=now)

    def do(self, f: str, value: Any, then: Then, now: Nanos) -> list[Effect]:
        """Begin an operation; `then` is given its completion, whatever its type."""
        process = next(self._numbers)
        self._then[process] = then
        return self._passed(self._client.invoke(invoke(f, value, process=process), now), now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> list[Effect]:
        """A server has said something."""
        return self._passed(self._client.receive(source, message, now), now)

    def timer(self, name: str, now: Nanos) -> list[Effect]:
        """One of its timers (`is_timer`) has fired."""
        return self._passed(self._client.timer(name.removeprefix(PREFIX), now), now)

    @staticmethod
    def is_timer(name: str) -> bool:
        """Whether a timer is one of its own."""
        return name.startswith(PREFIX)

    def _passed(self, effects: Iterable[Effect], now: Nanos) -> list[Effect]:
        passed: list[Effect] = []
        for effect in effects:
            if isinstance(effect, SetTimer):
                passed.append(SetTimer(PREFIX + effect.name, effect.delay))
            elif isinstance(effect, CancelTimer):
                passed.append(CancelTimer(PREFIX + effect.name))
            elif isinstance(effect, Complete):
                passed += self._then.pop(effect.op.process)(effect.op, now)
            elif isinstance(effect, Observe):
                passed += self._on_event(effect.op, now)
            else:
                passed.append(effect)
        return passed
