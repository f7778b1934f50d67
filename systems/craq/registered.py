"""A replica that says in the coordination service that it is there: an ephemeral of its own.

/nodes/n1    as long as n1's session lives; a restarted n1 takes the place of its earlier self
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import MS, Nanos
from harness.core import Effect, NodeId, SetTimer
from harness.op import OK, Op
from systems.craq.coordination import SAID, Coordination
from systems.craq.node import Node

PLACE = "/nodes"
REGISTER = "register"
AGAIN: Nanos = 200 * MS  # between two tries


class Registered(Node):
    """A Node with a session at `servers`, whose timeout is `session` ns."""

    def __init__(
        self, *args: Any, servers: Sequence[NodeId], session: Nanos, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._ensemble = Coordination(self.me, servers, session, self._event)
        self._path = f"{PLACE}/{self.me}"

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """Begin as ever, and register."""
        self._ensemble.begin(now)
        return [*super().start(stored, now), *self._register(now)]

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """A message of the chain, a client, a manager or the coordination service."""
        if type(message) in SAID:
            return self._ensemble.receive(source, message, now)
        return super().receive(source, message, now)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer of the node's, of its session's, or to register again."""
        if Coordination.is_timer(name):
            return self._ensemble.timer(name, now)
        return self._register(now) if name == REGISTER else super().timer(name, now)

    def _register(self, now: Nanos) -> list[Effect]:
        return self._ensemble.do("create", [self._path, None, "e"], self._registered, now)

    def _registered(self, op: Op, now: Nanos) -> list[Effect]:
        if op.type == OK:
            return []
        if op.error == "no-node":
            return self._ensemble.do("create", [PLACE, None], self._retry, now)
        if op.error == "node-exists":  # an earlier incarnation's
            parts = [["delete", self._path, -1], ["create", self._path, None, "e"]]
            return self._ensemble.do("multi", parts, self._replaced, now)
        return [SetTimer(REGISTER, AGAIN)]

    def _replaced(self, op: Op, now: Nanos) -> list[Effect]:
        return [] if op.type == OK else self._retry(op, now)

    def _retry(self, op: Op, now: Nanos) -> list[Effect]:
        return [SetTimer(REGISTER, AGAIN)]

    def _event(self, line: Op, now: Nanos) -> list[Effect]:
        """A session that has ended took the ephemeral with it."""
        ended = line.f == "session" and line.value in ("expired", "closed")
        return [SetTimer(REGISTER, AGAIN)] if ended else []
