"""The replicated state of the ZooKeeper-like service: the tree and the sessions.

A deterministic state machine: times, names and expiry come with the log's entries. What a session
asked twice is done once and answered twice, as long as its client may still ask; a write whose
predecessor was lost, or from a server that the session has left, is refused where it stands in the
log, on every server alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, msgpack

from systems.raft.digest import mark
from systems.raft.message import Entry
from systems.zookeeper.command import (
    Attach,
    Close,
    Command,
    Expire,
    Found,
    OpenSession,
    Query,
    Refused,
    Result,
    Txn,
    error_of,
    invocation_of,
    session_id,
)
from systems.zookeeper.znode import Znode, bytes_of
from systems.zookeeper.znodes import MEMORY, Change, Znodes

SESSION_EXPIRED = Refused("SessionExpired")
SESSION_MOVED = Refused("SessionMoved")
OUT_OF_ORDER = Refused("OutOfOrder")  # the session's write before it was lost

KEPT = 128  # results kept for a session; its client has fewer writes open at a time
SLICE = 5_000  # znodes in one part of a snapshot, at most
SLICE_SESSIONS = 100  # sessions, with what each was answered and owns, likewise
SLICE_BYTES = 500_000  # and about so many bytes of data


class Answered(Struct, frozen=True, array_like=True, gc=False):
    """A session's write that was done or refused: its number, at which zxid, and how."""

    seq: int
    zxid: int
    result: Result


class Session(Struct, frozen=True, gc=False):
    """An open session. `attach` counts its servers, `last` is the number of its last write,
    `answered` the last KEPT of them."""

    timeout_ms: int
    server: str
    attach: int = 1
    last: int = 0
    answered: tuple[Answered, ...] = ()


class Machine:
    """Tree and sessions. `changes` are those of the last entry, in order, for watches; `ended` is
    the session that the last entry closed, or None."""

    znodes_type: type[Znodes] = Znodes

    def __init__(self, tree_limit: int = MEMORY) -> None:
        self.znodes = self.znodes_type(tree_limit)
        self.sessions: dict[str, Session] = {}
        self.ended: str | None = None
        self._digest = 0  # of the sessions

    @property
    def digest(self) -> int:
        """A number that follows from the state alone."""
        return self.znodes.digest ^ self._digest

    @property
    def changes(self) -> list[Change]:
        """(created, deleted, changed or child, path) of the last entry, in order."""
        return self.znodes.changes

    def query(self, query: Query) -> Result:
        """Look something up in the tree."""
        return self.znodes.query(query)

    def weigh(self, command: Command) -> int:
        """Bytes of the data in a command."""
        return bytes_of(command.op) if isinstance(command, Txn) else 0

    def apply(self, entry: Entry[Command], zxid: int) -> Answered:
        """Carry out an entry of the log."""
        self.znodes.changes = []
        self.ended = None
        command = entry.command
        if isinstance(command, Txn):
            return self._txn(entry.client, entry.seq, command, zxid, entry.time)
        if isinstance(command, OpenSession):
            name = session_id(zxid)
            self._put(name, Session(command.timeout_ms, command.server))
            return Answered(entry.seq, zxid, Found(name))
        session = self.sessions.get(entry.client)
        if session is None:
            return Answered(entry.seq, zxid, SESSION_EXPIRED)
        if isinstance(command, Attach):
            return Answered(entry.seq, zxid, self._attach(entry.client, session, command))
        assert isinstance(command, Expire)
        self._end(entry.client, zxid)
        return Answered(entry.seq, zxid, Found())

    # --- a session's writes

    def _txn(self, name: str, seq: int, txn: Txn, zxid: int, time: int) -> Answered:
        session = self.sessions.get(name)
        if session is None:
            return Answered(seq, zxid, self._of_closed(name, txn, zxid, time))
        if txn.attach < session.attach:
            return Answered(seq, zxid, SESSION_MOVED)
        if seq <= session.last:
            return self._again(session, seq, zxid)
        if txn.prev != session.last:
            return Answered(seq, zxid, OUT_OF_ORDER)
        if isinstance(txn.op, Close):
            self._end(name, zxid)
            return Answered(seq, zxid, Found())
        done = Answered(seq, zxid, self.write(txn.op, zxid, time, name))
        kept = (*session.answered, done)[-KEPT:]
        self._put(name, Session(session.timeout_ms, session.server, session.attach, seq, kept))
        return done

    def write(self, op: Any, zxid: int, time: int, name: str) -> Result:
        """What an open session's write does to the tree; `time` in ms, of the entry."""
        return self.znodes.write(op, zxid, time, name)

    def _of_closed(self, name: str, txn: Txn, zxid: int, time: int) -> Result:
        """A write of a session that is over."""
        return SESSION_EXPIRED

    def _again(self, session: Session, seq: int, zxid: int) -> Answered:
        """A write that is in the log twice has the first one's result."""
        for answered in reversed(session.answered):
            if answered.seq == seq:
                return answered
        return Answered(seq, zxid, OUT_OF_ORDER)

    def _attach(self, name: str, session: Session, command: Attach) -> Result:
        """A session moves, unless its client has moved on since it asked for that."""
        if command.attach <= session.attach:
            same = (command.attach, command.server) == (session.attach, session.server)
            return Found(name) if same else SESSION_MOVED
        self._put(
            name,
            Session(
                session.timeout_ms,
                command.server,
                command.attach,
                session.last,
                session.answered,
            ),
        )
        return Found(name)

    def _end(self, name: str, zxid: int) -> None:
        """A session is over, and its ephemerals with it."""
        self.ended = name
        self._put(name, None)
        self.znodes.delete_all(name, zxid)

    def describe(self, entry: Entry[Command], position: int, result: Answered) -> dict[str, Any]:
        """An entry as a dump of the log shows it: as the operation that asked for it."""
        command = entry.command
        line: dict[str, Any] = {"session": None, "seq": 0, "time": entry.time}
        line["error"] = error_of(result.result)
        if isinstance(command, Txn):
            line |= {"session": entry.client, "seq": entry.seq}
            line["type"], line["value"] = invocation_of(command.op, entry.client)
            if result.zxid != position:
                line["error"] = "duplicate"
        elif isinstance(command, OpenSession):
            opened = {"session": session_id(position), "timeout_ms": command.timeout_ms}
            return line | {"type": "createSession", "value": opened}
        elif isinstance(command, Attach):
            moved = {"session": entry.client, "node": command.server}
            return line | {"type": "attach", "value": moved}
        else:
            line |= {"type": "closeSession", "value": entry.client}
        if line["type"] == "closeSession":
            line["expired"] = isinstance(command, Expire)
        return line

    def _put(self, name: str, session: Session | None) -> None:
        old = self.sessions.get(name)
        if old is not None:
            self._digest ^= _mark(name, old)
        if session is None:
            self.sessions.pop(name, None)
            return
        self.sessions[name] = session
        self._digest ^= _mark(name, session)

    # --- the whole state

    def state(self) -> dict[str, Any]:
        """JSON-able: znodes by path, sessions by name."""
        nodes = self.znodes.nodes
        return {
            "znodes": {
                path: [
                    z.data,
                    z.czxid,
                    z.mzxid,
                    z.pzxid,
                    z.version,
                    z.cversion,
                    z.owner,
                    z.ctime,
                    z.mtime,
                ]
                for path, z in sorted(nodes.items())
            },
            "sessions": {
                name: [s.timeout_ms, s.server, s.attach, s.last]
                for name, s in sorted(self.sessions.items())
            },
        }

    def save(self) -> Iterator[bytes]:
        """The state now, in parts of bounded size; nothing that happens later changes it."""
        owned = {name: tuple(paths) for name, paths in self.znodes.ephemerals.items() if paths}
        return _parts(dict(self.znodes.nodes), owned, dict(self.sessions))

    def load(self, parts: Iterable[bytes]) -> None:
        """Become the state whose parts these are."""
        sound = iter(parts)
        limit = self.znodes.limit
        self.znodes = znodes = self.znodes_type(limit)
        self.sessions = {}
        owned: dict[str, tuple[str, ...]] = {}
        for _ in range(_count(next(sound))):
            self.sessions |= _sessions(next(sound))
            owned |= _owned(next(sound))
        for part in sound:
            for path, node in _znodes(part):
                znodes.restore(path, node)
        znodes.ephemerals = {name: dict.fromkeys(paths) for name, paths in owned.items()}
        self._digest = 0
        for name, session in self.sessions.items():
            self._digest ^= _mark(name, session)


_encode = msgpack.Encoder().encode
_count = msgpack.Decoder(int).decode
_owned = msgpack.Decoder(dict[str, tuple[str, ...]]).decode
_sessions = msgpack.Decoder(dict[str, Session]).decode
_znodes = msgpack.Decoder(list[tuple[str, Znode]]).decode


def _parts(
    nodes: dict[str, Znode], owned: dict[str, tuple[str, ...]], sessions: dict[str, Session]
) -> Iterator[bytes]:
    """Made one after another while the machine goes on: how many parts of sessions there are, each
    part of them and one of what they own, and the znodes."""
    names = list(dict.fromkeys((*sessions, *owned)))
    starts = range(0, len(names), SLICE_SESSIONS)
    yield _encode(len(starts))
    for start in starts:
        some = names[start : start + SLICE_SESSIONS]
        yield _encode({name: sessions[name] for name in some if name in sessions})
        yield _encode({name: owned[name] for name in some if name in owned})
    part: list[tuple[str, Znode]] = []
    size = 0
    for item in nodes.items():
        part.append(item)
        size += item[1].length
        if len(part) >= SLICE or size >= SLICE_BYTES:
            yield _encode(part)
            part, size = [], 0
    yield _encode(part)


def _mark(name: str, session: Session) -> int:
    return mark(name, session.timeout_ms, session.server, session.attach, session.last)
