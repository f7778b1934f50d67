"""What a node does while it leads: spreads the log, counts a majority, confirms reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from harness.clock import MS, Nanos
from harness.core import NodeId, Persist, SetTimer
from systems.raft.change import Changes
from systems.raft.lease import Lease
from systems.raft.message import (
    Append,
    Appended,
    C,
    Committed,
    Entry,
    Index,
    Install,
    Installed,
    Members,
    Rejected,
    Suffix,
    TimeoutNow,
    position_of,
)
from systems.raft.progress import Peer, ReadRounds

if TYPE_CHECKING:
    from systems.raft.raft import Raft

HEARTBEAT = "heartbeat"
BATCH = 256  # entries in one Append at most
BATCH_BYTES = 1_000_000  # of the clients' data in one Append, unless its first entry has more
FLYING = 4  # Appends with entries on their way to one follower at most; later entries wait


class Leader(Generic[C]):
    """One node's leadership of one term; gone when it steps down, and all that waited in it."""

    batch = BATCH
    changes_type: type[Changes] = Changes
    lease_type: type[Lease] = Lease

    def __init__(self, raft: Raft[C], now: Nanos) -> None:
        self.raft = raft
        self.peers: dict[NodeId, Peer] = {}
        self._gone: list[NodeId] = []  # members no more, to be told when that is committed
        self._reads = ReadRounds()
        self._lease = self.lease_type(raft.timing.lease)
        self._now = now  # a moment in the past, the last that is known
        self._changes = self.changes_type(self, now)
        self._meet(now)

    def begin(self, now: Nanos) -> None:
        """Start with a no-op, whose commit is that of all that earlier terms left."""
        self.raft.effects.append(SetTimer(HEARTBEAT, self.raft.timing.heartbeat))
        self.propose("", 0, None, now // MS)

    def _meet(self, now: Nanos) -> None:
        """Keep account of each member of the configuration, and of nobody else."""
        raft, before = self.raft, self.peers
        others = raft.members.others(raft.me)
        self._gone += [node for node in before if node not in others]
        self.peers = {n: before.get(n) or Peer(raft.log.last + 1, now) for n in others}

    # --- the log

    def propose(self, client: str, seq: int, command: C | None, time: int) -> int:
        """Append an entry to the log and send it on; returns its index. `time` in ms."""
        return self._append(Entry(self.raft.term, client, seq, command, time))

    def change(self, members: Members, now: Nanos) -> None:
        """Append a configuration, which is in force at once, and send it to all that are or were
        in it."""
        entry: Entry[C] = Entry(self.raft.term, "", 0, None, now // MS, members)
        before = self.peers
        self.raft.membership.put(members.index, (entry,))
        self._meet(now)
        after, self.peers = self.peers, {**self.peers, **before}
        self._append(entry, after)

    def _append(self, entry: Entry[C], after: dict[NodeId, Peer] | None = None) -> int:
        raft = self.raft
        index = raft.log.append(entry)
        for node, peer in self.peers.items():
            if peer.flying < FLYING:
                self._send_append(node, peer)
        if after is not None:
            self.peers = after
        raft.effects.append(Persist(Suffix(index, (entry,))))
        if raft.members.voters.keys() == {raft.me}:
            self._count()
        return index

    def beat(self, now: Nanos) -> None:
        """Tell all that this leader lives, and step down where it has not heard of a majority."""
        raft, self._now = self.raft, now
        limit = now - 2 * raft.timing.election
        heard = [now if p is None else p.heard for p in self._voters()]
        if sum(h >= limit for h in heard) < raft.members.majority:
            raft.follow(raft.term, None, now)
            return
        self._changes.beat(now)
        if not raft.leads:
            return
        self._next_round()
        for node, peer in self.peers.items():
            peer.check_progress()
            with_entries = peer.heard >= limit and peer.flying < FLYING
            self._send_append(node, peer, with_entries=with_entries)
        raft.effects.append(SetTimer(HEARTBEAT, raft.timing.heartbeat))

    def on_answer(
        self, source: NodeId, message: Appended | Rejected | Installed, now: Nanos
    ) -> None:
        """A member has answered an Append or Install of this term."""
        self._now = now
        peer = self._heard(source, message, now)
        if peer is None:
            return
        if isinstance(message, Appended):
            self._on_appended(source, peer, message)
        elif isinstance(message, Rejected):
            self._on_rejected(source, peer, message)
        else:
            self._on_installed(source, peer, message)
        self._changes.on_answer(source, peer, now)

    def _on_appended(self, source: NodeId, peer: Peer, message: Appended) -> None:
        """A follower's log equals this one up to `match`."""
        peer.flying = max(0, peer.flying - 1)
        if message.match > peer.match:
            peer.match = message.match
            peer.next = max(peer.next, message.match + 1)
            peer.moved = True
            if message.match > self.raft.commit:
                self._count()
        if peer.next <= self.raft.log.last and peer.flying < FLYING:
            self._send_append(source, peer)

    def _on_rejected(self, source: NodeId, peer: Peer, message: Rejected) -> None:
        """A follower's log is shorter or differs: try again further back."""
        if message.prev <= peer.match or peer.next <= self.raft.log.base:
            return  # late: it has accepted more since; or it is being sent a snapshot
        peer.next = max(peer.match + 1, min(message.hint, message.prev))
        peer.flying = 0
        self._send_append(source, peer)

    def _heard(
        self, source: NodeId, message: Appended | Rejected | Installed, now: Nanos
    ) -> Peer | None:
        """A member has answered an Append of this round in this term; None for one that is none.
        What an incarnation with another mark had does not hold for this one."""
        peer = self.peers.get(source)
        if peer is None:
            return None
        if peer.mark != message.mark:
            if peer.mark is not None:
                peer = self.peers[source] = Peer(self.raft.log.last + 1, now)
            peer.mark = message.mark
        peer.heard = now
        if message.round > peer.round:
            peer.round = message.round
            peer.sent = self._lease.sent(message.round, now)
            self._finish_reads()
        return peer

    def _on_installed(self, source: NodeId, peer: Peer, message: Installed) -> None:
        """A follower has taken parts of the snapshot: send the next, or what follows it."""
        log = self.raft.log
        if message.last != log.base or peer.match >= log.base:
            return  # of an older snapshot, or late
        peer.moved = True
        peer.installed, peer.flying = message.count, 0
        if message.count == len(self.raft.parts):
            peer.match, peer.next, peer.installed = log.base, log.base + 1, 0
        self._send_append(source, peer)

    def _send_part(self, node: NodeId, peer: Peer) -> None:
        """Send the next part of the snapshot to a follower that is behind it."""
        raft = self.raft
        peer.flying = 1
        log, parts = raft.log, raft.parts
        place = min(peer.installed, len(parts) - 1)
        install = Install(
            *(raft.term, log.base, log.base_term, place, len(parts), parts[place]),
            *(self._reads.round, raft.membership.at(log.base)),
        )
        raft.send(node, install)

    def _send_append(self, node: NodeId, peer: Peer, *, with_entries: bool = True) -> None:
        raft = self.raft
        prev = peer.next - 1
        if prev < raft.log.base:
            if with_entries and not peer.flying:
                self._send_part(node, peer)
                return
            prev, with_entries = raft.log.base, False  # it cannot follow, but it can answer
        entries = self._some(raft.log.after(prev, self.batch)) if with_entries else ()
        if entries:
            peer.next += len(entries)
            peer.flying += 1
        prev_term = raft.log.term(prev)
        round_ = self._reads.round
        raft.send(node, Append(raft.term, prev, prev_term, entries, raft.commit, round_))

    def _some(self, entries: tuple[Entry[C], ...]) -> tuple[Entry[C], ...]:
        """The first of these, as many as one message may carry."""
        if len(entries) < 2:
            return entries
        left = BATCH_BYTES
        for place, entry in enumerate(entries):
            left -= 0 if entry.command is None else self.raft.weigh(entry.command)
            if left < 0:
                return entries[: max(1, place)]
        return entries

    def is_waited_for(self, index: int, now: Nanos) -> bool:
        """As Raft says."""
        limit = now - 3 * self.raft.timing.heartbeat
        return any(p.next <= index and p.heard >= limit for p in self.peers.values())

    # --- majorities

    def _voters(self) -> list[Peer | None]:
        """Each voter's account, and None for this node. One that answers under another mark than
        its own, or has not answered yet, has an account where nothing counts."""
        raft = self.raft
        found: list[Peer | None] = []
        for node, mark in raft.members.voters.items():
            if node == raft.me:
                found.append(None)
            else:
                peer = self.peers[node]
                found.append(peer if peer.mark in (None, mark) else Peer(0, 0))
        return found

    def quorum(self) -> int:
        """How many voters must hold an entry."""
        return self.raft.members.majority

    def held(self) -> int:
        """The last index that a majority holds."""
        matches = sorted(self.raft.log.last if p is None else p.match for p in self._voters())
        return matches[len(matches) - self.quorum()]

    def may_commit(self, index: int) -> bool:
        """Only an entry of this term is committed by counting (paper, figure 8)."""
        return self.raft.log.term(index) == self.raft.term

    def _count(self) -> None:
        """Commit what a majority holds, if it is of this term."""
        raft, index = self.raft, self.held()
        if index <= raft.commit or not self.may_commit(index):
            return
        raft.commit = index
        self.tell_commit()
        if raft.members.index <= index:
            self._gone = []
        for asker, token in self._reads.release():
            self.read(asker, token)

    def tell_commit(self) -> None:
        """Let all hear of a commit at once."""
        raft = self.raft
        for node in (*self.peers, *self._gone):
            raft.send(node, Committed(raft.term, raft.commit))

    # --- reads

    def has_begun(self) -> bool:
        """Whether something of this term is committed: it knows all that was committed before."""
        return self.raft.log.term(self.raft.commit) == self.raft.term

    def read(self, asker: NodeId | None, token: int, now: Nanos | None = None) -> None:
        """Confirm a read of this node (None) or another at once under a lease; else it waits for a
        round that begins after now."""
        raft = self.raft
        if not self.has_begun():
            self._reads.hold_back((asker, token))
        elif now is not None and self._has_lease(now):
            self._confirm(asker, token, position_of(raft.term, raft.commit))
        elif self._reads.add((asker, token), position_of(raft.term, raft.commit)):
            self._begin_round()

    def _has_lease(self, now: Nanos) -> bool:
        """Whether a majority has answered what was sent so lately that nobody else leads."""
        self._now = now
        sent = sorted(now if p is None else p.sent for p in self._voters())
        return self._lease.holds(sent[len(sent) - self.quorum()], now)

    def _next_round(self) -> None:
        self._reads.begin()
        self._lease.begin(self._reads.round, self._now)

    def _begin_round(self) -> None:
        self._next_round()
        for node, peer in self.peers.items():
            self._send_append(node, peer, with_entries=peer.flying < FLYING)
        if self.raft.members.voters.keys() == {self.raft.me}:
            self._finish_reads()

    def _finish_reads(self) -> None:
        """Answer the reads whose round a majority has confirmed, and begin the next round."""
        for asker, token, position in self._reads.finish(self.confirmed()):
            self._confirm(asker, token, position)
        if self._reads.is_due:
            self._begin_round()

    def _confirm(self, asker: NodeId | None, token: int, position: int) -> None:
        """This node (None) or another may answer a read once the entry there is applied."""
        if asker is None:
            self.raft.confirmed.append((token, position))
        else:
            self.raft.send(asker, Index(token, position))

    def confirmed(self) -> int:
        """The last round that a majority has answered."""
        rounds = sorted(self._reads.round if p is None else p.round for p in self._voters())
        return rounds[len(rounds) - self.quorum()]

    # --- members

    def administer(self, what: str, node: NodeId, now: Nanos) -> bool | str:
        """As Raft says."""
        return self._changes.administer(what, node, now)

    def hand_over(self, node: NodeId) -> None:
        """Tell a member that has all of the log to lead."""
        self._lease.give_up()
        self.raft.send(node, TimeoutNow(self.raft.term))
