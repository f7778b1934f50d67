"""Who takes part: the configurations in a node's log, and how one follows from another.

Single-server changes (thesis, section 4.1): two configurations that follow one another differ by
one voter, so any majority of the one meets any majority of the other. A configuration holds from
the moment it is in the log, committed or not; one that is cut off there never was.

    outside --add--> learner --caught up--> voter --lost its disk--> learner
       ^--------------remove---------------------+

A learner is sent the log and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.core import NodeId
from systems.raft.message import Entry, Members


class Membership:
    """The configurations that a node's log (and the snapshot before it) holds, oldest first."""

    def __init__(self, first: Iterable[NodeId]) -> None:
        self._held = [Members(dict.fromkeys(first, 0))]

    @property
    def current(self) -> Members:
        """The one that holds: the last."""
        return self._held[-1]

    @property
    def held(self) -> tuple[Members, ...]:
        """All of them."""
        return tuple(self._held)

    def at(self, index: int) -> Members:
        """The one that held when the log ended at an index (not before the snapshot)."""
        return next(m for m in reversed(self._held) if m.index <= index or m is self._held[0])

    def before(self) -> Members:
        """The one before the last, or the last where that is not known."""
        return self._held[max(0, len(self._held) - 2)]

    def put(self, first: int, entries: Iterable[Entry[Any]]) -> None:
        """From index `first` on the log is now these entries."""
        while self._held[-1].index >= first:
            self._held.pop()
        self._held += [e.members for e in entries if e.members is not None]

    def compact(self, index: int) -> None:
        """Nobody will ask for what held before an index."""
        self._held = [self.at(index), *(m for m in self._held if m.index > index)]

    def restart(self, members: Members) -> None:
        """There is nothing but a snapshot, with this configuration."""
        self._held = [members]


def with_learner(members: Members, node: NodeId, index: int) -> Members:
    """This node more, as a learner, by the entry at `index`; a voter that is one no longer."""
    voters = {n: mark for n, mark in members.voters.items() if n != node}
    return Members(voters, (*members.learners, node), index)


def with_voter(members: Members, node: NodeId, mark: int, index: int) -> Members:
    """A learner is a voter now: the incarnation of it that has this mark."""
    learners = tuple(n for n in members.learners if n != node)
    return Members({**members.voters, node: mark}, learners, index)


def without(members: Members, node: NodeId, index: int) -> Members:
    """This node less."""
    voters = {n: mark for n, mark in members.voters.items() if n != node}
    return Members(voters, tuple(n for n in members.learners if n != node), index)
