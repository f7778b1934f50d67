"""A client's session: numbered requests, sent again until they are answered."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from harness.clock import Nanos
from harness.core import Message, NodeId
from harness.script import Ask, Reply

TRIES = 4  # nodes a client can try within the time of one operation


def answers(asked: Message, heard: Message) -> bool:
    """Whether `heard` is the Answer to the request `asked`."""
    return bool(getattr(heard, "seq", None) == asked.seq)


class Session:
    """Talks to `home` until that does not answer, then to the next node. `seen` is the highest
    position in an answer so far."""

    def __init__(self, name: str, home: NodeId, nodes: Sequence[NodeId], wait: Nanos) -> None:
        self.name = name
        self.home = home
        self.seen = 0
        self._nodes = tuple(nodes)
        self._wait = wait
        self._seq = 0

    def call(
        self, make: Callable[[int], Message], *, node: NodeId | None = None, stay: bool = False
    ) -> Generator[Ask, Reply | None, Reply]:
        """Send the request that `make(seq)` is under a new number; returns its answer.

        Where nothing is heard the same request goes to the next node; with `stay` always to `node`
        (or the home as it is now). Never gives up: the script's time limit ends it.
        """
        self._seq += 1
        message = make(self._seq)
        at = node or self.home
        while True:
            reply = yield Ask(at, message, self._wait)
            if reply is not None:
                self.seen = max(self.seen, reply.message.position)
                return reply
            if not stay:
                at = self._after(at)
                if node is None:
                    self.home = at

    def _after(self, node: NodeId) -> NodeId:
        return self._nodes[(self._nodes.index(node) + 1) % len(self._nodes)]
