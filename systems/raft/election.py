"""How a node comes to lead: a trial vote, a vote, and waiting for a random time before either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.clock import Nanos
from harness.core import NodeId, SetTimer
from systems.raft.identity import NEW
from systems.raft.message import Ask, TimeoutNow, Voted

if TYPE_CHECKING:
    from systems.raft.raft import Raft

FOLLOWER, TRIAL, CANDIDATE, LEADER = "follower", "trial", "candidate", "leader"
ELECTION = "election"


class Election:
    """A node's patience with its leader, the votes it gives and those it gets."""

    def __init__(self, raft: Raft[Any]) -> None:
        self.raft = raft
        self._heard: Nanos = 0  # from a leader, or gave a vote
        self._patience: Nanos = 0  # this time's random election timeout
        self._votes: set[NodeId] = set()

    def hear(self, now: Nanos) -> None:
        """The leader lives."""
        self._heard = now

    @property
    def votes(self) -> frozenset[NodeId]:
        """Who has voted for this node, as it knows, in the term that it stands in or leads."""
        is_real = self.raft.role in (CANDIDATE, LEADER)
        return frozenset(self._votes) if is_real else frozenset()

    def arm(self, now: Nanos) -> None:
        """Wait a new random time for a leader; a new node waits to hear what it is."""
        raft = self.raft
        base = raft.timing.election
        self._heard, self._patience = now, base + raft.rng.randrange(base)
        is_new = raft.identity.kind == NEW
        delay = raft.timing.heartbeat if is_new else self._patience
        raft.effects.append(SetTimer(ELECTION, delay))

    def timer(self, now: Nanos) -> None:
        """The time is over, unless a leader was heard of since the timer was set."""
        raft = self.raft
        left = self._heard + self._patience - now
        if raft.identity.kind == NEW:
            raft.identity.enrol()
            raft.effects.append(SetTimer(ELECTION, raft.timing.heartbeat))
        elif left > 0:
            raft.effects.append(SetTimer(ELECTION, left))
        else:
            self._try(now)

    # --- a candidate

    def _try(self, now: Nanos) -> None:
        """Ask whether the others would vote for this node, if it may stand."""
        raft = self.raft
        raft.leader = None
        if not self._may_stand():
            raft.role = FOLLOWER
            self.arm(now)
            return
        raft.role = TRIAL
        self._votes = {raft.me}
        self.arm(now)
        if self._has_majority():
            self._stand(now)
        else:
            self._ask(raft.term + 1, trial=True)

    def _stand(self, now: Nanos, *, handed: bool = False) -> None:
        """Ask for votes in a new term; `handed` if the leader wants it so."""
        raft = self.raft
        raft.set_term(raft.term + 1, raft.me)
        raft.role = CANDIDATE
        self._votes = {raft.me}
        self.arm(now)
        if self._has_majority():
            raft.lead(now)
        else:
            self._ask(raft.term, trial=False, handed=handed)

    def _may_stand(self) -> bool:
        """A voter may; so may one that the last entry has made none, as long as that is not known
        to be committed: it may be the only one that can bring it about (thesis, 4.2.2)."""
        raft = self.raft
        held = [raft.members]
        if raft.members.index > raft.commit:
            held.append(raft.membership.before())
        return any(members.voters.get(raft.me) == raft.identity.said for members in held)

    def _has_majority(self) -> bool:
        members = self.raft.members
        return len(self._votes & members.voters.keys()) >= members.majority

    def _ask(self, term: int, *, trial: bool, handed: bool = False) -> None:
        raft = self.raft
        for node, mark in raft.members.voters.items():
            if node != raft.me:
                last, last_term = raft.log.last, raft.log.last_term
                raft.send(node, Ask(term, last, last_term, trial, mark, handed))

    def on_voted(self, source: NodeId, voted: Voted, now: Nanos) -> None:
        """An answer to Ask."""
        raft = self.raft
        if voted.term > raft.term and not (voted.trial and voted.granted):
            raft.follow(voted.term, None, now)
            return
        role, term = (TRIAL, raft.term + 1) if voted.trial else (CANDIDATE, raft.term)
        if not voted.granted or raft.role != role or voted.term != term:
            return
        self._votes.add(source)
        if self._has_majority():
            if voted.trial:
                self._stand(now)
            else:
                raft.lead(now)

    def on_timeout_now(self, source: NodeId, message: TimeoutNow, now: Nanos) -> None:
        """The leader wants this node to lead; nobody needs to be asked first."""
        raft = self.raft
        if message.term == raft.term and raft.leader == source and self._may_stand():
            self._stand(now, handed=True)

    # --- a voter

    def on_ask(self, source: NodeId, ask: Ask, now: Nanos) -> None:
        """A candidate, or one that might be."""
        raft = self.raft
        if ask.trial:
            raft.send(source, self._would_vote(ask, now))
            return
        if self.is_steadfast(now) and not ask.handed:
            raft.send(source, Voted(raft.term, False, False))  # as if it had not been asked
            return
        if ask.term > raft.term:
            raft.follow(ask.term, None, now)
        free = ask.term == raft.term and raft.vote in (None, source)
        granted = free and self._may_vote(ask)
        if granted:
            raft.give_vote(source)
            self._heard = now
        raft.send(source, Voted(raft.term, granted, False))

    def _would_vote(self, ask: Ask, now: Nanos) -> Voted:
        """Not while a leader is alive, nor for a log that is behind."""
        raft = self.raft
        recent = now - self._heard < raft.timing.steadfast
        content = raft.role == LEADER or (raft.leader is not None and recent)
        content = content or self.is_steadfast(now)
        granted = ask.term > raft.term and not content and self._may_vote(ask)
        return Voted(ask.term if granted else raft.term, granted, True)

    def is_steadfast(self, now: Nanos) -> bool:
        """Whether a leader may have a lease that counts on this voter (see lease.py)."""
        return self.raft.led(now)

    def _may_vote(self, ask: Ask) -> bool:
        """Whether the candidate's log is not behind, and means this very incarnation (whatever
        this node's own log says: its vote may be needed before it has heard that it is one)."""
        return ask.mark == self.raft.identity.said and self.is_up_to_date(ask)

    def is_up_to_date(self, ask: Ask) -> bool:
        """Paper, 5.4.1: a later last term wins, then the longer log."""
        return (ask.last_term, ask.last) >= (self.raft.log.last_term, self.raft.log.last)
