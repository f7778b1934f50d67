"""What Raft promises (paper, figure 3), watched in the simulator while it runs.

Each check looks only at what is new since the last, so it stays cheap however long the logs are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import cast

from harness.core import Core, NodeId
from harness.error import InvariantViolated
from systems.raft.host import Host
from systems.raft.message import Members
from systems.raft.raft import Raft

AGAIN = 50  # entries that are looked at again, since another may have been put before the last
UNSEEN = -1  # the term of an entry that was committed and left out between two looks

Request = tuple[int, str, int]  # term of the entry before; client, seq


class Seen:
    """How much of one incarnation of a node was looked at."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.last = self.last_term = 0  # of its log
        self.committed = 0
        self.term = 0


class ReplicaInvariants:
    """Election safety, one vote a term, log matching, leader completeness, state-machine safety,
    and that what was committed is kept by a majority; replicas that applied the same entries hold
    the same state."""

    def __init__(self) -> None:
        self._members = Members({})  # as committed last; none before the first look
        self._seen: dict[NodeId, Seen] = {}
        self._leaders: dict[int, NodeId] = {}
        self._votes: dict[tuple[int, NodeId], NodeId] = {}  # by term and voter, as counted
        self._born: dict[NodeId, tuple[int, int]] = {}  # its mark; the highest term of all by then
        self._highest = 0
        self._entries: dict[tuple[int, int], Request] = {}  # by (index, term)
        self._committed: list[int] = [0]  # term of the committed entry at each index
        self._known_in: list[int] = [0]  # a term by which that entry was committed; never falls
        self._digests: list[int | None] = []  # the state after each index

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """Look at the nodes that are up; raises InvariantViolated."""
        replicas = {node: cast(Host, core) for node, core in cores.items()}
        for node, replica in replicas.items():
            seen = self._seen.get(node)
            if seen is None or seen.core is not replica:
                seen = self._seen[node] = Seen(replica)
            self._check_log(node, replica.raft, seen)
            self._check_committed(node, replica, seen)
        for node, replica in replicas.items():
            self._check_votes(node, replica.raft)
            self._check_leader(node, replica.raft)
        self._highest = max([self._highest, *(r.raft.term for r in replicas.values())])
        for node, replica in replicas.items():
            self._check_memory(node, replica.raft)
        self._check_kept({node: replica.raft for node, replica in replicas.items()})

    def _check_log(self, node: NodeId, raft: Raft[object], seen: Seen) -> None:
        """Log matching: index and term name an entry and, by induction, all before it. The
        configurations that a node goes by are those of its log."""
        if raft.term < seen.term:
            raise InvariantViolated(f"{node} went back from term {seen.term} to {raft.term}")
        seen.term = raft.term
        log = raft.log
        last, last_term = log.last, log.last_term
        if (last, last_term) == (seen.last, seen.last_term) and last <= seen.committed:
            return
        kept = log.has(seen.last, seen.last_term)
        start = max(seen.last - AGAIN if kept else 0, min(seen.committed, last), log.base)
        before = log.term(start)
        for index in range(start + 1, last + 1):
            entry = log.entry(index)
            if entry.term < before:
                raise InvariantViolated(f"{node}'s log falls to term {entry.term} at {index}")
            request = (before, entry.client, entry.seq)
            if self._entries.setdefault((index, entry.term), request) != request:
                raise InvariantViolated(
                    f"log matching: {node} holds another entry {index} of term {entry.term}"
                )
            before = entry.term
        seen.last, seen.last_term = last, last_term
        for members in raft.membership.held:
            index = members.index
            if index > log.base and not (index <= last and log.entry(index).members == members):
                raise InvariantViolated(f"{node} goes by members that its log does not hold")

    def _check_committed(self, node: NodeId, replica: Host, seen: Seen) -> None:
        """State-machine safety: nodes commit the same entries, and come to the same states."""
        raft = replica.raft
        if raft.commit < seen.committed:
            raise InvariantViolated(f"{node} took back the commit of {seen.committed}")
        if raft.commit == seen.committed and self._digests:
            return
        if not self._digests:
            self._digests.append(replica.digest_at(0))
        for index in range(max(seen.committed + 1, raft.log.base), raft.commit + 1):
            self._check_entry(node, replica, index)
        seen.committed = raft.commit
        members = raft.membership.at(raft.commit)
        if members.index > self._members.index or not self._members.voters:
            self._members = members

    def _check_entry(self, node: NodeId, replica: Host, index: int) -> None:
        """One committed entry that a node has, or the last that its snapshot stands for."""
        term, digest = replica.raft.log.term(index), replica.digest_at(index)
        if digest is None:
            raise InvariantViolated(f"{node} has not applied committed entry {index}")
        while index > len(self._committed):  # all who had these have snapshots in their place
            self._committed.append(UNSEEN)
            self._known_in.append(max(self._known_in[-1], replica.raft.term))
            self._digests.append(None)
        if index == len(self._committed):
            self._committed.append(term)
            self._known_in.append(max(self._known_in[-1], replica.raft.term))
            self._digests.append(digest)
        if self._committed[index] == UNSEEN:
            self._committed[index], self._digests[index] = term, digest
        if term != self._committed[index]:
            raise InvariantViolated(f"{node} committed another entry at {index}")
        if digest != self._digests[index]:
            raise InvariantViolated(f"{node} holds another state after entry {index}")

    def _check_votes(self, node: NodeId, raft: Raft[object]) -> None:
        """A node votes for one candidate a term (paper, 5.2). A candidate's vote for itself is left
        out: it may be lost with the candidate before it is durable, and nobody has heard of it."""
        for voter in sorted(raft.votes - {node}):
            other = self._votes.setdefault((raft.term, voter), node)
            if other != node:
                raise InvariantViolated(
                    f"{voter} voted for {other} and for {node} in term {raft.term}"
                )

    def _check_memory(self, node: NodeId, raft: Raft[object]) -> None:
        """A vote that was counted is remembered as long as the term lasts, also after a restart. A
        node that has lost its disk since has another mark, and promised nothing: so its mark must
        have been seen before there was such a term."""
        mark, before = self._born.get(node, (None, 0))
        if mark != raft.identity.mark:
            self._born[node] = (raft.identity.mark, self._highest)
        elif raft.term > before:
            other = self._votes.get((raft.term, node), raft.vote)
            if other != raft.vote:
                what = f"forgot that it voted for {other} in term {raft.term}"
                raise InvariantViolated(f"{node} {what}")

    def _check_leader(self, node: NodeId, raft: Raft[object]) -> None:
        """Election safety, and leader completeness for what was committed before its term."""
        if not raft.leads:
            return
        if self._leaders.setdefault(raft.term, node) != node:
            raise InvariantViolated(
                f"{node} and {self._leaders[raft.term]} both lead term {raft.term}"
            )
        index = bisect_left(self._known_in, raft.term) - 1
        term = self._committed[index]
        if index > raft.log.base and term != UNSEEN and not raft.log.has(index, term):
            raise InvariantViolated(f"{node} leads term {raft.term} without committed {index}")

    def _check_kept(self, rafts: Mapping[NodeId, Raft[object]]) -> None:
        """What was committed, and so what was acknowledged, is on every majority: those that may
        vote (in the configuration that was committed last) and have lost it are none. Nodes that
        are down get the benefit of the doubt."""
        index = len(self._committed) - 1
        term = self._committed[index]
        lost = [
            node
            for node, raft in rafts.items()
            if self._members.voters.get(node) == raft.identity.said
            and index > raft.log.base
            and not raft.log.has(index, term)
        ]
        if len(lost) >= self._members.majority:
            raise InvariantViolated(f"committed entry {index} is lost at {', '.join(lost)}")
