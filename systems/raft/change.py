"""A leader's changes: of who is a member, and of who leads.

One configuration follows another only when that is committed, and something of the leader's own
term is (the fix to the thesis's section 4.1). Who is added is a learner first, and votes once its
log is as good as complete; a voter that says it has lost its disk becomes a learner again (see
identity.py). Any leader goes on with what another began, as learners are in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.clock import Nanos
from harness.core import NodeId
from systems.raft.membership import with_learner, with_voter, without
from systems.raft.message import Members
from systems.raft.progress import Peer

if TYPE_CHECKING:
    from systems.raft.leader import Leader

NEAR = 64  # a learner this few entries behind the commit is as good as complete


class Changes:
    """What one leader does about its members and its own place."""

    def __init__(self, leader: Leader[Any], now: Nanos) -> None:
        self._leader = leader
        self._heir: NodeId | None = None  # who is to lead
        self._until: Nanos = 0

    def administer(self, what: str, node: NodeId, now: Nanos) -> bool | str:
        """See to "add-node", "remove-node" or "transfer"; True where it is so, or why it cannot
        be."""
        if what == "add-node":
            return self._add(node, now)
        if what == "remove-node":
            return self._remove(node, now)
        return self._transfer(node, now) if what == "transfer" else f"unknown: {what}"

    @property
    def _members(self) -> Members:
        return self._leader.raft.members

    def _is_settled(self) -> bool:
        """Whether the configuration is committed, in this leader's own term or since."""
        return self._members.index <= self._leader.raft.commit and self._leader.has_begun()

    def _add(self, node: NodeId, now: Nanos) -> bool:
        members = self._members
        if node not in members.voters and node not in members.learners:
            if self._is_settled():
                self._leader.change(with_learner(members, node, self._next()), now)
            return False
        return node in members.voters and self._is_settled()

    def _remove(self, node: NodeId, now: Nanos) -> bool | str:
        members = self._members
        if node not in members.voters and node not in members.learners:
            return self._is_settled()
        if members.voters.keys() == {node}:
            return "it is the last"
        if self._is_settled():
            self._leader.change(without(members, node, self._next()), now)
        return False

    def _next(self) -> int:
        return self._leader.raft.log.last + 1

    def on_answer(self, node: NodeId, peer: Peer, now: Nanos) -> None:
        """A member has answered: perhaps it may vote now, or may no longer, or may lead."""
        raft, mark = self._leader.raft, peer.mark
        if node == self._heir and peer.match == raft.log.last:
            self._leader.hand_over(node)
        if mark is None or mark < 0 or not raft.is_leader or not self._is_settled():
            return
        members = self._members
        if node in members.learners:
            if peer.match >= max(members.index, raft.commit - NEAR):
                self._leader.change(with_voter(members, node, mark, self._next()), now)
        elif mark and members.voters.get(node, mark) != mark and len(members.voters) > 1:
            self._leader.change(with_learner(members, node, self._next()), now)

    def beat(self, now: Nanos) -> None:
        """At a heartbeat: a leader that is no voter goes, once that is committed, when it has told
        another to lead; one whose heir does not come takes up its duties again."""
        raft = self._leader.raft
        if raft.me not in self._members.voters and self._is_settled():
            if raft.is_leader:
                raft.leader, self._until = None, now + raft.timing.election
            self._heir = self._best()
        if self._heir is None:
            return
        if now < self._until:
            self._offer()
        elif raft.me in self._members.voters:
            raft.leader, self._heir = raft.me, None
        else:
            raft.follow(raft.term, None, now)

    def _transfer(self, node: NodeId, now: Nanos) -> bool | str:
        """Let a voter lead; requests wait until it does, or an election timeout has passed."""
        raft = self._leader.raft
        if node == raft.me:
            return self._leader.has_begun()
        if node not in self._members.voters:
            return "it does not vote"
        if self._heir is None and self._is_settled():
            self._heir, self._until = node, now + raft.timing.election
            raft.leader = None
            self._offer()
        return False

    def _offer(self) -> None:
        """Let the heir lead if it has all of the log; else its answers will show when it has."""
        if self._heir is not None:
            peer = self._leader.peers.get(self._heir)
            if peer is not None and peer.match == self._leader.raft.log.last:
                self._leader.hand_over(self._heir)

    def _best(self) -> NodeId | None:
        """The voter that has most of the log."""
        voters = [n for n in self._members.voters if n in self._leader.peers]
        return max(voters, key=lambda n: self._leader.peers[n].match, default=None)
