"""A node with a state machine: clients' requests, forwarding, and applying each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from harness.clock import MS
from harness.core import Persist, Record, Send
from systems.raft.election import ELECTION
from systems.raft.identity import FIRST
from systems.raft.machine import Get, Put, Swap, Value, Values
from systems.raft.message import (
    Append,
    Appended,
    AskIndex,
    Ballot,
    Birth,
    Entry,
    Index,
    Suffix,
    Voted,
    position_of,
)
from systems.raft.replica import Answer, Read, Replica, Write
from systems.raft.window import KEPT, Done, Window

MEMBERS = ("n1", "n2", "n3")
NOW = 1_000 * MS
BORN = Birth(1, FIRST)


def replica(*stored: Record, members: Sequence[str] = MEMBERS) -> Replica:
    core = Replica("n1", members, Values(), Random(1))
    core.start((BORN, *stored), 0)
    return core


def alone() -> Replica:
    """The only node of its service, leading."""
    core = replica(members=("n1",))
    core.timer(ELECTION, NOW)
    return core


def leader() -> Replica:
    """n1, leading three nodes; its no-op is committed."""
    core = replica()
    core.timer(ELECTION, NOW)
    core.receive("n2", Voted(1, True, True), NOW)
    core.receive("n2", Voted(1, True, False), NOW)
    core.receive("n2", Appended(1, 1, 0), NOW)
    assert core.raft.is_leader and core.applied == 1
    return core


def follower() -> Replica:
    """n1, following n2, with the first entry applied."""
    core = replica()
    core.receive("n2", Append(1, 0, 0, (Entry(1, "", 0, None),), 1, 1), NOW)
    assert core.applied == 1
    return core


def sent(effects: Iterable[Any]) -> list[Any]:
    return [(e.to, e.message) for e in effects if isinstance(e, Send)]


def answers(effects: Iterable[Any]) -> list[Any]:
    return [(to, m) for to, m in sent(effects) if isinstance(m, Answer)]


def write(seq: int, value: int) -> Write[Any]:
    return Write("c1", seq, Put("x", value))


def test_duplicate_request_is_applied_once_and_answered_alike() -> None:
    core = alone()
    swap = Write("c1", 1, Swap("x", None, 5))
    first = answers(core.receive("c1", swap, NOW))
    core.receive("c2", Write("c2", 1, Put("x", None)), NOW)
    assert answers(core.receive("c1", swap, NOW)) == first
    assert core.machine.query(Get("x")) == Value(None)


def test_request_that_is_in_the_log_twice_is_applied_once() -> None:
    core = follower()
    swap = Entry(1, "c1", 1, Swap("x", None, 5))
    undo = Entry(1, "c2", 1, Swap("x", 5, None))
    core.receive("n2", Append(1, 1, 1, (swap, undo, swap), 4, 1), NOW)
    assert core.applied == 4
    assert core.machine.query(Get("x")) == Value(None)


def test_leader_puts_a_request_that_is_sent_again_into_its_log_once() -> None:
    core = leader()
    core.receive("c1", write(1, 5), NOW)
    core.receive("c1", write(1, 5), NOW)
    assert core.raft.log.last == 2


def test_request_older_than_the_window_is_not_applied() -> None:
    core = alone()
    for seq in range(1, KEPT + 5):
        core.receive("c1", write(seq, seq), NOW)
    last = core.raft.log.last
    assert answers(core.receive("c1", write(1, 1), NOW)) == []
    assert core.raft.log.last == last
    assert core.machine.query(Get("x")) == Value(KEPT + 4)


def test_window_forgets_the_oldest_and_knows_that_it_did() -> None:
    window = Window()
    for seq in range(KEPT + 2):
        window.add("c", seq, Done(seq, None))
    assert window.find("c", 1) is None and window.is_old("c", 1)
    assert window.find("c", 2) == Done(2, None) and not window.is_old("c", 2)
    assert not window.is_old("c", KEPT + 2)


def test_write_is_answered_only_when_it_is_committed() -> None:
    core = leader()
    assert answers(core.receive("c1", write(1, 5), NOW)) == []
    assert answers(core.receive("n2", Appended(1, 2, 0), NOW)) == [
        ("c1", Answer(1, position_of(1, 2), Value(None)))
    ]


def test_follower_passes_a_write_on_and_answers_when_it_has_applied_it() -> None:
    core = follower()
    assert sent(core.receive("c1", write(1, 5), NOW)) == [("n2", write(1, 5))]
    entry = Entry(1, "c1", 1, Put("x", 5))
    assert answers(core.receive("n2", Append(1, 1, 1, (entry,), 1, 1), NOW)) == []
    done = core.receive("n2", Append(1, 2, 1, (), 2, 1), NOW)
    assert answers(done) == [("c1", Answer(1, position_of(1, 2), Value(None)))]


def test_follower_passes_what_waits_on_to_a_new_leader() -> None:
    core = follower()
    core.receive("c1", write(1, 5), NOW)
    core.receive("c2", Read("c2", 4, Get("x")), NOW)
    messages = [m for to, m in sent(core.receive("n3", Append(2, 1, 1, (), 1, 1), NOW + MS))]
    assert write(1, 5) in messages
    assert [type(m) for m in messages if isinstance(m, AskIndex)] == [AskIndex]


def test_node_that_does_not_lead_does_not_pass_a_passed_write_on() -> None:
    assert sent(follower().receive("n3", write(1, 5), NOW)) == []


def test_read_at_a_follower_waits_for_the_index_and_for_the_entry() -> None:
    core = follower()
    ((_, ask),) = sent(core.receive("c1", Read("c1", 1, Get("x")), NOW))
    assert sent(core.receive("n2", Index(ask.token, position_of(1, 2)), NOW)) == []
    entry = Entry(1, "c2", 1, Put("x", 5))
    done = core.receive("n2", Append(1, 1, 1, (entry,), 2, 1), NOW)
    assert answers(done) == [("c1", Answer(1, position_of(1, 2), Value(5)))]


def test_index_given_to_an_earlier_incarnation_is_not_taken() -> None:
    core = follower()
    ((_, ask),) = sent(core.receive("c1", Read("c1", 1, Get("x")), NOW))
    again = Replica("n1", MEMBERS, Values(), Random(1))
    again.start((BORN,), NOW)
    again.receive("n2", Append(1, 0, 0, (Entry(1, "", 0, None),), 1, 1), NOW)
    again.receive("c1", Read("c1", 1, Get("x")), NOW)
    assert sent(again.receive("n2", Index(ask.token, position_of(1, 1)), NOW)) == []


def test_state_is_the_same_after_a_restart() -> None:
    core = alone()
    stored = [Ballot(1, "n1"), Suffix(1, (Entry(1, "", 0, None, 1_000),))]
    for seq in range(1, 4):
        effects = core.receive("c1", write(seq, seq), NOW)
        stored += [e.record for e in effects if isinstance(e, Persist)]
    again = replica(*stored, members=("n1",))
    assert again.applied == 0
    again.timer(ELECTION, NOW)
    assert again.dump().digest == core.dump().digest
    assert again.dump().log[:4] == core.dump().log


def test_dump_holds_committed_entries_only() -> None:
    core = leader()
    core.receive("c1", write(1, 5), NOW)
    assert core.raft.log.last == 2
    (line,) = core.dump().log
    assert line == {
        "index": 1, "term": 1, "position": position_of(1, 1), "type": "noop", "time": 1_000,
        "session": None, "seq": 0, "value": None, "error": None,
    }  # fmt: skip


def test_digest_follows_from_the_state_and_not_from_how_it_came_about() -> None:
    one, other = Values(), Values()
    for machine, values in ((one, (1, 2, 3)), (other, (3,))):
        for seq, value in enumerate(values, 1):
            machine.apply(Entry(1, "c1", seq, Put("x", value)), 0)
        machine.apply(Entry(1, "c2", 1, Put("y", 0)), 0)
    assert one.digest == other.digest
    other.apply(Entry(1, "c2", 2, Put("y", 1)), 0)
    assert one.digest != other.digest
