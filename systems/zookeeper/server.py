"""A server of the ZooKeeper-like service: sessions attached to it, reads from its own state.

Writes go to the leader and come back through the log; reads are answered here, in the order of
their session, from what this server has applied, which may be old. That is the service's bargain
(ZooKeeper paper, USENIX ATC 2010, section 4.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import MS, Nanos
from harness.core import Effect, NodeId, Record
from systems.raft.host import Host
from systems.raft.message import Entry, index_of
from systems.zookeeper.attached import Attached, Waiting
from systems.zookeeper.command import (
    Attach,
    Command,
    Exists,
    Expire,
    Found,
    GetChildren,
    OpenSession,
    Txn,
)
from systems.zookeeper.leading import Leading
from systems.zookeeper.machine import SESSION_EXPIRED, Answered, Machine
from systems.zookeeper.watch import CHILD, DATA, EXIST, Watches, missed, told_apart
from systems.zookeeper.wire import (
    Answer,
    Event,
    Forward,
    Heard,
    Hello,
    Joins,
    Over,
    Ping,
    Pong,
    Request,
    Said,
    Sync,
    Turned,
    Watch,
    Welcome,
)

TICK = "sessions"


class Server(Host):
    """One incarnation of a server. `tick` (ns) is how often it tells the leader which sessions it
    has heard, and a leader looks for those that nobody has heard."""

    machine: Machine
    leading_type: type[Leading] = Leading
    attached_type: type[Attached] = Attached

    def __init__(self, *args: Any, tick: Nanos, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tick = tick
        self.watches = Watches()
        self.here: dict[str, Attached] = {}
        self.leading: Leading | None = None
        self._held: list[tuple[NodeId, Forward | Joins]] = []  # until this leader knows enough
        self._joining: dict[tuple[str, int], tuple[NodeId, Hello]] = {}  # by entry and attach
        self._asking: dict[int, tuple[str, int]] = {}  # token of a read index: session and request
        self._behind: list[tuple[int, str]] = []  # confirmed syncs above what is applied
        self._ticked: Nanos = 0
        self._handlers |= {
            Hello: self._on_hello,
            Request: self._on_request,
            Ping: self._on_ping,
            Forward: self._on_forward,
            Joins: self._on_forward,
            Heard: self._on_heard,
        }

    def start(self, stored: Sequence[Record], now: Nanos) -> Iterable[Effect]:
        """Begin with no session attached: their clients will come again."""
        self._ticked = now
        self.set_timer(TICK, self.tick)
        return super().start(stored, now)

    # --- clients: sessions

    def _on_hello(self, source: NodeId, hello: Hello) -> None:
        """A client wants to be served here."""
        if not self._hears_leader(hello.timeout_ms * MS):
            return
        here = self._already(source, hello)
        if here is not None:
            if here.attach == hello.attach:
                self.send(source, here.welcome)
            return
        if hello.session:
            why = self._refusal(hello)
            if why is not None:
                self.send(source, Turned(hello.attach, why))
                return
        who = hello.session or source
        for key in [k for k in self._joining if k[0] == who and k[1] < hello.attach]:
            del self._joining[key]
        self._joining[who, hello.attach] = (source, hello)
        self._join(source, hello)

    def _already(self, source: NodeId, hello: Hello) -> Attached | None:
        """The session that this client has here by this or a later try."""
        if not hello.session:
            mine = (a for a in self.here.values() if a.client == source)
            return next((a for a in mine if a.attach == hello.attach), None)
        here = self.here.get(hello.session)
        return here if here is not None and here.attach >= hello.attach else None

    def _refusal(self, hello: Hello) -> str | None:
        """Why a session may not come here."""
        if self.position < max(hello.seen, hello.floor):
            return "behind"
        return None if hello.session in self.machine.sessions else "expired"

    def _join(self, source: NodeId, hello: Hello) -> None:
        joins = Joins(source, hello.session, hello.attach, hello.timeout_ms)
        self._to_leader(joins)

    def attach(self, source: NodeId, hello: Hello, session: str) -> None:
        """The session is here now: what it has missed comes before all else."""
        welcome = Welcome(hello.attach, session, self.position)
        timeout = hello.timeout_ms * MS
        here = self.attached_type(source, welcome, timeout, hello, self.now)
        self.here[session] = here
        self.send(source, welcome)
        self.watches.forget(session)
        for watch in told_apart(hello.watches, self.machine.znodes.nodes):
            self.look(here, watch, hello.seen)

    def look(self, here: Attached, watch: Watch, seen: int) -> None:
        """Fire a watch that was missed since zxid `seen`, or set it again."""
        kind = missed(watch, self.machine.znodes.nodes.get(watch[1]), seen)
        if kind is None:
            self.watches.add(here.session, watch)
        else:
            self.say(here, Event(kind, watch[1], self.position))

    def _leave(self, session: str) -> None:
        """A session is elsewhere now, or over."""
        self.here.pop(session, None)
        self.watches.forget(session)

    def _hears_leader(self, timeout: Nanos) -> bool:
        """Whether this server may be of use: it would serve its old state for ever if it is cut
        off, and its clients' sessions run out meanwhile."""
        return self.now - self.raft.heard(self.now) <= timeout

    # --- clients: requests

    def _on_request(self, source: NodeId, request: Request) -> None:
        here = self._heard_of(source, request)
        if here is None:
            return
        if request.seq < here.next:
            self._again(here)
            return
        taken = here.take(request)
        if taken:
            self._ask(here, taken)
            self._forward(here)
            self._answer(here)

    def _on_ping(self, source: NodeId, ping: Ping) -> None:
        here = self._heard_of(source, ping)
        if here is not None:
            if self._hears_leader(self.tick):  # else the client should look for a better server
                self.send(source, Pong(ping.session, ping.attach))
            for item in here.unheard():
                self.send(source, item)

    def _heard_of(self, source: NodeId, message: Request | Ping) -> Attached | None:
        """The session that a message is of, if it is here by the same attach."""
        here = self.here.get(message.session)
        if here is None or here.attach != message.attach:
            if here is None or here.attach < message.attach:
                self.send(source, Turned(message.attach, "moved"))
            return None
        if not self._hears_leader(here.timeout):
            return None
        here.heard = self.now
        here.has(message.got)
        return here

    def _again(self, here: Attached) -> None:
        """The client asks again: something was lost, on its way there or beyond."""
        for item in here.unheard():
            self.send(here.client, item)
        self._ask(here, here.queue)
        self._forward(here, again=True)

    def _forward(self, here: Attached, *, again: bool = False) -> None:
        for forward in here.to_forward(again=again):
            self._to_leader(forward)

    def _ask(self, here: Attached, some: Iterable[Waiting]) -> None:
        """Ask for the read index of each sync among these, again if need be."""
        for waiting in some:
            if isinstance(waiting.request.body, Sync) and waiting.index is None:
                self._asking[self.ask_index()] = (here.session, waiting.request.seq)

    def _answer(self, here: Attached) -> None:
        """Answer what can be answered, in the order it was asked."""
        queue, synced = here.queue, False
        while queue:
            answer = self.answer_to(here, queue[0])
            if answer is None:
                break
            synced = synced or queue[0].index is not None
            queue.popleft()
            self.say(here, answer)
        if synced:
            self._forward(here)

    def answer_to(self, here: Attached, waiting: Waiting) -> Answer | None:
        """The answer to a session's first request; None where it must wait."""
        request = waiting.request
        if waiting.is_write:
            done = waiting.done or self._done_before(here, request.seq)
            return None if done is None else Answer(request.seq, done.zxid, done.result)
        if isinstance(request.body, Sync):
            if waiting.index is None or index_of(waiting.index) > self.applied:
                return None
            return Answer(request.seq, max(waiting.index, here.top), Found())
        result = self.machine.query(request.body)  # type: ignore[arg-type]
        if request.watch:
            self._watch(here, request.body, result)
        return Answer(request.seq, self.position, result)

    def _done_before(self, here: Attached, seq: int) -> Answered | None:
        """A write that was applied before its session came here."""
        session = self.machine.sessions.get(here.session)
        if session is None or seq > session.last:
            return None
        return next((a for a in reversed(session.answered) if a.seq == seq), None)

    def _watch(self, here: Attached, query: Any, result: Any) -> None:
        """Set the watch of a query with its answer."""
        if not isinstance(result, Found):
            return
        if isinstance(query, GetChildren):
            kind = CHILD
        else:
            kind = EXIST if isinstance(query, Exists) and result.value is None else DATA
        self.watches.add(here.session, (kind, query.path))

    def say(self, here: Attached, what: Said) -> None:
        """Tell a session's client something, after all it was told before."""
        self.send(here.client, here.say(what))

    # --- the leader

    def _to_leader(self, message: Forward | Joins) -> None:
        if self.raft.is_leader:
            self._on_forward(self.me, message)
        elif self.raft.leader is not None:
            self.send(self.raft.leader, message)

    def _on_forward(self, source: NodeId, message: Forward | Joins) -> None:
        """A write or a join for the log, from the server that the client asked."""
        if not self.raft.is_leader:
            return
        if self.leading is None:
            self._held.append((source, message))
        elif isinstance(message, Forward):
            self.leading.write(message, self.now)
        else:
            self.leading.join(source, message, self.now)

    def _on_heard(self, source: NodeId, heard: Heard) -> None:
        if self.leading is not None:
            self.leading.hear(heard.sessions, self.now)

    def _begin_to_lead(self) -> None:
        self.leading = self.leading_type(self.machine, self.propose, self.now)
        held, self._held = self._held, []
        for source, message in held:
            self._on_forward(source, message)

    # --- what the log says

    def on_applied(self, entry: Entry[Command], result: Answered) -> None:
        """Watches first, then the answer, then who comes and goes."""
        machine, command = self.machine, entry.command
        if machine.ended is not None:
            self.watches.forget(machine.ended)
        if machine.changes:
            self.fire(machine.changes)
        if isinstance(command, Txn):
            self._on_done(entry, command, result)
        elif isinstance(command, OpenSession):
            self._on_opened(entry, command, result)
        elif isinstance(command, Attach):
            self._on_moved(entry, command, result)
        if machine.ended is not None:
            self._on_ended(machine.ended, isinstance(command, Expire))

    def fire(self, changes: Iterable[tuple[str, str]]) -> None:
        """Send the events of changes at this position."""
        for session, (kind, path) in self.watches.fired(changes):
            self.say(self.here[session], Event(kind, path, self.position))

    def _on_done(self, entry: Entry[Command], txn: Txn, result: Answered) -> None:
        here = self.here.get(entry.client)
        if here is None or here.attach != txn.attach:
            return
        waiting = here.find(entry.seq)
        if waiting is not None and waiting.done is None:
            waiting.done = result
            self._answer(here)

    def _on_opened(self, entry: Entry[Command], command: OpenSession, result: Answered) -> None:
        assert isinstance(result.result, Found)
        session = result.result.value
        if self.leading is not None:
            self.leading.hear((session,), self.now)
        waiting = self._joining.pop((entry.client, entry.seq), None)
        if waiting is not None and command.server == self.me:
            self.attach(*waiting, session)

    def _on_moved(self, entry: Entry[Command], command: Attach, result: Answered) -> None:
        session = entry.client
        waiting = self._joining.pop((session, command.attach), None)
        if result.result == SESSION_EXPIRED and waiting is not None:
            self.send(waiting[0], Turned(command.attach, "expired"))
        if not isinstance(result.result, Found):
            return
        here = self.here.get(session)
        if here is not None and here.attach < command.attach:
            self._leave(session)
        if waiting is not None and command.server == self.me:
            self.attach(*waiting, session)

    def _on_ended(self, session: str, expired: bool) -> None:
        if self.leading is not None:
            self.leading.forget(session)
        here = self.here.get(session)
        if here is not None:
            here.over = True  # it stays for a while, so that its client can ask again
            if expired:
                self.say(here, Over(self.position))

    # --- hooks of the host

    def on_era(self) -> None:
        """Another term or leader: what was on its way to the old one is sent again."""
        self.leading = None
        self._held = []
        self._asking.clear()
        if self.raft.leader is None:
            return
        for source, hello in self._joining.values():
            self._join(source, hello)
        for here in self.here.values():
            self._ask(here, here.queue)
            self._forward(here, again=True)

    def on_confirmed(self, token: int, position: int) -> None:
        """A sync's index."""
        session, seq = self._asking.pop(token, ("", 0))
        here = self.here.get(session)
        waiting = None if here is None else here.find(seq)
        if here is None or waiting is None or not isinstance(waiting.request.body, Sync):
            return
        if waiting.index is None:
            waiting.index = position
        if index_of(waiting.index) <= self.applied:
            self._answer(here)
        else:
            self._behind.append((index_of(waiting.index), session))

    def on_settled(self) -> None:
        """A leader begins when it knows all that was before it; syncs that waited are answered."""
        raft = self.raft
        if raft.is_leader and self.leading is None and raft.log.term(self.applied) == raft.term:
            self._begin_to_lead()
        if self._behind:
            ready = [s for index, s in self._behind if index <= self.applied]
            if ready:
                self._behind = [b for b in self._behind if b[0] > self.applied]
                for session in dict.fromkeys(ready):
                    here = self.here.get(session)
                    if here is not None:
                        self._answer(here)

    def on_restored(self, before: int) -> None:
        """A snapshot has replaced the state, and nobody knows what its sessions have missed: their
        clients come again, and say what they have seen."""
        for here in list(self.here.values()):
            self._leave(here.session)
            self.send(here.client, Turned(here.attach, "moved"))

    def on_timer(self, name: str) -> None:
        """Tell the leader who lives, or as leader see who does not."""
        if name != TICK:
            return
        stood_still = self.now - self._ticked > 2 * self.tick
        since, self._ticked = self._ticked, self.now
        self.set_timer(TICK, self.tick)
        for here in list(self.here.values()):
            if self.now - here.heard > 2 * here.timeout:
                self._leave(here.session)
        heard = tuple(h.session for h in self.here.values() if h.heard >= since and not h.over)
        if self.leading is not None:
            if stood_still:
                self.leading.forgive(self.now)
            self.leading.hear(heard, self.now)
            self.leading.expire(self.now)
        elif heard and self.raft.leader is not None and not self.raft.is_leader:
            self.send(self.raft.leader, Heard(heard))
