"""What a node does while it follows: makes its log that of the leader, and says how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from harness.clock import Nanos
from harness.core import NodeId, Persist
from systems.raft.message import (
    Append,
    Appended,
    C,
    Committed,
    Entry,
    Install,
    Installed,
    Members,
    Rejected,
    Suffix,
)

if TYPE_CHECKING:
    from systems.raft.raft import Raft


class Follower(Generic[C]):
    """What a node knows of its log against that of this term's leader."""

    def __init__(self, raft: Raft[C]) -> None:
        self._raft = raft
        self._checked = 0  # the log equals this term's leader's up to here
        self._told = 0  # this term's leader has committed up to here
        self._incoming: tuple[tuple[int, int], list[bytes]] = ((0, 0), [])  # a snapshot's parts

    def forget(self) -> None:
        """A new term: nothing is known of its leader's log."""
        self._checked = self._told = 0

    def on_append(self, source: NodeId, message: Append[C], now: Nanos) -> None:
        """Entries, and a sign of life."""
        raft = self._raft
        if not self._hears(source, message.term, message.prev, now):
            return
        message = self._trimmed(message)
        said = raft.identity.said
        if not raft.log.has(message.prev, message.prev_term):
            hint = self._hint(message.prev)
            raft.send(source, Rejected(raft.term, message.prev, hint, message.round, said))
            return
        match = message.prev + len(message.entries)
        if message.entries:
            self.merge(message.prev, message.entries)
        self._checked = max(self._checked, match)
        self._hear_commit(message.commit)
        raft.send(source, Appended(raft.term, match, message.round, said))

    def _hears(self, source: NodeId, term: int, prev: int, now: Nanos) -> bool:
        """Follow the leader that says this; False for one of an older term, which is told so."""
        raft = self._raft
        if term < raft.term:
            raft.send(source, Rejected(raft.term, prev, 0, 0, raft.identity.said))
            return False
        if raft.is_new_leader(source, term):
            raft.follow(term, source, now)
        raft.hear(now)
        return True

    def _trimmed(self, message: Append[C]) -> Append[C]:
        """An Append that begins before this log's base, without what a snapshot stands for: that
        is committed, so it is the same."""
        log = self._raft.log
        over = log.base - message.prev
        if over <= 0:
            return message
        rest = message.entries[over:]
        return Append(message.term, log.base, log.base_term, rest, message.commit, message.round)

    def merge(self, prev: int, entries: tuple[Entry[C], ...]) -> None:
        """Write down the entries from the first that this log has not, or has otherwise."""
        raft, log = self._raft, self._raft.log
        skip = 0
        if prev < log.last:
            for entry in entries:
                if not log.has(prev + skip + 1, entry.term):
                    break
                skip += 1
        if skip == len(entries):
            return
        first, new = prev + skip + 1, entries[skip:]
        assert first > raft.commit, f"{raft.me} would overwrite committed entry {first}"
        log.put(first, new)
        raft.membership.put(first, new)
        raft.save()  # no entry on disk is of a later term than the one that is there
        raft.effects.append(Persist(Suffix(first, new)))

    def _hint(self, prev: int) -> int:
        """Where the leader should try again: after the log's end, or where the term begins that
        differs (paper, end of 5.3). What is committed never differs."""
        log = self._raft.log
        if prev > log.last:
            return log.last + 1
        return max(log.run_start(prev), self._raft.commit + 1)

    def on_committed(self, source: NodeId, message: Committed, now: Nanos) -> None:
        """The leader has committed more."""
        if message.term == self._raft.term and self._raft.leader == source:
            self._hear_commit(message.commit)

    def _hear_commit(self, commit: int) -> None:
        self._told = max(self._told, commit)
        self._raft.commit = max(self._raft.commit, min(self._told, self._checked))

    # --- snapshots

    def on_install(self, source: NodeId, message: Install, now: Nanos) -> None:
        """A part of a snapshot, from a leader that no longer has the entries before it."""
        raft = self._raft
        if not self._hears(source, message.term, message.last, now):
            return
        count = message.total  # it is here already
        if message.last > raft.commit:
            count = self._take(message)
        said = raft.identity.said
        raft.send(source, Installed(raft.term, message.last, count, message.round, said))

    def _take(self, message: Install) -> int:
        """Keep a part that follows the last; returns how many are here. Parts of two leaders'
        snapshots are never mixed, as they may be cut elsewhere."""
        which = (message.term, message.last)
        of, parts = self._incoming
        if of != which or message.place == 0:
            parts = []
        if message.place == len(parts):
            parts.append(message.part)
        self._incoming = (which, parts)
        if len(parts) == message.total:
            self._incoming = ((0, 0), [])
            self.install(message.last, message.last_term, message.members, tuple(parts))
        return len(parts)

    def install(
        self, last: int, last_term: int, members: Members, parts: tuple[bytes, ...]
    ) -> None:
        """A whole snapshot: what follows it in the log stays, where it is of the same history."""
        raft, log = self._raft, self._raft.log
        if log.has(last, last_term):
            log.compact(last)
            raft.membership.compact(last)
        else:
            log.restart(last, last_term)
            raft.membership.restart(members)
        self._checked = max(self._checked, last)
        raft.commit = last
        raft.restored = parts
        raft.write_image(parts)
