"""A session at its server: requests in order whatever order they come in, and its stream."""

from __future__ import annotations

from typing import Any

from systems.zookeeper.attached import AGAIN, Attached
from systems.zookeeper.command import Create, Found, GetData
from systems.zookeeper.machine import Answered
from systems.zookeeper.wire import Answer, Hello, Request, Sync, Welcome

READ, WRITE = GetData("/a"), Create("/a")


def attached(*bodies: Any, first: int = 1) -> Attached:
    """A session whose requests are these, from number `first` on."""
    hello = Hello("0x1", 2, 6000, 5, 5, first, ())
    here = Attached("c0", Welcome(2, "0x1", 7), 6000, hello, 0)
    for place, body in enumerate(bodies, first):
        here.take(request(place, body))
    return here


def request(seq: int, body: Any = READ) -> Request:
    return Request("0x1", 2, seq, 0, 0, body)


def test_requests_are_taken_in_their_order_whatever_order_they_come_in() -> None:
    here = attached()
    assert here.take(request(3)) == [] and here.take(request(2)) == []
    assert [w.request.seq for w in here.take(request(1))] == [1, 2, 3]
    assert here.next == 4


def test_numbers_go_on_from_where_the_client_is() -> None:
    here = attached(READ, first=8)
    assert here.next == 9 and here.find(8) is here.queue[0]
    assert here.find(7) is None and here.find(9) is None


def test_writes_go_to_the_leader_once_and_all_that_are_open_when_it_is_another() -> None:
    here = attached(WRITE, READ, WRITE)
    assert [f.seq for f in here.to_forward()] == [1, 3]
    assert list(here.to_forward()) == []
    assert [f.seq for f in here.to_forward(again=True)] == [1, 3]
    here.queue[0].done = Answered(1, 9, Found())
    assert [f.seq for f in here.to_forward(again=True)] == [3]


def test_write_behind_a_sync_does_not_go_to_the_leader_before_it_is_answered() -> None:
    here = attached(WRITE, Sync(), WRITE)
    assert [f.seq for f in here.to_forward()] == [1]
    here.queue.popleft()
    here.queue.popleft()
    assert [f.seq for f in here.to_forward()] == [3]


def test_stream_is_numbered_and_kept_until_the_client_has_it() -> None:
    here = attached()
    items = [here.say(Answer(seq, seq + 10, Found())) for seq in (1, 2, 3)]
    assert [item.number for item in items] == [1, 2, 3] and here.unheard() == items
    here.has(2)
    assert here.unheard() == items[2:]


def test_what_the_client_may_have_missed_is_said_again_in_bounded_parts() -> None:
    here = attached()
    for seq in range(AGAIN + 20):
        here.say(Answer(seq, seq, Found()))
    assert [item.number for item in here.unheard()] == list(range(1, AGAIN + 1))


def test_top_is_the_highest_zxid_that_the_client_was_ever_told() -> None:
    here = attached()
    assert here.top == 5
    here.say(Answer(1, 9, Found()))
    here.say(Answer(2, 8, Found()))
    assert here.top == 9
