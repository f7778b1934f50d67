"""A leader's lease: how long it runs, what ends it, and who votes meanwhile."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.clock import MS
from harness.core import Send
from harness.error import UserError
from systems.raft.identity import FIRST
from systems.raft.message import (
    Append,
    Appended,
    Ask,
    AskIndex,
    Birth,
    Index,
    Rejected,
    TimeoutNow,
    Voted,
    index_of,
)
from systems.raft.raft import Raft, Timing
from systems.raft.store import RaftStore

ELECTION = 300 * MS
TIMING = Timing(ELECTION, 60 * MS, lease=200 * MS)
STEADFAST = TIMING.steadfast


def node(name: str = "n1", timing: Timing = TIMING, now: int = 0) -> Raft[Any]:
    raft: Raft[Any] = Raft(name, ("n1", "n2", "n3"), Random(1), timing)
    raft.start([Birth(1, FIRST)], now)
    raft.take()
    return raft


def sent(raft: Raft[Any], kind: type) -> list[Any]:
    return [e.message for e in raft.take() if isinstance(e, Send) and isinstance(e.message, kind)]


def leader(timing: Timing = TIMING, now: int = 1000 * MS) -> Raft[Any]:
    """n1 leads term 1 and has committed in it; nothing since `now` was answered."""
    raft = node(timing=timing)
    raft._election.timer(now)
    raft.receive("n2", Voted(1, True, True), now)
    raft.receive("n2", Voted(1, True, False), now)
    answer(raft, now)
    assert raft.commit == 1
    raft.take()
    return raft


def answer(raft: Raft[Any], now: int, round_: int = 0) -> None:
    raft.receive("n2", Appended(1, raft.log.last, round_, 0), now)


def beat(raft: Raft[Any], now: int) -> int:
    """A heartbeat; returns its round."""
    raft.timer("heartbeat", now)
    return int(max(message.round for message in sent(raft, Append)))


def confirmed(raft: Raft[Any], now: int) -> bool:
    """Whether a read is confirmed at once."""
    raft.confirmed.clear()
    raft.read(7, now)
    return [token for token, _ in raft.confirmed] == [7]


def test_a_lease_counts_from_when_what_was_answered_had_been_sent() -> None:
    raft = leader()
    round_ = beat(raft, 1060 * MS)
    assert not confirmed(raft, 1060 * MS)
    answer(raft, 1150 * MS, round_)
    assert confirmed(raft, 1150 * MS)
    assert confirmed(raft, 1260 * MS - 1)
    assert not confirmed(raft, 1260 * MS)


def test_a_read_under_a_lease_is_of_all_that_is_committed_and_sends_nothing() -> None:
    raft = leader()
    answer(raft, 1061 * MS, beat(raft, 1060 * MS))
    raft.take()
    raft.read(7, 1100 * MS)
    assert [(token, index_of(position)) for token, position in raft.confirmed] == [(7, 1)]
    assert raft.take() == []


def test_a_follower_that_asks_is_answered_under_the_lease() -> None:
    raft = leader()
    answer(raft, 1061 * MS, beat(raft, 1060 * MS))
    raft.take()
    raft.receive("n3", AskIndex(9), 1100 * MS)
    assert [message.token for message in sent(raft, Index)] == [9]


def test_without_leases_every_read_waits_for_a_round() -> None:
    raft = leader(Timing(ELECTION, 60 * MS))
    answer(raft, 1061 * MS, beat(raft, 1060 * MS))
    assert not confirmed(raft, 1062 * MS)


def test_a_leader_that_has_told_another_to_lead_has_no_lease_any_more() -> None:
    raft = leader()
    answer(raft, 1061 * MS, beat(raft, 1060 * MS))
    assert confirmed(raft, 1062 * MS)
    raft.administer("transfer", "n2", 1063 * MS)
    assert sent(raft, TimeoutNow)
    assert not confirmed(raft, 1064 * MS)
    answer(raft, 1500 * MS, beat(raft, 1499 * MS))  # the heir did not come
    assert raft.is_leader
    assert not confirmed(raft, 1501 * MS)


def test_a_voter_that_hears_of_a_leader_does_not_even_take_the_new_term() -> None:
    raft = node("n2")
    raft.receive("n1", Append(1, 0, 0, (), 0, 1), 1000 * MS)
    raft.take()
    raft.receive("n3", Ask(2, 9, 9, False), 1000 * MS + STEADFAST - 1)
    assert sent(raft, Voted) == [Voted(1, False, False)]
    assert raft.term == 1
    raft.receive("n3", Ask(2, 9, 9, False), 1000 * MS + STEADFAST)
    assert sent(raft, Voted) == [Voted(2, True, False)]


def test_a_leader_that_is_refused_does_not_count_as_heard_of() -> None:
    raft = node("n2")
    raft.receive("n1", Append(3, 0, 0, (), 0, 1), 1000 * MS)
    raft.receive("n3", Append(2, 0, 0, (), 0, 1), 1400 * MS)
    assert sent(raft, Rejected)[-1].round == 0
    raft.receive("n3", Ask(4, 9, 9, False), 1410 * MS)
    assert sent(raft, Voted) == [Voted(4, True, False)]


def test_a_voter_that_has_just_started_votes_for_nobody() -> None:
    raft = node("n2", now=500 * MS)
    raft.receive("n3", Ask(5, 9, 9, False), 500 * MS + STEADFAST - 1)
    raft.receive("n3", Ask(5, 9, 9, True), 500 * MS + STEADFAST - 1)
    assert not any(vote.granted for vote in sent(raft, Voted))


def test_whom_the_leader_named_is_voted_for_at_once() -> None:
    raft = node("n2")
    raft.receive("n1", Append(1, 0, 0, (), 0, 1), 1000 * MS)
    raft.take()
    raft.receive("n3", Ask(2, 9, 9, False, handed=True), 1001 * MS)
    assert sent(raft, Voted) == [Voted(2, True, False)]
    heir = node("n3")
    heir.receive("n1", Append(1, 0, 0, (), 0, 1), 1000 * MS)
    heir.take()
    heir.receive("n1", TimeoutNow(1), 1001 * MS)
    assert {ask.handed for ask in sent(heir, Ask)} == {True}


def test_a_lease_is_shorter_than_voters_wait_by_the_drift() -> None:
    store = RaftStore(read_mode="lease", drift=0.25)
    assert store.timing.lease == store.timing.steadfast * 4 // 5
    assert RaftStore().timing.lease == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"read_mode": "leese"}, "read_mode: expected one of index, lease"),
        ({"drift": 1.0}, "drift:"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        RaftStore(**options)
