"""Planted variants of the replicated log, for every system that stands on it.

Each is the plain system with one class of its nodes' Raft replaced by a subclass that does one
thing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from harness.clock import Nanos
from harness.core import Effect, NodeId, Persist
from harness.variant import CORRECT, LIVENESS, SAFETY, Variant, changed
from systems.raft.change import Changes
from systems.raft.election import Election
from systems.raft.follower import Follower
from systems.raft.identity import FIRST, Identity
from systems.raft.leader import Leader
from systems.raft.message import Append, Ask, Ballot, Entry, Image
from systems.raft.raft import Raft, Timing

Make = Callable[[Any], Any]


def planted(raft: type[Any] | None = None, **parts: type[Any]) -> Make:
    """What gives a system nodes whose Raft is also a `raft`, made of these parts (`leader_type`,
    ...)."""

    def make(built: Any) -> Any:
        node: type[Any] = built.node_type
        bases = (node.raft_type,) if raft is None else (raft, node.raft_type)
        made = type("PlantedRaft", bases, dict(parts))
        return changed(built, node_type=type("PlantedNode", (node,), {"raft_type": made}))

    return make


# --- bugs


class AckBeforeFsync(Raft[Any]):
    """Says what it has written down before it has."""

    def take(self) -> list[Effect]:
        effects = super().take()
        written = [e for e in effects if isinstance(e, Persist)]
        return [*(e for e in effects if not isinstance(e, Persist)), *written]


class MinorityQuorum(Leader[Any]):
    """Takes one less than a majority for one."""

    def quorum(self) -> int:
        return max(1, super().quorum() - 1)


class NoTermCheck(Follower[Any]):
    """Takes entries of any leader, be its term long over, and answers it in that term."""

    def on_append(self, source: NodeId, message: Append[Any], now: Nanos) -> None:
        raft = self._raft
        own = raft.term
        if raft.leads or message.term >= own:
            super().on_append(source, message, now)
            return
        raft.term = message.term
        super().on_append(source, message, now)
        raft.term = own


class ElectShorterLog(Election):
    """Votes for whoever asks first, whatever the log."""

    def is_up_to_date(self, ask: Ask) -> bool:
        return True


class ConflictKeepsTail(Follower[Any]):
    """Puts a leader's entries over its own that differ, and leaves what came after those."""

    def merge(self, prev: int, entries: tuple[Entry[Any], ...]) -> None:
        log = self._raft.log
        end = prev + len(entries)
        tail = log.entries[end - log.base :]
        super().merge(prev, entries)
        if log.last == end:
            log.entries.extend(tail)


class VoteNotPersisted(Raft[Any]):
    """Writes down its term, and not whom it voted for."""

    def take(self) -> list[Effect]:
        return [_without_vote(effect) for effect in super().take()]


class VoteBeforeFsync(Raft[Any]):
    """Says whom it votes for before that is written down; all else it writes down first."""

    def take(self) -> list[Effect]:
        effects = super().take()
        late = [e for e in effects if isinstance(e, Persist) and isinstance(e.record, Ballot)]
        return [*(e for e in effects if e not in late), *late]


class ImageForgetsVote(Raft[Any]):
    """Writes a snapshot down in place of all there is, but without its vote."""

    def _image(self, parts: tuple[bytes, ...]) -> Image[Any]:
        return replace(super()._image(parts), vote=None)


def _without_vote(effect: Effect) -> Effect:
    if isinstance(effect, Persist) and isinstance(effect.record, Ballot):
        return Persist(Ballot(effect.record.term, None))
    return effect


class ServesEarly(Leader[Any]):
    """Confirms reads before it knows all that earlier leaders committed."""

    def has_begun(self) -> bool:
        return True


class CountsOldTerms(Leader[Any]):
    """Commits by counting what an earlier term left (paper, figure 8). It sends entries one by one,
    as otherwise its own first entry comes along with those and saves it nearly always."""

    batch = 1

    def may_commit(self, index: int) -> bool:
        return True


class SnapshotLosesTail(Raft[Any]):
    """Writes a snapshot in place of the whole log, also of what came after it."""

    def tail(self) -> tuple[Entry[Any], ...]:
        return ()


class BlankVotes(Identity):
    """Takes itself for one of the first members whenever nothing is stored."""

    def _at_birth(self) -> str:
        return FIRST


class ReadsWithoutRound(Leader[Any]):
    """Confirms reads at once, without asking whether it still leads."""

    def confirmed(self) -> int:
        return self._reads.round

    def _begin_round(self) -> None:
        super()._begin_round()
        self._finish_reads()


class HastyChanges(Changes):
    """Begins a change while the one before is not committed, or nothing of its own term is."""

    def _is_settled(self) -> bool:
        return True


# --- bugs that only slow


class NoCommitted(Leader[Any]):
    """Never says that it has committed, so that followers hear of it by the next heartbeat."""

    def tell_commit(self) -> None:
        """Nobody is told."""


# --- correct ones


class SmallBatches(Leader[Any]):
    """Sends entries one by one."""

    batch = 1


class NoHints(Follower[Any]):
    """Lets its leader find out where its log differs entry by entry."""

    def _hint(self, prev: int) -> int:
        return prev


class OneMore(Leader[Any]):
    """Waits for one more than a majority, where there are enough."""

    def quorum(self) -> int:
        return min(len(self.raft.members.voters), super().quorum() + 1)


def slow_timers(built: Any) -> Any:
    """Elections and heartbeats at half the pace."""
    timing: Timing = built.timing
    twice = replace(timing, election=2 * timing.election, heartbeat=2 * timing.heartbeat)
    return changed(built, timing=twice)


def _safety(breaks: str, make: Make, caught_by: str, *plans: str, **options: Any) -> Variant:
    return Variant(breaks, SAFETY, make, plans, caught_by, options)


def _correct(breaks: str, make: Make) -> Variant:
    return Variant(breaks, CORRECT, make, ())


OUTSIDE, INSIDE = "linearizable", "invariants"

VARIANTS: dict[str, Variant] = {
    "ack-before-fsync": _safety(
        "entries and votes are answered before they are durable",
        planted(AckBeforeFsync),
        INSIDE,
        "raft-kill-all",
    ),
    "minority-quorum": _safety(
        "the leader commits, and confirms reads, with one less than a majority",
        planted(leader_type=MinorityQuorum),
        INSIDE,
        "raft-partition",
    ),
    "no-term-check": _safety(
        "followers take entries from, and answer, a leader of an older term",
        planted(follower_type=NoTermCheck),
        INSIDE,
        "raft-pause",
    ),
    "elect-shorter-log": _safety(
        "nodes vote for a candidate whose log is behind theirs",
        planted(election_type=ElectShorterLog),
        INSIDE,
        "raft-votes",
    ),
    "conflict-keeps-tail": _safety(
        "a follower whose log differs keeps what comes after the entries that it is sent",
        planted(follower_type=ConflictKeepsTail),
        INSIDE,
        "raft-votes",
    ),
    "vote-not-persisted": _safety(
        "a node that restarts may vote again in the same term",
        planted(VoteNotPersisted),
        INSIDE,
        "raft-restart",
    ),
    "vote-before-fsync": _safety(
        "votes are answered before they are durable",
        planted(VoteBeforeFsync),
        INSIDE,
        "raft-restart",
    ),
    "image-forgets-vote": _safety(
        "a snapshot takes the place of what was written down, and leaves the vote out",
        planted(ImageForgetsVote),
        INSIDE,
        "raft-snapshot",
    ),
    "leader-serves-early": _safety(
        "a new leader answers reads before it has committed in its own term",
        planted(leader_type=ServesEarly),
        OUTSIDE,
        "raft-kill-all",
    ),
    "commit-old-term-by-count": _safety(
        "a leader commits entries of earlier terms by counting",
        planted(leader_type=CountsOldTerms),
        INSIDE,
        "raft-votes",
    ),
    "snapshot-loses-tail": _safety(
        "what follows a snapshot in the log is lost when it is written",
        planted(SnapshotLosesTail),
        INSIDE,
        "raft-snapshot",
    ),
    "blank-votes": _safety(
        "a node that lost its disk votes and acknowledges as if it had not",
        planted(identity_type=BlankVotes),
        INSIDE,
        "raft-lost-disk",
    ),
    "reads-without-round": _safety(
        "a leader answers reads without asking whether it still leads",
        planted(leader_type=ReadsWithoutRound),
        OUTSIDE,
        "raft-partition",
    ),
    "hasty-changes": _safety(
        "members change before the change before is committed",
        planted(leader_type=type("Hasty", (Leader,), {"changes_type": HastyChanges})),
        INSIDE,
        "raft-member",
    ),
    "late-commit": Variant(
        "followers hear of a commit only with the next heartbeat or entry",
        LIVENESS,
        planted(leader_type=NoCommitted),
        ("raft-packet",),
    ),
    "slow-timers": _correct("elections and heartbeats at half the pace", slow_timers),
    "small-batches": _correct("one entry a message", planted(leader_type=SmallBatches)),
    "no-hints": _correct("logs are repaired entry by entry", planted(follower_type=NoHints)),
    "one-more": _correct(
        "the leader waits for one more than a majority", planted(leader_type=OneMore)
    ),
}
