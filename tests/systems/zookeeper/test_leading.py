"""The leader's part: writes into the log in each session's order, and silent sessions ended."""

from __future__ import annotations

from typing import Any

from harness.clock import MS, SECOND
from systems.raft.message import Entry
from systems.zookeeper.command import Attach, Create, Expire, OpenSession, Txn
from systems.zookeeper.leading import Leading
from systems.zookeeper.machine import Machine
from systems.zookeeper.wire import Forward, Joins

OP = Create("/a")


class Led:
    """A leader since 0 of a log in which sessions 0x1 and 0x2 (6 s) are open, at n1."""

    def __init__(self, last: int = 0) -> None:
        self.machine = Machine()
        self.log: list[tuple[str, int, Any]] = []
        for zxid in (1, 2):
            self.machine.apply(Entry(1, "c", zxid, OpenSession(6000, "n1")), zxid)
        for seq in range(1, last + 1):
            self.machine.apply(Entry(1, "0x1", seq, Txn(1, seq - 1, OP)), seq + 2)
        self.leading = Leading(self.machine, lambda *entry: self.log.append(entry), 0)

    def write(self, seq: int, prev: int, attach: int = 1, session: str = "0x1") -> None:
        self.leading.write(Forward(session, attach, seq, prev, OP), 0)

    @property
    def proposed(self) -> list[int]:
        return [seq for _, seq, _ in self.log]


def test_write_that_comes_early_waits_for_the_one_it_follows() -> None:
    led = Led()
    led.write(3, 2)
    led.write(2, 1)
    assert led.log == []
    led.write(1, 0)
    assert led.log == [("0x1", seq, Txn(1, seq - 1, OP)) for seq in (1, 2, 3)]


def test_write_that_is_sent_again_is_proposed_once() -> None:
    led = Led()
    for _ in range(2):
        led.write(1, 0)
        led.write(2, 1)
    assert led.proposed == [1, 2]


def test_new_leader_goes_on_from_what_is_in_the_log() -> None:
    led = Led(last=2)
    led.write(2, 1)
    led.write(4, 2)
    assert led.proposed == [4]


def test_write_behind_one_that_never_came_is_not_proposed() -> None:
    led = Led(last=1)
    led.write(3, 2)
    led.write(4, 3)
    assert led.log == []


def test_sessions_do_not_wait_for_one_another() -> None:
    led = Led()
    led.write(2, 1)
    led.write(1, 0, session="0x2")
    assert led.log == [("0x2", 1, Txn(1, 0, OP))]


def test_write_by_a_server_that_the_session_has_left_is_not_proposed() -> None:
    led = Led()
    led.machine.apply(Entry(1, "0x1", 0, Attach(2, "n2")), 9)
    led.write(1, 0, attach=1)
    assert led.log == []
    led.write(1, 0, attach=2)
    assert led.proposed == [1]


def test_what_was_proposed_by_an_earlier_attach_is_proposed_again_by_the_next() -> None:
    led = Led()
    led.write(1, 0)  # it may come to nothing, as the session's move may be before it in the log
    led.machine.apply(Entry(1, "0x1", 0, Attach(2, "n2")), 9)
    led.write(1, 0, attach=2)
    assert [txn.attach for _, _, txn in led.log] == [1, 2]


def test_write_of_a_session_that_is_not_open_is_not_proposed() -> None:
    led = Led()
    led.write(1, 0, session="0x9")
    assert led.log == []


def test_join_is_proposed_once_for_each_try() -> None:
    led = Led()
    for joins in (Joins("c7", "", 1, 500), Joins("c0", "0x1", 4, 6000)) * 2:
        led.leading.join("n3", joins, 0)
    assert led.log == [("c7", 1, OpenSession(500, "n3")), ("0x1", 0, Attach(4, "n3"))]


def test_silent_session_is_expired_once_and_only_after_its_timeout() -> None:
    led = Led()
    led.leading.hear(("0x2",), 2 * SECOND)
    led.leading.expire(6 * SECOND)
    assert led.log == []
    for _ in range(2):
        led.leading.expire(6 * SECOND + MS)
    assert led.log == [("0x1", 0, Expire())]
    led.leading.expire(8 * SECOND + MS)
    assert led.log[1:] == [("0x2", 0, Expire())]


def test_write_is_a_sign_of_life() -> None:
    led = Led()
    led.leading.write(Forward("0x1", 1, 1, 0, OP), 5 * SECOND)
    led.leading.expire(7 * SECOND)
    assert [name for name, _, command in led.log if command == Expire()] == ["0x2"]


def test_leader_that_has_stood_still_gives_every_session_its_timeout_again() -> None:
    led = Led()
    led.leading.forgive(20 * SECOND)
    led.leading.expire(26 * SECOND)
    assert led.log == []
    led.leading.expire(27 * SECOND)
    assert len(led.log) == 2
