"""Clients for people: a session stays at its server as long as it is heard there, or is told to go.

The usual client looks for another server when an answer is late. A person wants to see what a
server does that is cut off, so here only silence of two thirds of the session's timeout, or the
operation CONNECT, makes the session move.
"""

from __future__ import annotations

from harness.clock import Nanos
from harness.core import NodeId
from harness.op import Op, ok
from harness.shell.dialect import CONNECT, GIVEN_UP
from systems.zookeeper.client import Running, ZooKeeperClient
from systems.zookeeper.command import Exists
from systems.zookeeper.link import ATTACHED, IDLE, Link


class StayingLink(Link):
    """A link that does not move while its server is heard."""

    def go_to(self, server: NodeId, now: Nanos) -> None:
        """Have the session at this server; where it does not take it, at the next."""
        if self.state == ATTACHED and self.server == server:
            return
        self.server = server
        if self.state != IDLE:
            self._join(now)

    def abandon(self, code: str, *, move: bool) -> None:
        """The next session begins here too, and the line says that no server has closed this."""
        self._end(GIVEN_UP, code)

    def tick(self, now: Nanos) -> None:
        """As if it could not move, while the server is heard."""
        lately = now - self._heard < self._times.session * 2 // 3
        self._pinned = self.state == ATTACHED and lately
        super().tick(now)
        self._pinned = False


class StayingClient(ZooKeeperClient):
    """A client that knows CONNECT: a small read at the server that it goes to."""

    link_type: type[Link] = StayingLink

    def _run(self, op: Op) -> Running:
        return self._connect(op) if op.f == CONNECT else super()._run(op)

    def _connect(self, op: Op) -> Running:
        link = self._link(op)
        assert isinstance(link, StayingLink)
        link.go_to(op.value, self._now)
        yield Exists("/"), False
        return ok(op, op.value)


def staying(client: type[ZooKeeperClient]) -> type[ZooKeeperClient]:
    """A client's type, planted bugs and all, for people."""
    link = type("StayingLink", (StayingLink, client.link_type), {})
    return type("StayingClient", (StayingClient, client), {"link_type": link})
