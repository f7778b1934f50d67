"""The consensus core alone: a node is given messages and timers; its effects are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from msgspec import Struct

from harness.clock import MS
from harness.core import Note, Persist, Record, Send, SetTimer
from systems.raft.election import ELECTION
from systems.raft.identity import FIRST
from systems.raft.leader import HEARTBEAT
from systems.raft.message import (
    Append,
    Appended,
    Ask,
    AskIndex,
    Ballot,
    Birth,
    Committed,
    Entry,
    Index,
    Rejected,
    Suffix,
    Voted,
    position_of,
)
from systems.raft.raft import Raft

MEMBERS = ("n1", "n2", "n3")


class Do(Struct, frozen=True):
    """A command that means nothing."""

    what: int


def entry(term: int, seq: int = 0) -> Entry[Do]:
    return Entry(term, "c1", seq, Do(seq))


def node(
    *terms: int, term: int = 0, vote: str | None = None, members: Sequence[str] = MEMBERS
) -> Raft[Do]:
    """n1, started with a log of entries of these terms."""
    stored: list[Record] = [Ballot(term or max((0, *terms)), vote)]
    if terms:
        stored.append(Suffix(1, tuple(entry(t, i) for i, t in enumerate(terms, 1))))
    return started(stored, members)


def started(stored: Sequence[Record], members: Sequence[str] = MEMBERS) -> Raft[Do]:
    raft: Raft[Do] = Raft("n1", members, Random(1))
    raft.start((Birth(1, FIRST), *stored), 0)
    raft.take()
    return raft


def tell(raft: Raft[Do], source: str, message: Any, now: int = 0) -> list[Any]:
    """The messages a node sends when it hears one."""
    raft.receive(source, message, now)
    return sent(raft)


def sent(raft: Raft[Do]) -> list[Any]:
    return [(e.to, e.message) for e in raft.take() if isinstance(e, Send)]


def records(effects: Sequence[Any]) -> list[Record]:
    return [e.record for e in effects if isinstance(e, Persist)]


def lead(raft: Raft[Do], now: int = 1_000 * MS) -> list[Any]:
    """Let it win an election with n2's votes; returns the effects."""
    raft.timer(ELECTION, now)
    raft.receive("n2", Voted(raft.term + 1, True, True), now)
    raft.receive("n2", Voted(raft.term, True, False), now)
    assert raft.is_leader
    return raft.take()


def terms(raft: Raft[Do]) -> list[int]:
    return [e.term for e in raft.log.entries]


# --- votes


def test_node_votes_once_a_term() -> None:
    raft = node(1)
    assert tell(raft, "n2", Ask(5, 1, 1, False)) == [("n2", Voted(5, True, False))]
    assert tell(raft, "n3", Ask(5, 9, 4, False)) == [("n3", Voted(5, False, False))]
    assert tell(raft, "n2", Ask(5, 1, 1, False)) == [("n2", Voted(5, True, False))]


def test_vote_is_written_down_before_it_is_sent() -> None:
    raft = node(1)
    raft.receive("n2", Ask(5, 1, 1, False), 0)
    effects = raft.take()
    assert effects == [Persist(Ballot(5, "n2")), Send("n2", Voted(5, True, False))]


def test_term_is_written_down_before_an_entry_of_it() -> None:
    raft = node(1)
    raft.receive("n2", Append(5, 1, 1, (entry(5),), 1, 1), 0)
    assert records(raft.take()) == [Ballot(5, None), Suffix(2, (entry(5),))]


def test_vote_survives_a_restart() -> None:
    raft = node(1)
    raft.receive("n2", Ask(5, 1, 1, False), 0)
    again = started(records(raft.take()))
    assert (again.term, again.vote) == (5, "n2")
    assert tell(again, "n3", Ask(5, 9, 4, False)) == [("n3", Voted(5, False, False))]


@pytest.mark.parametrize(
    ("last", "last_term", "granted"),
    [(2, 2, False), (9, 1, False), (3, 2, True), (1, 3, True)],
    ids=["shorter", "older-term", "equal", "newer-term-though-shorter"],
)
def test_candidate_whose_log_is_behind_is_refused(last: int, last_term: int, granted: bool) -> None:
    for trial in (False, True):
        raft = node(1, 1, 2)
        ((_, voted),) = tell(raft, "n2", Ask(7, last, last_term, trial))
        assert voted.granted is granted


def test_candidate_of_an_older_term_is_refused_and_told_the_term() -> None:
    assert tell(node(1, term=6), "n2", Ask(5, 9, 5, False)) == [("n2", Voted(6, False, False))]


def test_trial_vote_changes_nothing() -> None:
    raft = node(1)
    raft.receive("n2", Ask(9, 1, 1, True), 0)
    assert raft.take() == [Send("n2", Voted(9, True, True))]
    assert (raft.term, raft.vote) == (1, None)


def test_trial_vote_is_refused_while_a_leader_is_heard_of() -> None:
    raft = node(1)
    raft.receive("n2", Append(1, 1, 1, (), 0, 1), 0)
    raft.take()
    assert tell(raft, "n3", Ask(2, 1, 1, True), 100 * MS) == [("n3", Voted(1, False, True))]
    assert tell(raft, "n3", Ask(2, 1, 1, True), 300 * MS) == [("n3", Voted(2, True, True))]


def test_election_begins_with_a_trial_and_raises_no_term() -> None:
    raft = node(1)
    raft.timer(ELECTION, 1_000 * MS)
    assert raft.term == 1
    assert sent(raft) == [(n, Ask(2, 1, 1, True)) for n in ("n2", "n3")]


def test_votes_of_another_term_do_not_count() -> None:
    raft = node(1)
    raft.timer(ELECTION, 1_000 * MS)
    raft.receive("n2", Voted(2, True, True), 1_000 * MS)
    raft.receive("n2", Voted(1, True, False), 1_000 * MS)
    assert (raft.role, raft.term) == ("candidate", 2)


def test_election_waits_for_a_random_time_in_its_bounds() -> None:
    delays = set()
    for seed in range(20):
        raft: Raft[Do] = Raft("n1", MEMBERS, Random(seed))
        raft.start((Birth(1, FIRST),), 0)
        (delay,) = [e.delay for e in raft.take() if isinstance(e, SetTimer)]
        assert 300 * MS <= delay < 600 * MS
        delays.add(delay)
    assert len(delays) > 10


def test_node_that_hears_of_its_leader_starts_no_election() -> None:
    raft = node(1)
    raft.receive("n2", Append(1, 1, 1, (), 0, 1), 290 * MS)
    raft.take()
    raft.timer(ELECTION, 590 * MS)
    (again,) = raft.take()
    assert isinstance(again, SetTimer) and raft.role == "follower"


def test_leader_says_its_role_and_begins_its_term_with_a_no_op() -> None:
    raft = node(1)
    effects = lead(raft)
    assert Note("role", {"role": "leader", "epoch": 2}) in effects
    assert raft.log.entry(2) == Entry(2, "", 0, None, 1_000)
    assert records(effects) == [Ballot(2, "n1"), Suffix(2, (Entry(2, "", 0, None, 1_000),))]


# --- the log


def test_follower_refuses_append_from_older_term() -> None:
    raft = node(1, 2, term=3)
    assert tell(raft, "n2", Append(2, 2, 2, (entry(2),), 3, 1)) == [("n2", Rejected(3, 2, 0, 0))]
    assert terms(raft) == [1, 2] and raft.commit == 0


def test_follower_writes_entries_down_before_it_answers() -> None:
    raft = node(1)
    raft.receive("n2", Append(1, 1, 1, (entry(1, 2),), 1, 4), 0)
    effects = [e for e in raft.take() if not isinstance(e, Note)]
    assert effects == [Persist(Suffix(2, (entry(1, 2),))), Send("n2", Appended(1, 2, 4))]


def test_follower_refuses_entries_after_a_gap() -> None:
    assert tell(node(1), "n2", Append(1, 3, 1, (entry(1),), 0, 1)) == [("n2", Rejected(1, 3, 2, 1))]


def test_follower_refuses_entries_after_one_of_another_term_and_names_where_that_begins() -> None:
    raft = node(1, 2, 2, 2)
    assert tell(raft, "n2", Append(5, 4, 4, (entry(5),), 0, 1)) == [("n2", Rejected(5, 4, 2, 1))]
    assert terms(raft) == [1, 2, 2, 2]


def test_follower_replaces_entries_that_differ_for_good() -> None:
    stored: list[Record] = [Ballot(2, None), Suffix(1, (entry(1), entry(2), entry(2)))]
    raft = started(stored)
    raft.receive("n2", Append(4, 1, 1, (entry(4),), 0, 1), 0)
    assert terms(raft) == [1, 4]
    assert terms(started([*stored, *records(raft.take())])) == [1, 4]


def test_late_append_takes_nothing_away() -> None:
    raft = node(1)
    raft.receive("n2", Append(1, 1, 1, (entry(1, 2), entry(1, 3)), 0, 1), 0)
    raft.take()
    raft.receive("n2", Append(1, 1, 1, (entry(1, 2),), 0, 1), 0)
    assert raft.take() == [Send("n2", Appended(1, 2, 1))]
    assert terms(raft) == [1, 1, 1]


def test_follower_commits_no_entry_that_was_not_compared_with_the_leaders() -> None:
    raft = node(1, 2, 2, term=3)
    raft.receive("n2", Append(3, 1, 1, (), 3, 1), 0)
    assert raft.commit == 1
    raft.receive("n2", Committed(3, 3), 0)
    assert raft.commit == 1
    raft.receive("n2", Append(3, 1, 1, (entry(3), entry(3)), 1, 1), 0)
    assert raft.commit == 3 and terms(raft) == [1, 3, 3]


def test_follower_acknowledges_only_what_was_compared() -> None:
    raft = node(1, 2, 2, term=3)
    assert tell(raft, "n2", Append(3, 1, 1, (), 0, 1)) == [("n2", Appended(3, 1, 1))]


def test_leader_finds_where_a_follower_differs_and_repairs_it() -> None:
    raft = node(1, 1, 1)
    lead(raft)
    ((to, append),) = tell(raft, "n3", Rejected(2, 3, 2, 1), 1_000 * MS)
    assert (to, append.prev, append.prev_term, len(append.entries)) == ("n3", 1, 1, 3)


def test_late_refusal_does_not_set_a_follower_back() -> None:
    raft = node(1, 1, 1)
    lead(raft)
    tell(raft, "n3", Appended(2, 4, 1), 1_000 * MS)
    assert tell(raft, "n3", Rejected(2, 3, 1, 1), 1_000 * MS) == []


def test_leader_finds_out_that_an_append_was_lost() -> None:
    raft = node(1)
    lead(raft)
    for n in range(1, 6):
        raft.propose("c1", n, Do(n), 0)
    raft.take()
    raft.timer(HEARTBEAT, 1_060 * MS)
    beat = next(m for to, m in sent(raft) if to == "n3")
    ((_, append),) = tell(raft, "n3", Rejected(2, beat.prev, 2, 1), 1_061 * MS)
    assert append.prev == 1 and len(append.entries) == 6


# --- commit


def test_leader_commits_what_a_majority_holds() -> None:
    raft = node(1)
    lead(raft)
    messages = tell(raft, "n2", Appended(2, 2, 0), 1_000 * MS)
    assert raft.commit == 2
    assert ("n2", Committed(2, 2)) in messages and ("n3", Committed(2, 2)) in messages


def test_leader_of_five_does_not_commit_what_two_hold() -> None:
    raft = node(1, members=("n1", "n2", "n3", "n4", "n5"))
    raft.timer(ELECTION, 1_000 * MS)
    for trial in (True, False):
        for peer in ("n2", "n3"):
            raft.receive(peer, Voted(2, True, trial), 1_000 * MS)
    assert raft.is_leader
    raft.receive("n2", Appended(2, 2, 0), 1_000 * MS)
    assert raft.commit == 0
    raft.receive("n4", Appended(2, 2, 0), 1_000 * MS)
    assert raft.commit == 2


def test_leader_does_not_commit_entries_of_an_older_term_by_counting() -> None:
    """Figure 8 of the paper: entry 2 is on a majority, and may still be replaced."""
    raft = node(1, 2, term=3)
    lead(raft)
    raft.receive("n2", Appended(4, 2, 0), 1_000 * MS)
    assert raft.commit == 0
    raft.receive("n2", Appended(4, 3, 0), 1_000 * MS)
    assert raft.commit == 3


def test_answers_of_an_older_term_do_not_count() -> None:
    raft = node(1)
    lead(raft)
    raft.receive("n2", Appended(1, 2, 9), 1_000 * MS)
    assert raft.commit == 0


def test_leader_alone_commits_at_once_but_after_writing_down() -> None:
    raft = started((), members=("n1",))
    raft.timer(ELECTION, 1_000 * MS)
    assert raft.is_leader and raft.commit == 1
    assert records(raft.take()) == [Ballot(1, "n1"), Suffix(1, (Entry(1, "", 0, None, 1_000),))]


# --- leadership


def test_leader_that_hears_of_no_majority_steps_down() -> None:
    raft = node(1)
    lead(raft)
    raft.timer(HEARTBEAT, 1_500 * MS)
    assert raft.is_leader
    raft.timer(HEARTBEAT, 1_700 * MS)
    assert not raft.is_leader and raft.leader is None and raft.term == 2
    assert Note("role", {"role": "follower", "epoch": 2}) in raft.take()


def test_leader_that_hears_of_one_follower_of_two_stays() -> None:
    raft = node(1)
    lead(raft)
    tell(raft, "n3", Appended(2, 1, 0), 1_600 * MS)
    raft.timer(HEARTBEAT, 1_700 * MS)
    assert raft.is_leader


def test_leader_follows_a_higher_term() -> None:
    raft = node(1)
    lead(raft)
    raft.receive("n3", Append(5, 1, 1, (), 0, 1), 1_000 * MS)
    assert (raft.term, raft.role, raft.leader) == (5, "follower", "n3")


# --- read index


def reading() -> Raft[Do]:
    """A leader that has committed in its own term."""
    raft = node(1)
    lead(raft)
    raft.receive("n2", Appended(2, 2, 0), 1_000 * MS)
    raft.take()
    return raft


def test_read_waits_for_a_round_begun_after_it_came() -> None:
    raft = reading()
    raft.timer(HEARTBEAT, 1_060 * MS)
    raft.read(7, 0)
    rounds = [m.round for to, m in sent(raft) if to == "n2"]
    assert rounds == [1, 2]
    tell(raft, "n2", Appended(2, 2, 1), 1_061 * MS)
    assert raft.confirmed == []
    tell(raft, "n2", Appended(2, 2, 2), 1_061 * MS)
    assert raft.confirmed == [(7, position_of(2, 2))]


def test_reads_that_come_during_a_round_share_the_next() -> None:
    raft = reading()
    raft.read(7, 0)
    raft.take()
    raft.read(8, 0)
    raft.read(9, 0)
    assert raft.take() == []
    tell(raft, "n2", Appended(2, 2, 1), 1_000 * MS)
    assert [token for token, _ in raft.confirmed] == [7]
    tell(raft, "n3", Appended(2, 2, 2), 1_000 * MS)
    assert [token for token, _ in raft.confirmed] == [7, 8, 9]


def test_read_waits_for_the_leaders_first_commit_in_its_own_term() -> None:
    raft = node(1)
    lead(raft)
    raft.read(7, 0)
    raft.timer(HEARTBEAT, 1_060 * MS)
    tell(raft, "n2", Appended(2, 1, 1), 1_061 * MS)
    assert raft.confirmed == []
    tell(raft, "n2", Appended(2, 2, 1), 1_062 * MS)
    tell(raft, "n2", Appended(2, 2, 2), 1_063 * MS)
    assert raft.confirmed == [(7, position_of(2, 2))]


def test_deposed_leaders_read_index_fails() -> None:
    raft = reading()
    raft.read(7, 0)
    tell(raft, "n2", Rejected(3, 2, 0, 0), 1_000 * MS)
    tell(raft, "n3", Appended(2, 2, 1), 1_000 * MS)
    assert raft.confirmed == [] and not raft.is_leader


def test_leader_cut_off_from_its_majority_confirms_no_read() -> None:
    raft = reading()
    raft.read(7, 0)
    for now in range(1_060, 3_000, 60):
        raft.timer(HEARTBEAT, now * MS)
    assert raft.confirmed == [] and not raft.is_leader


def test_follower_asks_its_leader_for_a_read_index() -> None:
    raft = node(1)
    raft.read(7, 0)
    assert sent(raft) == []
    tell(raft, "n2", Append(1, 1, 1, (), 1, 1))
    raft.read(7, 0)
    assert sent(raft) == [("n2", AskIndex(7))]
    raft.receive("n2", Index(7, position_of(1, 1)), 0)
    assert raft.confirmed == [(7, position_of(1, 1))]


def test_leader_answers_a_followers_read_only_after_a_round() -> None:
    raft = reading()
    assert [type(m) for _, m in tell(raft, "n3", AskIndex(4), 1_000 * MS)] == [Append, Append]
    assert tell(raft, "n2", Appended(2, 2, 1), 1_000 * MS) == [("n3", Index(4, position_of(2, 2)))]


def test_entries_with_much_data_go_in_messages_of_bounded_size() -> None:
    raft = node(*[1] * 7)
    raft.weigh = lambda command: 400_000
    lead(raft)
    answer = Rejected(2, 7, 1, 1)
    sizes, now = [], 1_001 * MS
    for _ in range(4):
        (message,) = [m for to, m in tell(raft, "n2", answer, now) if isinstance(m, Append)]
        sizes.append(len(message.entries))
        answer = Appended(2, message.prev + len(message.entries), 1)
    assert sizes == [2, 2, 2, 2]


def test_entry_with_more_data_than_a_message_should_have_goes_alone() -> None:
    raft = node(1, 1)
    raft.weigh = lambda command: 5_000_000
    lead(raft)
    ((_, append),) = [
        x for x in tell(raft, "n2", Rejected(2, 2, 1, 1), 1_001 * MS) if isinstance(x[1], Append)
    ]
    assert [e.term for e in append.entries] == [1]
