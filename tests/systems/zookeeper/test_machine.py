"""The replicated state: sessions in the log, exactly once and in order, fenced, and saved whole."""

from __future__ import annotations

from typing import Any

import pytest

from systems.raft.message import Entry
from systems.zookeeper.command import (
    Attach,
    Close,
    Create,
    Delete,
    Expire,
    Found,
    OpenSession,
    Refused,
    SetData,
    Txn,
)
from systems.zookeeper.machine import KEPT, SLICE_SESSIONS, Answered, Machine

EXPIRED, MOVED = Refused("SessionExpired"), Refused("SessionMoved")
LOST = Refused("OutOfOrder")


class Log:
    """A machine, and what is put into its log, at zxids 1, 2, ...; session 0x1 is open."""

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine or Machine()
        self.zxid = 0
        self.put("c0", 1, OpenSession(6000, "n1"))

    def put(self, client: str, seq: int, command: Any) -> Answered:
        self.zxid += 1
        entry = Entry(1, client, seq, command, 10 * self.zxid)
        self.last = entry, self.zxid, self.machine.apply(entry, self.zxid)
        return self.last[2]

    def txn(self, seq: int, op: Any, *, prev: int | None = None, attach: int = 1) -> Any:
        """A write of session 0x1; its result."""
        before = self.machine.sessions.get("0x1")
        if prev is None:
            prev = before.last if before else 0
        return self.put("0x1", seq, Txn(attach, prev, op)).result

    @property
    def line(self) -> dict[str, Any]:
        """The last entry as a dump shows it."""
        return self.machine.describe(*self.last)


def test_session_is_named_after_the_entry_that_opened_it() -> None:
    log = Log()
    assert log.put("c1", 1, OpenSession(500, "n2")).result == Found("0x2")
    assert log.machine.sessions["0x2"].timeout_ms == 500
    assert log.line["type"] == "createSession"


def test_time_of_a_znode_is_the_entrys() -> None:
    log = Log()
    assert log.txn(1, Create("/a")).value[1].ctime == 20


def test_write_that_is_in_the_log_twice_is_done_once_and_answered_alike() -> None:
    log = Log()
    first = log.put("0x1", 1, Txn(1, 0, Create("/q-", None, "s")))
    again = log.put("0x1", 1, Txn(1, 0, Create("/q-", None, "s")))
    assert again == first and len(log.machine.znodes.nodes) == 2
    assert log.line["error"] == "duplicate"


def test_write_whose_answer_is_forgotten_is_not_done_again() -> None:
    log = Log()
    for seq in range(1, KEPT + 2):
        log.txn(seq, Create(f"/{seq}"))
    assert log.txn(1, Create("/1")) == LOST


def test_write_behind_one_that_was_lost_is_refused_and_all_later_ones_are() -> None:
    log = Log()
    log.txn(1, Create("/a"))
    assert log.txn(3, Create("/c"), prev=2) == LOST
    assert log.txn(4, Create("/d"), prev=3) == LOST
    assert log.txn(2, Create("/b"), prev=1) == Found(["/b", log.machine.znodes.nodes["/b"].stat(0)])


def test_write_that_the_tree_refuses_counts_as_the_one_before() -> None:
    log = Log()
    assert log.txn(1, SetData("/a", 1)) == Refused("NoNode")
    assert isinstance(log.txn(2, Create("/a"), prev=1), Found)


def test_server_that_the_session_has_left_is_fenced() -> None:
    log = Log()
    log.put("0x1", 0, Attach(2, "n2"))
    assert log.txn(1, Create("/a"), attach=1) == MOVED
    assert isinstance(log.txn(1, Create("/a"), attach=2), Found)


def test_earlier_try_to_connect_that_comes_late_moves_nothing() -> None:
    log = Log()
    log.put("0x1", 0, Attach(3, "n3"))
    assert log.put("0x1", 0, Attach(2, "n2")).result == MOVED
    assert log.put("0x1", 0, Attach(3, "n3")).result == Found("0x1")  # the same, twice
    assert log.machine.sessions["0x1"].server == "n3"


@pytest.mark.parametrize(("end", "was_expired"), [(Expire(), True), (Txn(1, 1, Close()), False)])
def test_ephemerals_go_in_the_entry_that_ends_their_session(end: Any, was_expired: bool) -> None:
    log = Log()
    log.txn(1, Create("/e", 1, "e"))
    log.put("0x1", 2, end)
    assert log.machine.ended == "0x1" and log.machine.sessions == {}
    assert log.machine.changes == [("deleted", "/e"), ("child", "/")]
    assert (log.line["type"], log.line["expired"]) == ("closeSession", was_expired)


def test_session_that_is_over_writes_and_moves_no_more() -> None:
    log = Log()
    log.put("0x1", 0, Expire())
    assert log.txn(1, Create("/a")) == EXPIRED
    assert log.put("0x1", 0, Attach(2, "n2")).result == EXPIRED
    assert log.put("0x1", 0, Expire()).result == EXPIRED
    assert list(log.machine.znodes.nodes) == ["/"]


def saved_and_loaded(machine: Machine) -> Machine:
    parts = list(machine.save())
    other = Machine()
    other.load(parts)
    return other


def test_snapshot_holds_tree_sessions_owners_and_answers() -> None:
    log = Log()
    log.txn(1, Create("/a", [1, "x"]))
    log.txn(2, Create("/a/e", None, "e"))
    other = saved_and_loaded(log.machine)
    assert (other.digest, other.state()) == (log.machine.digest, log.machine.state())
    assert other.znodes.size == log.machine.znodes.size
    log.machine = other
    assert log.txn(2, Create("/a/e", None, "e"), prev=1).value[0] == "/a/e"  # as before
    log.put("0x1", 0, Expire())
    assert sorted(other.znodes.nodes) == ["/", "/a"]


def test_snapshot_of_many_sessions_is_cut_into_parts() -> None:
    log = Log()
    for client in range(2, 2 * SLICE_SESSIONS + 2):
        name = log.put(f"c{client}", 1, OpenSession(6000, "n1")).result.value
        assert log.put(name, 1, Txn(1, 0, Create(f"/{name}", 1, "e"))).result.value
    parts = list(log.machine.save())
    assert len(parts) > 6
    other = saved_and_loaded(log.machine)
    assert (other.digest, other.state()) == (log.machine.digest, log.machine.state())
    assert list(other.sessions) == list(log.machine.sessions)
    assert other.znodes.ephemerals == log.machine.znodes.ephemerals


def test_snapshot_is_of_when_it_was_begun_whatever_is_done_meanwhile() -> None:
    log = Log()
    for seq in range(1, 20):
        log.txn(seq, Create(f"/{seq}"))
    digest, parts = log.machine.digest, log.machine.save()
    first = next(parts)
    log.txn(20, Delete("/3"))
    log.txn(21, SetData("/4", 1))
    log.put("0x1", 0, Expire())
    other = Machine()
    other.load([first, *parts])
    assert other.digest == digest != log.machine.digest
