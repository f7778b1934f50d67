"""Planted variants of the ZooKeeper-like service: bugs to be found, and harmless differences.

Each is the plain system with a class of its servers, its state machine or its clients replaced by a
subclass that does one thing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from harness.clock import MS, Nanos
from harness.core import NodeId
from harness.variant import CORRECT, SAFETY, Variant, changed
from systems.raft.message import Entry
from systems.zookeeper.attached import Attached, Waiting
from systems.zookeeper.command import Attach, Close, Create, Found, SetData, Txn, session_id
from systems.zookeeper.leading import Leading
from systems.zookeeper.link import Link
from systems.zookeeper.machine import Answered, Machine, Session
from systems.zookeeper.server import Server
from systems.zookeeper.wire import Answer, Event, Forward, Hello, Sync, Watch
from systems.zookeeper.znode import Znode, split
from systems.zookeeper.znodes import Change, Part, Znodes

Make = Callable[[Any], Any]


def _server(server: type[Any], **parts: type[Any]) -> Make:
    """Servers that are also a `server`, made of these parts (`leading_type`, `attached_type`)."""

    def make(built: Any) -> Any:
        return changed(built, node_type=type("Planted", (server, built.node_type), dict(parts)))

    return make


def _parts(**parts: type[Any]) -> Make:
    """Servers made of these parts."""

    def make(built: Any) -> Any:
        return changed(built, node_type=type("Planted", (built.node_type,), dict(parts)))

    return make


def _machine(machine: type[Machine]) -> Make:
    """Servers with this state machine."""

    def make(built: Any) -> Any:
        return changed(built, machine_type=machine)

    return make


def _tree(znodes: type[Znodes]) -> Make:
    """Servers with this tree."""
    return _machine(type("PlantedMachine", (Machine,), {"znodes_type": znodes}))


def _link(link: type[Link]) -> Make:
    """Clients with these links."""

    def make(built: Any) -> Any:
        return changed(
            built, client_type=type("PlantedClient", (built.client_type,), {"link_type": link})
        )

    return make


# --- bugs: the order of a session's requests


class ReadPassesWrite(Server):
    """Answers a read at once, though a write of its session before it is not applied."""

    def _answer(self, here: Attached) -> None:
        super()._answer(here)
        ready = [w for w in here.queue if not w.is_write and not isinstance(w.request.body, Sync)]
        for waiting in ready:
            if waiting.done is None:
                answer = self.answer_to(here, waiting)
                assert answer is not None
                waiting.done = Answered(answer.seq, answer.zxid, answer.result)
                self.say(here, answer)

    def answer_to(self, here: Attached, waiting: Waiting) -> Answer | None:
        """What was answered before its turn is said once more when that comes; its client does not
        listen any longer."""
        if not waiting.is_write and waiting.done is not None:
            done = waiting.done
            return Answer(done.seq, done.zxid, done.result)
        return super().answer_to(here, waiting)


class LosesPipelined(Machine):
    """Does a session's write though the one before it was lost."""

    def _txn(self, name: str, seq: int, txn: Txn, zxid: int, time: int) -> Answered:
        session = self.sessions.get(name)
        if session is not None and seq > session.last:
            txn = replace(txn, prev=session.last)
        return super()._txn(name, seq, txn, zxid, time)


class OutOfOrder(Leading):
    """Proposes writes as they come, and forgets now and then (every eighth) one that came: its
    server will send it again."""

    _count = 0

    def write(self, forward: Forward, now: Nanos) -> None:
        """No look at what went before."""
        session = self._machine.sessions.get(forward.session)
        if session is None or forward.attach < session.attach:
            return
        self.hear((forward.session,), now)
        attach, last = self._last.get(forward.session, (0, 0))
        if attach == forward.attach and forward.seq <= last:
            return
        self._count += 1
        if self._count % 8 == 0 and not isinstance(forward.op, Create):
            return
        txn = Txn(forward.attach, forward.prev, forward.op)
        self._propose(forward.session, forward.seq, txn)
        self._last[forward.session] = (forward.attach, forward.seq)


# --- bugs: sync and moves


class SyncLocal(Server):
    """Answers a sync with what it has applied itself, without asking the leader."""

    def answer_to(self, here: Attached, waiting: Waiting) -> Answer | None:
        """Its own state is taken for the newest."""
        if isinstance(waiting.request.body, Sync):
            return Answer(waiting.request.seq, max(self.position, here.top), Found())
        return super().answer_to(here, waiting)


class MovesBack(Server):
    """Takes a session in although its client has seen what this server has not applied. It answers
    from its state as it is when the session is in the log, which it has not waited for."""

    def _refusal(self, hello: Hello) -> str | None:
        return None

    def _on_hello(self, source: NodeId, hello: Hello) -> None:
        if not hello.session or hello.session not in self.machine.sessions:
            super()._on_hello(source, hello)
            return
        here = self.here.get(hello.session)
        if here is None or here.attach < hello.attach:
            self._join(source, hello)
            self.attach(source, hello, hello.session)


class OpenFence(Leading):
    """Proposes what comes by a server that its session has left."""

    def write(self, forward: Forward, now: Nanos) -> None:
        """Such a write goes into the log as it is."""
        session = self._machine.sessions.get(forward.session)
        if session is None or forward.attach >= session.attach:
            super().write(forward, now)
            return
        self._propose(forward.session, forward.seq, Txn(forward.attach, forward.prev, forward.op))


class NotFenced(Machine):
    """Does what comes by a server that its session has left, though the session's new server may
    have had it done before."""

    def _txn(self, name: str, seq: int, txn: Txn, zxid: int, time: int) -> Answered:
        session = self.sessions.get(name)
        if session is None or txn.attach >= session.attach or isinstance(txn.op, Close):
            return super()._txn(name, seq, txn, zxid, time)
        return Answered(seq, zxid, self.write(txn.op, zxid, time, name))


# --- bugs: watches


class WatchAfterReply(Server):
    """Sends events at its next look at the time, and not before the answers that follow."""

    def fire(self, changes: Iterable[Change]) -> None:
        """They wait."""
        fired = list(self.watches.fired(changes))
        self._late = [*getattr(self, "_late", []), *((*one, self.position) for one in fired)]

    def on_timer(self, name: str) -> None:
        """Now they go."""
        super().on_timer(name)
        late, self._late = getattr(self, "_late", []), []
        for session, (kind, path), position in late:
            here = self.here.get(session)
            if here is not None:
                self.say(here, Event(kind, path, position))


class WatchLostOnMove(Server):
    """Sets the watches of a session that comes again, and fires none that were missed."""

    def look(self, here: Attached, watch: Watch, seen: int) -> None:
        """What has happened meanwhile is not looked at."""
        self.watches.add(here.session, watch)


class WatchTwice(Server):
    """Leaves a watch set when it has fired."""

    def fire(self, changes: Iterable[Change]) -> None:
        """It is set again at once."""
        for session, (kind, path) in list(self.watches.fired(changes)):
            self.say(self.here[session], Event(kind, path, self.position))
            if kind != "deleted":
                self.watches.add(session, ("child" if kind == "child" else "data", path))


class WatchOfWrongKind(Server):
    """Says of a znode that it was changed when it was deleted."""

    def fire(self, changes: Iterable[Change]) -> None:
        """Another word."""
        super().fire([("deleted" if k == "deleted" else k, p) for k, p in changes])

    def say(self, here: Attached, what: Any) -> None:
        """Every deletion is told as a change."""
        if isinstance(what, Event) and what.kind == "deleted":
            what = replace(what, kind="changed")
        super().say(here, what)


# --- bugs: sessions and ephemerals


class EphemeralLeak(Machine):
    """Closes a session and leaves its ephemerals."""

    def _end(self, name: str, zxid: int) -> None:
        self.ended = name
        self._put(name, None)


class ExpiryByFollower(Server):
    """Deletes the ephemerals of a session whose client it has not heard itself for the timeout, in
    its own tree, by its own clock."""

    def on_timer(self, name: str) -> None:
        """Every server looks at the time."""
        super().on_timer(name)
        heard = {session: here.heard for session, here in self.here.items()}
        for session in heard:
            known = self.machine.sessions.get(session)
            if known is not None and self.now - heard[session] > known.timeout_ms * MS:
                self.machine.znodes.delete_all(session, self.position)


class ExpiresEarly(Leading):
    """Takes what it has heard itself for all there is: what other servers have heard counts for
    nothing."""

    def expire(self, now: Nanos) -> None:
        """By the time of the last write."""
        super().expire(now)

    def hear(self, sessions: Iterable[str], now: Nanos) -> None:
        """Only who is heard of for the first time."""
        for name in sessions:
            self._heard.setdefault(name, now)


class TimeoutShortened(Machine):
    """Agrees on another timeout with a client that comes again, and does not tell it."""

    def _attach(self, name: str, session: Session, command: Attach) -> Any:
        result = super()._attach(name, session, command)
        now = self.sessions[name]
        less = max(100, now.timeout_ms // 4)
        self._put(name, Session(less, now.server, now.attach, now.last, now.answered))
        return result


class ServesTheDead(Leading):
    """Proposes the writes of sessions that are over."""

    def write(self, forward: Forward, now: Nanos) -> None:
        """Such a write goes into the log as it is."""
        if forward.session in self._machine.sessions:
            super().write(forward, now)
            return
        self._propose(forward.session, forward.seq, Txn(forward.attach, forward.prev, forward.op))


class ExpiredWrites(Machine):
    """Does the writes of sessions that are over."""

    def _of_closed(self, name: str, txn: Txn, zxid: int, time: int) -> Any:
        if isinstance(txn.op, Close):
            return super()._of_closed(name, txn, zxid, time)
        return self.write(txn.op, zxid, time, name)


# --- bugs: the state machine


class LocalClock(Server):
    """Stamps znodes with its own time at which it applies them."""

    def _apply(self, entry: Any = None) -> None:
        self.machine.local = self.now // MS  # type: ignore[attr-defined]
        super()._apply(entry)


class ClockMachine(Machine):
    """The state machine to LocalClock."""

    local = 0

    def write(self, op: Any, zxid: int, time: int, name: str) -> Any:
        """The entry's time does not count."""
        return super().write(op, zxid, self.local, name)


def _local_clock(built: Any) -> Any:
    return _server(LocalClock)(_machine(ClockMachine)(built))


class ZxidReuse(Machine):
    """Counts zxids from 1 again under a new leader, whose epoch is not raised."""

    _term = _before = 0

    def apply(self, entry: Entry[Any], zxid: int) -> Answered:
        """The epoch is always the first one."""
        index = zxid & 0xFFFFFFFF
        if entry.term != self._term:
            self._term, self._before = entry.term, index - 1
        return super().apply(entry, 1 << 32 | (index - self._before))


class SequenceReuse(Znodes):
    """Numbers a sequential znode by how many children there are."""

    def name_of(self, op: Create, parent: Znode) -> str:
        """Where one was deleted, a number comes again."""
        if "s" not in op.flags:
            return op.path
        under, _ = split(op.path)
        number = len(self.children.get(under, ()))
        while f"{op.path}{number:010d}" in self.nodes:
            number += 1
        return f"{op.path}{number:010d}"


class PartialMulti(Znodes):
    """Leaves what a multi did before one of its operations was refused."""

    def _roll_back(self) -> None:
        self._undo = None


class TornMulti(Znodes):
    """Gives each operation of a multi that is done a zxid of its own."""

    def _one(self, op: Part, zxid: int, time: int, owner: str) -> Any:
        if self._undo is not None:
            zxid += len(self._undo) << 8
        return super()._one(op, zxid, time, owner)


class NoVersionCheck(Znodes):
    """Does not compare versions where they are 0."""

    def _one(self, op: Part, zxid: int, time: int, owner: str) -> Any:
        if isinstance(op, SetData) and op.version == 0:
            op = SetData(op.path, op.data)
        return super()._one(op, zxid, time, owner)


class SnapshotDropsSessions(Machine):
    """A snapshot without what was answered to sessions: a write that is in the log twice is done
    twice after it."""

    def load(self, parts: Iterable[bytes]) -> None:
        """The sessions are there, and know of no write."""
        super().load(parts)
        for name, session in list(self.sessions.items()):
            self._put(name, Session(session.timeout_ms, session.server, session.attach))


class SnapshotDropsOwners(Machine):
    """A snapshot without which ephemerals are whose: they outlive their sessions after it."""

    def load(self, parts: Iterable[bytes]) -> None:
        """Nobody owns anything."""
        super().load(parts)
        for paths in self.znodes.ephemerals.values():
            paths.clear()


# --- bugs that only slow


class NoHearing(Leading):
    """Counts no write as a sign of life."""

    def write(self, forward: Forward, now: Nanos) -> None:
        """As ever."""
        heard = dict(self._heard)
        super().write(forward, now)
        self._heard = heard


# --- harmless differences


class TicksOften(Server):
    """Tells the leader five times as often whom it has heard."""

    def __init__(self, *args: Any, tick: Nanos, **kwargs: Any) -> None:
        super().__init__(*args, tick=tick // 5, **kwargs)

    def _hears_leader(self, timeout: Nanos) -> bool:
        return super()._hears_leader(max(timeout, 5 * self.tick))


class OneAtATime(Attached):
    """Passes on a session's next write when the one before it is done."""

    def to_forward(self, *, again: bool = False) -> Iterable[Forward]:
        """The first one only."""
        for forward in super().to_forward(again=True):
            return [forward]
        return []


class AsksAgain(Link):
    """Sends every request twice."""

    def _send(self, asked: Any, now: Nanos) -> None:
        super()._send(asked, now)
        super()._send(asked, now)


class ReadsLikeSyncs(Attached):
    """Keeps writes back that are behind a read, as behind a sync: no read may see them."""

    def to_forward(self, *, again: bool = False) -> Iterable[Forward]:
        """Those before the first read."""
        first = next((w.request.seq for w in self.queue if not w.is_write), None)
        for forward in super().to_forward(again=again):
            if first is None or forward.seq < first:
                yield forward
            else:
                waiting = self.find(forward.seq)
                assert waiting is not None
                waiting.sent = False


class SyncsEverything(Server):
    """Answers a read only when the leader has said that it is not old."""

    def _ask(self, here: Attached, some: Iterable[Waiting]) -> None:
        for waiting in some:
            if not waiting.is_write and waiting.index is None:
                self._asking[self.ask_index()] = (here.session, waiting.request.seq)

    def on_confirmed(self, token: int, position: int) -> None:
        """For reads as for syncs."""
        session, seq = self._asking.get(token, ("", 0))
        here = self.here.get(session)
        waiting = None if here is None else here.find(seq)
        if here is None or waiting is None or isinstance(waiting.request.body, Sync):
            super().on_confirmed(token, position)
            return
        del self._asking[token]
        waiting.index = position
        self._behind.append((position & 0xFFFFFFFF, session))

    def answer_to(self, here: Attached, waiting: Waiting) -> Answer | None:
        """As soon as it is known to be fresh."""
        if not waiting.is_write and waiting.index is None:
            return None
        if not waiting.is_write and waiting.index & 0xFFFFFFFF > self.applied:  # type: ignore[operator]
            return None
        return super().answer_to(here, waiting)


class LongNames(Machine):
    """Remembers fewer results than it may: exactly those that can still be asked for."""

    def describe(self, entry: Entry[Any], position: int, result: Answered) -> dict[str, Any]:
        """As ever, with the position once more."""
        return {**super().describe(entry, position, result), "zxid": session_id(position)}


def _often(every: int) -> Make:
    """A snapshot after so many entries."""

    def make(built: Any) -> Any:
        return changed(built, keeping=replace(built.keeping, snapshot_every=every, keep_log=True))

    return make


GUARANTEE = "zookeeper-guarantee"
SESSIONS = "zookeeper-sessions"
MOVES = "zookeeper-moves"
PIPELINE = "zookeeper-pipeline"
WATCHES = "zookeeper-watches"
MULTI = "zookeeper-multi"
SNAPSHOTS = "zookeeper-snapshots"
ALL = (GUARANTEE, SESSIONS, MOVES, PIPELINE, WATCHES, MULTI, SNAPSHOTS)


def _bug(
    breaks: str,
    make: Make,
    *plans: str,
    by: str = "zookeeper",
    kind: str = SAFETY,
    **options: Any,
) -> Variant:
    return Variant(breaks, kind, make, plans, by, options)


def _fine(how: str, make: Make, *plans: str) -> Variant:
    return Variant(how, CORRECT, make, plans or ALL)


VARIANTS: dict[str, Variant] = {
    "read-passes-own-write": _bug(
        "a read does not wait for its session's writes before it",
        _server(ReadPassesWrite),
        PIPELINE,
    ),
    "lost-pipelined-write": _bug(
        "the leader loses a write and proposes the later ones of its session; the log takes them",
        lambda built: _parts(leading_type=OutOfOrder)(_machine(LosesPipelined)(built)),
        PIPELINE,
    ),
    "sync-local": _bug(
        "a sync is answered without asking the leader", _server(SyncLocal), GUARANTEE
    ),
    "session-moves-back": _bug(
        "a server takes a session that has seen a later state", _server(MovesBack), MOVES
    ),
    "old-server-not-fenced": _bug(
        "a write by a server that its session has left is done, be it done already",
        lambda built: _parts(leading_type=OpenFence)(_machine(NotFenced)(built)),
        MOVES,
    ),
    "watch-after-reply": _bug(
        "events come after answers from newer states", _server(WatchAfterReply), WATCHES
    ),
    "watch-lost-on-move": _bug(
        "what a session's watches missed while it moved is never told",
        _server(WatchLostOnMove),
        WATCHES,
    ),
    "watch-twice": _bug("a watch fires again and again", _server(WatchTwice), WATCHES),
    "watch-wrong-event": _bug("a deletion is told as a change", _server(WatchOfWrongKind), WATCHES),
    "ephemeral-leak": _bug("ephemerals outlive their session", _machine(EphemeralLeak), SESSIONS),
    "expiry-by-follower": _bug(
        "a server deletes ephemerals by its own clock, in its own tree",
        _server(ExpiryByFollower),
        SESSIONS,
        by="invariants",
    ),
    "expired-session-writes": _bug(
        "writes of a session that is over are done",
        lambda built: _parts(leading_type=ServesTheDead)(_machine(ExpiredWrites)(built)),
        SESSIONS,
    ),
    "local-clock-at-apply": _bug(
        "times are those at which each server applied the write",
        _local_clock,
        GUARANTEE,
        by="invariants",
    ),
    "zxid-reuse": _bug(
        "a new leader counts zxids from 1 again, in the same epoch",
        _machine(ZxidReuse),
        GUARANTEE,
        snapshot_every=0,
    ),
    "sequence-reuse": _bug("a sequential name comes twice", _tree(SequenceReuse), GUARANTEE),
    "partial-multi": _bug("what a refused multi did before stays", _tree(PartialMulti), MULTI),
    "torn-multi": _bug("a multi's operations have several zxids", _tree(TornMulti), MULTI),
    "no-version-check": _bug("version 0 is taken for any", _tree(NoVersionCheck), GUARANTEE),
    "snapshot-drops-owners": _bug(
        "a snapshot loses which ephemerals are whose",
        _machine(SnapshotDropsOwners),
        SNAPSHOTS,
        by="invariants",
    ),
    "snapshot-drops-answers": _bug(
        "a snapshot loses which writes were done",
        _machine(SnapshotDropsSessions),
        SNAPSHOTS,
        by="invariants",
    ),
    "expires-early": _bug(
        "sessions expire though their clients are heard",
        _parts(leading_type=ExpiresEarly),
        SESSIONS,
    ),
    "timeout-shortened": _bug(
        "a session's timeout is a quarter of what was agreed once it has moved",
        _machine(TimeoutShortened),
        SESSIONS,
    ),
    "ticks-often": _fine("servers tell the leader more often whom they hear", _server(TicksOften)),
    "one-write-at-a-time": _fine(
        "a session's next write goes to the leader when the one before is done",
        _parts(attached_type=OneAtATime),
    ),
    "asks-twice": _fine("clients send every request twice", _link(AsksAgain)),
    "syncs-everything": _fine(
        "every read is a sync, too", _server(SyncsEverything, attached_type=ReadsLikeSyncs)
    ),
    "snapshot-every-7": _fine("a snapshot after every seven entries", _often(7)),
    "no-snapshots": _fine("the log is kept for ever", _often(0)),
    "log-says-more": _fine("lines of the log have another field", _machine(LongNames)),
}
