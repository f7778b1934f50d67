"""A session at the server it is attached to: its requests in order, and what it is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from harness.clock import Nanos
from harness.core import NodeId
from systems.zookeeper.command import Close, Create, Delete, Multi, SetData
from systems.zookeeper.machine import Answered
from systems.zookeeper.wire import Forward, Hello, Item, Request, Said, Sync, Welcome

EARLY = 1000  # requests kept that came before their turn
AGAIN = 100  # items said again at once
WRITES = (SetData, Create, Delete, Multi, Close)  # the most frequent first


class Waiting:
    """A request that is not answered. Of a write `done` is set when it is applied here, of a sync
    `index` when it is confirmed."""

    __slots__ = ("done", "index", "is_write", "request", "sent")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.is_write = isinstance(request.body, WRITES)
        self.sent = False
        self.done: Answered | None = None
        self.index: int | None = None


class Attached:
    """Handles nothing itself: the server takes requests from `queue` and calls `say`.

    `next` is the number of the request whose turn it is; those that come early are kept. `top` is
    the highest zxid in an answer, here or before.
    """

    def __init__(
        self, client: NodeId, welcome: Welcome, timeout: Nanos, hello: Hello, now: Nanos
    ) -> None:
        self.client = client
        self.welcome = welcome
        self.session = welcome.session
        self.attach = welcome.attach
        self.timeout = timeout
        self.heard = now
        self.over = False
        self.queue: deque[Waiting] = deque()
        self.next = hello.next
        self.top = hello.seen
        self._early: dict[int, Request] = {}
        self._out: deque[Item] = deque()
        self._said = 0

    # --- requests

    def take(self, request: Request) -> list[Waiting]:
        """Put a request whose turn it is, and those after it that are here, into the queue, and
        return them; one that is early is kept."""
        if request.seq > self.next:
            if len(self._early) < EARLY:
                self._early[request.seq] = request
            return []
        taken: list[Waiting] = []
        following: Request | None = request
        while following is not None:
            taken.append(Waiting(following))
            self.next += 1
            following = self._early.pop(self.next, None)
        self.queue.extend(taken)
        return taken

    def to_forward(self, *, again: bool = False) -> Iterable[Forward]:
        """The writes that may go to the leader now, in order: not those behind a sync, so that no
        read behind that sync sees them. With `again` also those that went before."""
        for waiting in self.queue:
            if isinstance(waiting.request.body, Sync):
                return
            if waiting.is_write and waiting.done is None and (again or not waiting.sent):
                waiting.sent = True
                r = waiting.request
                yield Forward(self.session, self.attach, r.seq, r.prev, r.body)  # type: ignore[arg-type]

    def find(self, seq: int) -> Waiting | None:
        """The request of this number, if it waits."""
        if not self.queue:
            return None
        place = seq - self.queue[0].request.seq
        return self.queue[place] if 0 <= place < len(self.queue) else None

    # --- the stream to the client

    def say(self, what: Said) -> Item:
        """The next item of the stream."""
        self._said += 1
        if what.zxid > self.top:
            self.top = what.zxid
        item = Item(self.session, self.attach, self._said, what)
        self._out.append(item)
        return item

    def has(self, got: int) -> None:
        """The client has the stream up to `got`."""
        out = self._out
        while out and out[0].number <= got:
            out.popleft()

    def unheard(self) -> list[Item]:
        """The first items that the client may have missed."""
        out = self._out
        return list(out) if len(out) <= AGAIN else [out[i] for i in range(AGAIN)]
