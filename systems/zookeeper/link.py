"""A client's side of one session: opened, kept alive, moved from server to server, lost.

What a client asks is numbered and asked again until it is answered; what it is told comes in order,
so that an event is there before any answer that was given later (see systems.zookeeper.wire).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from harness.clock import MS, Nanos
from harness.core import Effect, Message, NodeId, Observe, Send, SetTimer
from harness.op import seen
from systems.zookeeper.attached import WRITES
from systems.zookeeper.command import Close, Found, GetChildren, Query, Refused, Write
from systems.zookeeper.watch import CHILD, DATA, EXIST
from systems.zookeeper.wire import (
    Answer,
    Event,
    Hello,
    Item,
    Over,
    Ping,
    Pong,
    Request,
    Sync,
    Turned,
    Watch,
    Welcome,
)

IDLE, JOINING, ATTACHED = "idle", "joining", "attached"
Body = Write | Query | Sync
FIRED = {  # an event, and the watches that it is the end of
    "created": (EXIST,),
    "changed": (DATA,),
    "deleted": (DATA, CHILD),
    "child": (CHILD,),
}


class Times(Struct, frozen=True):
    """In ns: `session` is the session's timeout, `wait` the time for an answer before it is asked
    for again, and after that for one before the session moves."""

    session: Nanos
    wait: Nanos

    @property
    def tick(self) -> Nanos:
        """How often a link looks at the time."""
        return min(self.wait, self.session // 6)


class Asked:
    """A request; `token` is None where nobody waits for it any more, `seq` 0 until it is sent."""

    __slots__ = ("body", "is_write", "prev", "seq", "token", "watch")

    def __init__(self, token: int | None, body: Body, watch: bool) -> None:
        self.token = token
        self.body = body
        self.watch = watch
        self.is_write = isinstance(body, WRITES)
        self.seq = self.prev = 0


class Owner(Protocol):
    """Who uses a link."""

    effects: list[Effect]

    def answered(self, link: Link, token: int, answer: Answer) -> None:
        """A request's answer."""
        ...

    def lost(self, link: Link, token: int, seq: int, code: str) -> None:
        """A request that will have no answer; `seq` is 0 where it was never sent."""
        ...


class Link:
    """One session after another, at `server` first. A `pinned` one stays there.

    `next_try` gives numbers that grow over all links of the client. `timer` is the name of the
    timer that `tick` is to be called at.
    """

    def __init__(
        self,
        owner: Owner,
        timer: str,
        server: NodeId,
        nodes: Sequence[NodeId],
        times: Times,
        next_try: Callable[[], int],
        *,
        pinned: bool,
    ) -> None:
        self.owner = owner
        self.server = server
        self.session = ""
        self.attach = 0
        self.state = IDLE
        self._timer, self._nodes, self._times = timer, tuple(nodes), times
        self._next_try, self._pinned = next_try, pinned
        self._ticking = False
        self._turns = 0  # servers in a row that were behind
        self._heard: Nanos = 0  # from the server
        self._sent: Nanos = 0  # anything to it
        self._progress: Nanos = 0  # last answer, or since when one is waited for
        self._retried = False
        self._pings = 0  # in a row that were not answered
        self._begin()

    def _begin(self) -> None:
        """No session: what is counted in one begins anew."""
        self.session, self.state = "", IDLE
        self.seen = self.floor = 0
        self._seq = self._last_write = 0
        self._unsent: deque[Asked] = deque()
        self._open: dict[int, Asked] = {}
        self._watches: dict[Watch, None] = {}
        self._got = 0
        self._early: dict[int, Item] = {}

    # --- what the client asks

    def ask(self, token: int, body: Body, watch: bool, now: Nanos) -> None:
        """Send a request when there is a session, and open one where there is none."""
        asked = Asked(token, body, watch)
        if self.state == ATTACHED:
            if not self._open:
                self._progress, self._retried = now, False
            self._number(asked)
            self._send(asked, now)
            return
        self._unsent.append(asked)
        if self.state == IDLE:
            self._join(now)

    def drop(self, token: int) -> int:
        """Nobody waits for a request any more. One that was sent stays, since those after it are
        numbered behind it; returns its number, 0 for one that was not sent."""
        for asked in self._unsent:
            if asked.token == token:
                self._unsent.remove(asked)
                return 0
        for asked in self._open.values():
            if asked.token == token:
                asked.token = None
                return asked.seq
        return 0

    def abandon(self, code: str, *, move: bool) -> None:
        """Leave the session to itself; the next one begins at another server if it may."""
        if move and not self._pinned:
            self.server = self._after(self.server)
        self._end("closed", code)

    # --- requests

    def _number(self, asked: Asked) -> None:
        self._seq += 1
        asked.seq = self._seq
        if asked.is_write:
            asked.prev, self._last_write = self._last_write, self._seq
        self._open[asked.seq] = asked

    def _send(self, asked: Asked, now: Nanos) -> None:
        self._sent = now
        self._to_server(
            Request(
                self.session,
                self.attach,
                asked.seq,
                asked.prev,
                self._got,
                asked.body,
                asked.watch,
            )
        )

    def _to_server(self, message: Message) -> None:
        self.owner.effects.append(Send(self.server, message))

    # --- joining a server

    def _join(self, now: Nanos) -> None:
        """Ask a server for the session, by a new try."""
        self._give_up_reads()
        self.state = JOINING
        self.attach = self._next_try()
        self._hello(now)
        if not self._ticking:
            self._ticking = True
            self.owner.effects.append(SetTimer(self._timer, self._times.tick))

    def _hello(self, now: Nanos) -> None:
        self._sent = now
        self._to_server(
            Hello(
                self.session,
                self.attach,
                self._times.session // MS,
                self.seen,
                max(self.seen, self.floor),
                next(iter(self._open), self._seq + 1),
                tuple(self._watches),
            )
        )

    def _give_up_reads(self) -> None:
        """The session leaves its server: a read with a write behind it cannot be asked again
        elsewhere, as that write may be in the log already, and the read would see it."""
        last = max((asked.seq for asked in self._open.values() if asked.is_write), default=0)
        for asked in self._open.values():
            if asked.seq < last and not asked.is_write:
                token, asked.token, asked.watch = asked.token, None, False
                if token is not None:
                    self.owner.lost(self, token, asked.seq, "connection-lost")

    def _move(self, now: Nanos) -> None:
        self.server = self._after(self.server)
        self._join(now)

    def _after(self, node: NodeId) -> NodeId:
        return self._nodes[(self._nodes.index(node) + 1) % len(self._nodes)]

    def _on_welcome(self, welcome: Welcome, now: Nanos) -> None:
        if self.state != JOINING:
            return
        what = "moved" if self.session else "opened"
        self.session, self.state = welcome.session, ATTACHED
        self.floor = max(self.floor, welcome.zxid)
        self._got, self._early = 0, {}
        self._heard = self._progress = now
        self._retried, self._turns, self._pings = False, 0, 0
        self._observe(what, welcome.zxid)
        while self._unsent:
            self._number(self._unsent.popleft())
        for asked in self._open.values():
            self._send(asked, now)

    def _on_turned(self, turned: Turned, now: Nanos) -> None:
        if turned.why == "expired":
            self._end("expired", "session-expired")
        elif turned.why == "moved" and self.state == ATTACHED:
            self._join(now)
        elif turned.why == "behind" and self.state == JOINING and not self._pinned:
            self._turns += 1
            if self._turns < len(self._nodes):
                self._move(now)

    # --- the stream

    def receive(self, message: Any, now: Nanos) -> None:
        """A message of this attach."""
        self._heard = now
        kind = type(message)
        if kind is Item:
            self._on_item(message, now)
        elif kind is Welcome:
            self._on_welcome(message, now)
        elif kind is Turned:
            self._on_turned(message, now)
        elif kind is Pong:
            self._pings = 0

    def _on_item(self, item: Item, now: Nanos) -> None:
        if self.state != ATTACHED or item.number <= self._got:
            return
        self._early[item.number] = item
        attach = self.attach
        while self.attach == attach and self.state == ATTACHED:
            following = self._early.pop(self._got + 1, None)
            if following is None:
                return
            self._got += 1
            self._on_said(following.what, now)

    def _on_said(self, what: Answer | Event | Over, now: Nanos) -> None:
        if isinstance(what, Answer):
            self._on_answer(what, now)
        elif isinstance(what, Event):
            self._on_event(what)
        else:
            self.seen = max(self.seen, what.zxid)
            self._end("expired", "session-expired", what.zxid)

    def _on_answer(self, answer: Answer, now: Nanos) -> None:
        self.seen = max(self.seen, answer.zxid)
        self._progress, self._retried = now, False
        asked = self._open.pop(answer.seq, None)
        if asked is None:
            return
        result = answer.result
        if asked.watch and isinstance(result, Found):
            self._watches[_watch_of(asked.body, result)] = None
        if asked.token is not None:
            self.owner.answered(self, asked.token, answer)
        if isinstance(asked.body, Close) and isinstance(result, Found):
            self._end("closed", "session-expired", answer.zxid)
        elif isinstance(result, Refused) and result.error == "OutOfOrder":
            self.abandon("connection-lost", move=False)

    def _on_event(self, event: Event) -> None:
        self.seen = max(self.seen, event.zxid)
        for kind in FIRED[event.kind]:
            self._watches.pop((kind, event.path), None)
        line = seen(
            "watch",
            [event.kind, event.path],
            session=self.session,
            node=self.server,
            position=event.zxid,
        )
        self.owner.effects.append(Observe(line))

    def _observe(self, what: str, zxid: int) -> None:
        line = seen("session", what, session=self.session, node=self.server, position=zxid)
        self.owner.effects.append(Observe(line))

    def _end(self, how: str, code: str, zxid: int = 0) -> None:
        """The session is over, for its client at least: what is open will not be answered."""
        if self.session:
            self._observe(how, max(zxid, self.seen, self.floor))
        for asked in (*self._open.values(), *self._unsent):
            if asked.token is not None:
                self.owner.lost(self, asked.token, asked.seq, code)
        self._begin()

    # --- time

    def tick(self, now: Nanos) -> None:
        """Look at the time: ask again, show that the client lives, or try another server."""
        if self.state == IDLE:
            self._ticking = False
            return
        self.owner.effects.append(SetTimer(self._timer, self._times.tick))
        if self.state == JOINING:
            if now - self._sent >= self._times.wait:
                self._turns = 0
                self._hello(now) if self._pinned else self._move(now)
        elif not self._pinned and now - self._heard >= self._times.session * 2 // 3:
            self._move(now)
        elif self._open and now - self._progress >= self._times.wait:
            self._press(now)
        elif self._pings > 1 and not self._pinned:
            self._move(now)
        elif now - self._sent >= (self._times.wait if self._pings else self._times.session // 3):
            self._ping(now)

    def _press(self, now: Nanos) -> None:
        """The first request has had no answer for a while: ask again, then elsewhere."""
        if self._retried and not self._pinned:
            self._move(now)
            return
        self._retried, self._progress = True, now
        self._ping(now)
        self._send(next(iter(self._open.values())), now)

    def _ping(self, now: Nanos) -> None:
        self._sent = now
        self._pings += 1
        self._to_server(Ping(self.session, self.attach, self._got))


def _watch_of(body: Any, result: Found) -> Watch:
    """The watch that a query has set, as its client knows it."""
    if isinstance(body, GetChildren):
        return CHILD, body.path
    return DATA if result.value is not None else EXIST, body.path
