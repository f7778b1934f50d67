"""What a node does while it leads: spreads the log, counts a majority, confirms reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from harness.clock import MS, Nanos
from harness.core import NodeId, Persist, SetTimer
from systems.raft.message import (
    Append,
    Appended,
    C,
    Committed,
    Entry,
    Index,
    Install,
    Installed,
    Rejected,
    Suffix,
    position_of,
)
from systems.raft.progress import Peer, ReadRounds

if TYPE_CHECKING:
    from systems.raft.raft import Raft

HEARTBEAT = "heartbeat"
BATCH = 256  # entries in one Append at most
FLYING = 4  # Appends with entries on their way to one follower at most; later entries wait


class Leader(Generic[C]):
    """One node's leadership of one term; gone when it steps down, and all that waited in it."""

    def __init__(self, raft: Raft[C], now: Nanos) -> None:
        self._raft = raft
        self._peers = {node: Peer(raft.log.last + 1, now) for node in raft.others}
        self._reads = ReadRounds()

    def begin(self, now: Nanos) -> None:
        """Start with a no-op, whose commit is that of all that earlier terms left."""
        self._raft.effects.append(SetTimer(HEARTBEAT, self._raft.timing.heartbeat))
        self.propose("", 0, None, now // MS)

    # --- the log

    def propose(self, client: str, seq: int, command: C | None, time: int) -> int:
        """Append an entry to the log and send it on; returns its index. `time` in ms."""
        raft = self._raft
        entry = Entry(raft.term, client, seq, command, time)
        index = raft.log.append(entry)
        for node, peer in self._peers.items():
            if peer.flying < FLYING:
                self._send_append(node, peer)
        raft.effects.append(Persist(Suffix(index, (entry,))))
        if raft.majority == 1:
            self._count()
        return index

    def beat(self, now: Nanos) -> None:
        """Tell all that this leader lives, and step down where it has not heard of a majority."""
        raft = self._raft
        limit = now - 2 * raft.timing.election
        alive = 1 + sum(peer.heard >= limit for peer in self._peers.values())
        if alive < raft.majority:
            raft.follow(raft.term, None, now)
            return
        self._reads.begin()
        for node, peer in self._peers.items():
            peer.check_progress()
            with_entries = peer.heard >= limit and peer.flying < FLYING
            self._send_append(node, peer, with_entries=with_entries)
        raft.effects.append(SetTimer(HEARTBEAT, raft.timing.heartbeat))

    def on_appended(self, source: NodeId, message: Appended, now: Nanos) -> None:
        """A follower's log equals this one up to `match`."""
        peer = self._heard(source, message.round, now)
        peer.flying = max(0, peer.flying - 1)
        if message.match > peer.match:
            peer.match = message.match
            peer.next = max(peer.next, message.match + 1)
            peer.moved = True
            if message.match > self._raft.commit:
                self._count()
        if peer.next <= self._raft.log.last and peer.flying < FLYING:
            self._send_append(source, peer)

    def on_rejected(self, source: NodeId, message: Rejected, now: Nanos) -> None:
        """A follower's log is shorter or differs: try again further back."""
        peer = self._heard(source, message.round, now)
        if message.prev <= peer.match or peer.next <= self._raft.log.base:
            return  # late: it has accepted more since; or it is being sent a snapshot
        peer.next = max(peer.match + 1, min(message.hint, message.prev))
        peer.flying = 0
        self._send_append(source, peer)

    def _heard(self, source: NodeId, answered: int, now: Nanos) -> Peer:
        """A follower has answered an Append of this round in this term."""
        peer = self._peers[source]
        peer.heard = now
        if answered > peer.round:
            peer.round = answered
            self._finish_reads()
        return peer

    def on_installed(self, source: NodeId, message: Installed, now: Nanos) -> None:
        """A follower has taken parts of the snapshot: send the next, or what follows it."""
        peer = self._heard(source, message.round, now)
        log = self._raft.log
        if message.last != log.base or peer.match >= log.base:
            return  # of an older snapshot, or late
        peer.moved = True
        peer.installed, peer.flying = message.count, 0
        if message.count == len(self._raft.parts):
            peer.match, peer.next, peer.installed = log.base, log.base + 1, 0
        self._send_append(source, peer)

    def _send_part(self, node: NodeId, peer: Peer) -> None:
        """Send the next part of the snapshot to a follower that is behind it."""
        raft = self._raft
        peer.flying = 1
        log, parts = raft.log, raft.parts
        place = min(peer.installed, len(parts) - 1)
        raft.send(
            node,
            Install(
                raft.term,
                log.base,
                log.base_term,
                place,
                len(parts),
                parts[place],
                self._reads.round,
            ),
        )

    def _send_append(self, node: NodeId, peer: Peer, *, with_entries: bool = True) -> None:
        raft = self._raft
        prev = peer.next - 1
        if prev < raft.log.base:
            if with_entries and not peer.flying:
                self._send_part(node, peer)
                return
            prev, with_entries = raft.log.base, False  # it cannot follow, but it can answer
        entries = raft.log.after(prev, BATCH) if with_entries else ()
        if entries:
            peer.next += len(entries)
            peer.flying += 1
        prev_term = raft.log.term(prev)
        round_ = self._reads.round
        raft.send(node, Append(raft.term, prev, prev_term, entries, raft.commit, round_))

    def _count(self) -> None:
        """Commit what a majority holds, if it is of this term (paper, figure 8)."""
        raft = self._raft
        held = sorted((raft.log.last, *(peer.match for peer in self._peers.values())))
        index = held[len(held) - raft.majority]
        if index <= raft.commit or raft.log.term(index) != raft.term:
            return
        raft.commit = index
        for node in raft.others:
            raft.send(node, Committed(raft.term, index))
        for asker, token in self._reads.release():
            self.read(asker, token)

    # --- reads

    def read(self, asker: NodeId | None, token: int) -> None:
        """Let a read of this node (None) or another wait for a round that begins after now."""
        raft = self._raft
        if raft.log.term(raft.commit) != raft.term:
            self._reads.hold_back((asker, token))
        elif self._reads.add((asker, token), position_of(raft.term, raft.commit)):
            self._begin_round()

    def _begin_round(self) -> None:
        self._reads.begin()
        for node, peer in self._peers.items():
            self._send_append(node, peer, with_entries=peer.flying < FLYING)
        if self._raft.majority == 1:
            self._finish_reads()

    def _finish_reads(self) -> None:
        """Answer the reads whose round a majority has confirmed, and begin the next round."""
        raft = self._raft
        rounds = sorted((self._reads.round, *(peer.round for peer in self._peers.values())))
        for asker, token, position in self._reads.finish(rounds[len(rounds) - raft.majority]):
            if asker is None:
                raft.confirmed.append((token, position))
            else:
                raft.send(asker, Index(token, position))
        if self._reads.is_due:
            self._begin_round()
