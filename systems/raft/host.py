"""A node that keeps a state machine on a Raft log: what every replicated service here shares.

It applies what is committed, asks the leader for read indices, and lets snapshots of the machine
take the place of the log's beginning. A service is a subclass that handles its clients' messages.
A snapshot is an image that shares the machine's state; it is turned into bytes part by part, so
that requests are answered in between.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any, Protocol

from msgspec import Struct, msgpack

from harness.clock import MS, Nanos
from harness.core import Core, Dump, Effect, Message, NodeId, Note, Record, Send, SetTimer, dump_of
from systems.raft.message import Administer, Administered, Entry, Members, position_of
from systems.raft.raft import Raft, Timing

PART = "snapshot"  # the timer between two parts of a snapshot
PAUSE = 1 * MS
PATIENT = 10  # a log grows to so many times its usual length for a member that catches up


class Keeping(Struct, frozen=True):
    """What a node keeps of its log: a snapshot takes its place after `snapshot_every` entries (0:
    never). With `keep_log` what was left out is still in the dump at the end of a run."""

    snapshot_every: int = 10_000
    keep_log: bool = False


class Machine(Protocol):
    """A deterministic state machine. `digest` is a number that follows from the state alone."""

    @property
    def digest(self) -> int:
        """Equal on two nodes where their states are."""
        ...

    def weigh(self, command: Any) -> int:
        """About how many bytes of data a command carries."""
        ...

    def apply(self, entry: Any, position: int) -> Any:
        """Carry out an entry that has a command; returns its result."""
        ...

    def state(self) -> Any:
        """All of the state, JSON-able."""
        ...

    def save(self) -> Iterator[bytes]:
        """The state as it is now, in parts of bounded size, made one by one as they are asked for,
        whatever is applied meanwhile."""
        ...

    def load(self, parts: Iterable[bytes]) -> None:
        """Become the state whose parts these are."""
        ...

    def describe(self, entry: Any, position: int, result: Any) -> dict[str, Any]:
        """An entry that has a command, and its result, as a dump of the log shows them."""
        ...


class Host(Core):
    """One incarnation of a node. `members` are all nodes there are; the last `spare` of them do
    not take part until they are added. `digest_at(i)` is the machine's digest after entry i."""

    raft_type: type[Raft[Any]] = Raft

    def __init__(
        self,
        me: NodeId,
        members: Sequence[NodeId],
        machine: Machine,
        rng: Random,
        timing: Timing | None = None,
        keeping: Keeping | None = None,
        spare: int = 0,
    ) -> None:
        self.me = me
        first = members[: len(members) - spare]
        self.raft: Raft[Any] = self.raft_type(me, first, rng, timing)
        self.raft.weigh = machine.weigh
        self.machine: Any = machine
        self.keeping = keeping or Keeping()
        self.applied = 0
        self.position = 0  # of the last entry applied
        self.members = frozenset(members)
        self.now: Nanos = 0  # of the input that is being handled
        self._digests = array("Q", (machine.digest,))
        self._first = 0  # the entry of the first digest
        self._lines: list[tuple[int, Entry[Any], Any]] = []  # index, entry, result: for the dump
        self._archive: list[dict[str, Any]] = []  # with keep_log, the lines before those
        self._token = rng.getrandbits(60)
        self._era: tuple[int, NodeId | None] = (0, None)  # term and leader last seen
        self._saving: tuple[int, Iterator[bytes], list[bytes]] | None = None
        self._handlers: dict[type, Callable[[NodeId, Any], None]] = {
            Administer: self._on_administer
        }

    # --- what a service adds

    def on_applied(self, entry: Entry[Any], result: Any) -> None:
        """An entry with a command was applied; `self.position` is its position."""

    def on_era(self) -> None:
        """There is a new term, or a leader is known or known no longer."""

    def on_confirmed(self, token: int, position: int) -> None:
        """The read index that `ask_index` asked for, as a position."""

    def on_timer(self, name: str) -> None:
        """A timer of the service has fired."""

    def on_settled(self) -> None:
        """All that is committed is applied."""

    def on_restored(self, before: int) -> None:
        """The machine's state, at position `before` until now, was replaced by a snapshot's."""

    # --- Core

    def start(self, stored: Sequence[Record], now: Nanos) -> Iterable[Effect]:
        """Begin from the last snapshot, if there is one; the log after it is applied again once it
        is known to be committed."""
        self.now = now
        self._token += now  # no answer to an earlier incarnation may be taken for one to this
        self.raft.start(stored, now)
        self._settle()
        self._note(self.raft.membership.at(self.raft.commit))
        return self.raft.take()

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message of a client or of another node."""
        self.now = now
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(source, message)
        else:
            self.raft.receive(source, message, now)
        self._settle()
        return self.raft.take()

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer of the Raft, of a snapshot or of the service."""
        self.now = now
        if name == PART:
            self._save_part()
        else:
            self.raft.timer(name, now)
            self.on_timer(name)
        self._settle()
        return self.raft.take()

    def dump(self) -> Dump:
        """The committed log, from the first entry that is still known, and the state. Where none is
        known, one line names the last that the state's snapshot stands for."""
        lines = [*self._archive, *(self._line(*line) for line in self._lines)]
        if not lines and self.applied:  # it has just begun from a snapshot, which says how far
            base: Entry[Any] = Entry(self.raft.log.base_term, "", 0, None)
            lines = [{**self._line(self.applied, base, None), "type": "snapshot"}]
        return dump_of(lines, self.machine.state())

    def _line(self, index: int, entry: Entry[Any], result: Any) -> dict[str, Any]:
        position = position_of(entry.term, index)
        if entry.members is not None:
            voters, learners = sorted(entry.members.voters), sorted(entry.members.learners)
            said: dict[str, Any] = {
                "type": "config",
                "value": {"members": voters, "learners": learners},
            }
        elif entry.command is None:
            said = {"type": "noop"}
        else:
            said = self.machine.describe(entry, position, result)
        empty = {"session": None, "seq": 0, "value": None, "time": entry.time, "error": None}
        return {"index": index, "term": entry.term, "position": position, **empty, **said}

    def digest_at(self, index: int) -> int | None:
        """The machine's digest after an entry; None for one that is not known any more."""
        place = index - self._first
        return self._digests[place] if 0 <= place < len(self._digests) else None

    # --- what a service uses

    def propose(self, client: str, seq: int, command: Any) -> int:
        """Append to the log; returns the index. Only a leader may."""
        return self.raft.propose(client, seq, command, self.now)

    def ask_index(self) -> int:
        """Ask for a read index; its token comes to `on_confirmed`, unless it is lost on the way.
        Those of an earlier era are lost for certain."""
        self._token += 1
        self.raft.read(self._token, self.now)
        return self._token

    def send(self, to: NodeId, message: Message) -> None:
        """Send a message, after all that was asked for before."""
        self.raft.effects.append(Send(to, message))

    def set_timer(self, name: str, delay: Nanos) -> None:
        """Set a timer of the service."""
        self.raft.effects.append(SetTimer(name, delay))

    # --- applying

    def _settle(self) -> None:
        """Apply what is committed, and tell the service what has come of it."""
        raft = self.raft
        if raft.restored is not None:
            self._restore(raft.restored)
        if (raft.term, raft.leader) != self._era:
            self._era = (raft.term, raft.leader)
            self.on_era()
        while True:  # where one node is a majority, what a service proposes is committed at once
            if self.applied < raft.commit:
                while self.applied < raft.commit:
                    self._apply(raft.log.entry(self.applied + 1))
                self._consider_snapshot()
            if raft.confirmed:
                confirmed, raft.confirmed = raft.confirmed, []
                for token, position in confirmed:
                    self.on_confirmed(token, position)
            self.on_settled()
            if self.applied == raft.commit and not raft.confirmed:
                return

    def _apply(self, entry: Entry[Any]) -> None:
        self.applied += 1
        self.position = position_of(entry.term, self.applied)
        result = None
        if entry.command is not None:
            result = self.machine.apply(entry, self.position)
        self._digests.append(self.machine.digest)
        self._lines.append((self.applied, entry, result))
        if entry.command is not None:
            self.on_applied(entry, result)
        elif entry.members is not None:
            self._note(entry.members)

    def _note(self, members: Members) -> None:
        data = {"members": sorted(members.voters), "epoch": members.index}
        self.raft.effects.append(Note("members", data))

    def _on_administer(self, source: NodeId, message: Administer) -> None:
        """Let the leader see to it, and say whether it is so."""
        raft = self.raft
        done: bool | str = False
        if message.node not in self.members:
            done = f"there is no node {message.node}"
        elif raft.is_leader:
            done = raft.administer(message.what, message.node, self.now)
        refused = done if isinstance(done, str) else ""
        voters = tuple(sorted(raft.members.voters))
        answer = (message.id, done is True, refused, raft.leader, voters, self.position)
        self.send(source, Administered(*answer))

    def _restore(self, parts: Sequence[bytes]) -> None:
        """Take the state of a snapshot."""
        raft = self.raft
        raft.restored = None
        before = self.position
        self.machine.load(parts)
        self.applied = raft.log.base
        self.position = position_of(raft.log.base_term, raft.log.base)
        self._first, self._digests = self.applied, array("Q", (self.machine.digest,))
        if raft.kept and not self._archive:  # of an earlier incarnation
            self._archive = msgpack.decode(raft.kept)
        self._put_by(len(self._lines))
        self._saving = None
        self._note(raft.members)
        self.on_restored(before)

    # --- snapshots

    def _consider_snapshot(self) -> None:
        """Begin a snapshot where the log has grown enough since the last."""
        every, grown = self.keeping.snapshot_every, self.applied - self.raft.log.base
        if not every or self._saving is not None or grown < every:
            return
        if grown >= PATIENT * every or not self.raft.is_waited_for(self.applied, self.now):
            self._saving = (self.applied, self.machine.save(), [])
            self.set_timer(PART, PAUSE)

    def _save_part(self) -> None:
        if self._saving is None:
            return
        index, left, parts = self._saving
        part = next(left, None)
        if part is not None:
            parts.append(part)
            self.set_timer(PART, PAUSE)
            return
        self._saving = None
        if self._lines:
            gone = index + 1 - self._lines[0][0]
            if not self.keeping.keep_log:  # the last one says how far this node has come
                gone = min(gone, len(self._lines) - 1)
            self._put_by(max(0, gone))
        self.raft.compact(index, tuple(parts))
        del self._digests[: index - self._first]
        self._first = index
        self._consider_snapshot()

    def _put_by(self, count: int) -> None:
        """The first lines of the log are not needed any more, but perhaps for the dump."""
        if self.keeping.keep_log and count:
            self._archive += [self._line(*line) for line in self._lines[:count]]
            self.raft.kept = msgpack.encode(self._archive)
        del self._lines[:count]
