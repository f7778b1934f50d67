"""The watcher sees each promise that is broken, and accuses nobody else."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.clock import MS
from harness.core import Record
from harness.error import InvariantViolated
from systems.raft.election import ELECTION
from systems.raft.identity import FIRST
from systems.raft.invariant import ReplicaInvariants
from systems.raft.machine import Put, Values
from systems.raft.message import Append, Appended, Ballot, Birth, Entry, Members, Suffix, Voted
from systems.raft.replica import Replica

MEMBERS = ("n1", "n2", "n3")
BORN = Birth(1, FIRST)
NOOP: Entry[Any] = Entry(1, "", 0, None)


def replica(me: str, *stored: Record) -> Replica:
    core = Replica(me, MEMBERS, Values(), Random(me))
    core.start((BORN, *stored), 0)
    return core


def put(term: int, seq: int, value: int) -> Entry[Any]:
    return Entry(term, "c1", seq, Put("x", value))


def leader(me: str, *stored: Record) -> Replica:
    core = replica(me, *stored)
    peer = "n2" if me == "n1" else "n1"
    core.timer(ELECTION, 1_000 * MS)
    core.receive(peer, Voted(core.raft.term + 1, True, True), 1_000 * MS)
    core.receive(peer, Voted(core.raft.term, True, False), 1_000 * MS)
    assert core.raft.is_leader
    return core


def follower(me: str, source: str, *entries: Entry[Any], commit: int = 0) -> Replica:
    core = replica(me)
    core.receive(source, Append(entries[-1].term, 0, 0, entries, commit, 1), 0)
    return core


def check(*rounds: dict[str, Replica]) -> None:
    watcher = ReplicaInvariants()
    for cores in rounds:
        watcher.check(cores)


def candidate(me: str, voter: str) -> Replica:
    """In term 1 of five nodes, with one vote but its own."""
    core = Replica(me, ("n1", "n2", "n3", "n4", "n5"), Values(), Random(me))
    core.start((BORN,), 0)
    core.timer(ELECTION, 1_000 * MS)
    for peer in ("n4", "n5"):
        core.receive(peer, Voted(1, True, True), 1_000 * MS)
    core.receive(voter, Voted(1, True, False), 1_000 * MS)
    assert core.raft.votes == {me, voter}
    return core


def test_node_that_votes_twice_in_a_term_is_caught() -> None:
    with pytest.raises(InvariantViolated, match="n3 voted for n1 and for n2 in term 1"):
        check({"n1": candidate("n1", "n3")}, {"n2": candidate("n2", "n3")})


def test_nodes_that_vote_for_different_candidates_are_not_accused() -> None:
    check({"n1": candidate("n1", "n3"), "n2": candidate("n2", "n4")})


def test_nodes_that_agree_are_not_accused() -> None:
    entries = (NOOP, put(1, 1, 5))
    cores = {
        "n2": follower("n2", "n1", *entries, commit=2),
        "n3": follower("n3", "n1", *entries, commit=1),
    }
    check(cores, cores)


def test_committed_entry_that_is_not_applied_is_seen() -> None:
    idle = follower("n2", "n1", NOOP, put(1, 1, 5))
    idle.raft.commit = 2
    with pytest.raises(InvariantViolated, match="n2 has not applied committed entry 1"):
        check({"n2": idle})


def test_two_leaders_of_one_term_are_seen_even_one_after_the_other() -> None:
    with pytest.raises(InvariantViolated, match="both lead term 1"):
        check({"n1": leader("n1")}, {"n2": leader("n2")})


def test_leaders_of_different_terms_may_be_up_together() -> None:
    check({"n1": leader("n1"), "n2": leader("n2", Ballot(1, "n1"))})


def test_one_index_and_term_with_two_entries_is_seen() -> None:
    with pytest.raises(InvariantViolated, match="log matching"):
        check(
            {
                "n2": follower("n2", "n1", NOOP, put(1, 1, 5)),
                "n3": follower("n3", "n1", NOOP, put(1, 2, 5)),
            }
        )


def test_same_entry_after_different_ones_is_seen() -> None:
    with pytest.raises(InvariantViolated, match="log matching"):
        check(
            {
                "n2": follower("n2", "n1", NOOP, put(1, 1, 5), put(3, 9, 5)),
                "n3": follower("n3", "n1", NOOP, put(2, 1, 5), put(3, 9, 5)),
            }
        )


def test_two_committed_entries_at_one_index_are_seen() -> None:
    with pytest.raises(InvariantViolated, match="committed another entry at 1"):
        check(
            {"n2": follower("n2", "n1", NOOP, commit=1)},
            {"n3": follower("n3", "n1", put(2, 1, 5), commit=1)},
        )


def test_leader_without_a_committed_entry_is_seen() -> None:
    entries = (NOOP, put(1, 1, 5))
    with pytest.raises(InvariantViolated, match="leads term 2 without committed 2"):
        check(
            {"n2": follower("n2", "n1", *entries, commit=2)},
            {"n1": leader("n1", Ballot(1, None), Suffix(1, (NOOP,)))},
        )


def test_committed_entry_that_a_majority_has_lost_is_seen() -> None:
    entries = (NOOP, put(1, 1, 5))
    with pytest.raises(InvariantViolated, match="committed entry 2 is lost at n2, n3"):
        check(
            {"n2": follower("n2", "n1", *entries, commit=2)},
            {"n2": replica("n2"), "n3": replica("n3")},
        )


def test_different_states_after_the_same_entries_are_seen() -> None:
    cores = {n: follower(n, "n1", NOOP, put(1, 1, 5), commit=2) for n in ("n2", "n3")}
    cores["n3"]._digests[2] ^= 1
    with pytest.raises(InvariantViolated, match="n3 holds another state after entry 2"):
        check(cores)


def test_node_that_commits_later_what_a_snapshot_stood_for_is_not_accused() -> None:
    log = (NOOP, *(put(1, n, n) for n in range(1, 5)))
    ahead, late = follower("n2", "n1", *log, commit=5), follower("n3", "n1", *log[:3], commit=1)
    watcher = ReplicaInvariants()
    watcher.check({"n3": late})
    ahead.raft.compact(5, tuple(ahead.machine.save()))
    watcher.check({"n2": ahead})
    late.receive("n1", Append(1, 3, 1, log[3:], 4, 2), 0)
    watcher.check({"n3": late})
    cores = {"n2": follower("n2", "n1", *log[:3], put(1, 9, 9), commit=4)}
    with pytest.raises(InvariantViolated, match="log matching"):
        watcher.check(cores)


def test_check_does_not_look_at_the_same_entries_twice() -> None:
    core = leader("n1")
    watcher = ReplicaInvariants()
    for seq in range(1, 500):
        core.receive("c1", seq_write(seq), 1_000 * MS)
    core.receive("n2", Appended(1, core.raft.log.last, 0), 1_000 * MS)
    watcher.check({"n1": core})
    looked = Counting(core.raft.log.entries)
    core.raft.log.entries = looked
    core.receive("c1", seq_write(500), 1_000 * MS)
    looked.count = 0
    watcher.check({"n1": core})
    assert looked.count < 20


class Counting(list[Any]):
    """A list that counts how often it is looked into."""

    count = 0

    def __getitem__(self, item: Any) -> Any:
        self.count += 1
        return super().__getitem__(item)


def seq_write(seq: int) -> Any:
    from systems.raft.replica import Write

    return Write("c1", seq, Put("x", seq))


def test_entry_of_an_older_term_that_outlives_a_conflict_before_it_is_seen() -> None:
    """The last entry is the same as at the look before."""
    core = follower("n2", "n1", NOOP, put(1, 1, 5), put(1, 2, 5))
    watcher = ReplicaInvariants()
    watcher.check({"n2": core})
    core.raft.log.entries[1] = put(2, 7, 5)
    with pytest.raises(InvariantViolated, match="n2's log falls to term 1 at 3"):
        watcher.check({"n2": core})


def test_configuration_that_was_cut_off_and_is_gone_by_is_seen() -> None:
    core = follower("n2", "n1", NOOP)
    core.raft.membership.put(2, (Entry(1, "", 0, None, 0, Members({"n2": 0}, (), 2)),))
    with pytest.raises(InvariantViolated, match="n2 goes by members that its log does not hold"):
        check({"n2": core})


def test_node_that_forgets_a_vote_that_was_counted_is_caught() -> None:
    """Though it has not been asked for another."""
    fresh, voted, blank = (
        replica("n3"),
        replica("n3", Ballot(1, "n1")),
        replica("n3", Ballot(1, None)),
    )
    check({"n3": fresh}, {"n1": candidate("n1", "n3"), "n3": voted}, {"n3": voted})
    with pytest.raises(InvariantViolated, match="n3 forgot that it voted for n1 in term 1"):
        check({"n3": fresh}, {"n1": candidate("n1", "n3")}, {"n3": blank})


def test_a_node_with_another_disk_may_have_forgotten_its_votes() -> None:
    other = Replica("n3", MEMBERS, Values(), Random(3))
    other.start((Birth(2, FIRST), Ballot(1, None)), 0)
    check({"n3": replica("n3")}, {"n1": candidate("n1", "n3")}, {"n3": other}, {"n3": other})


def test_a_vote_of_a_node_that_was_not_seen_before_may_be_its_last_incarnations() -> None:
    check({"n1": candidate("n1", "n3")}, *[{"n3": replica("n3", Ballot(1, None))}] * 2)
