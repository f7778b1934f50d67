"""A client's side of a session: pipelined, kept alive, moved, and lost."""

from __future__ import annotations

from harness.op import invoke
from systems.zookeeper.command import Found, Refused
from systems.zookeeper.wire import Answer, Event, Hello, Over, Ping, Pong, Request, Turned
from tests.systems.zookeeper.talk import STAT, Talk

VALUE = Found([4, STAT])
READ, WRITE = invoke("read", key=3), invoke("write", 5, key=3)
WATCHED = invoke("getData", ["/a", True])


def watch_lines(talk: Talk) -> list[object]:
    return [op.value for op in talk.seen if op.f == "watch"]


# --- the stream


def test_answers_are_taken_in_the_order_in_which_they_were_said() -> None:
    talk = Talk(READ, READ)
    talk.say(Answer(2, 9, Found([6, STAT])), number=2)
    assert talk.done == []
    talk.say(Answer(1, 8, VALUE), number=1)
    assert [(op.value, op.position) for op in talk.done] == [(4, 8), (6, 9)]


def test_item_that_comes_twice_is_taken_once() -> None:
    talk = Talk(WATCHED).answer(8, VALUE)
    for _ in range(2):
        talk.say(Event("changed", "/a", 9), number=2)
    assert watch_lines(talk) == [["changed", "/a"]]


def test_what_an_earlier_attach_says_late_is_not_taken() -> None:
    talk = Talk(READ)
    late = talk.last(Hello).attach
    talk.wait(600)  # asked again, then elsewhere
    assert talk.last(Hello).attach > late
    talk.welcome()
    assert talk.client.receive("n2", Turned(late, "expired"), talk.now) == []


# --- what is kept over a move


def test_unanswered_request_is_asked_again_and_then_of_the_next_server() -> None:
    talk = Talk(WRITE).wait(249)
    assert len([m for _, m in talk.said if type(m) is Request]) == 1
    talk.wait(1)
    asked = [m for _, m in talk.said if type(m) is Request]
    assert len(asked) == 2 and asked[0] == asked[1]
    talk.wait(250)
    assert talk.said[-1] == ("n3", Hello("0x1", 2, 6000, 0, 1, 1, ()))
    talk.welcome(zxid=7)
    again = talk.last(Request)
    assert talk.at == "n3" and (again.attach, again.seq, again.body) == (2, 1, asked[0].body)


def test_session_asks_no_server_for_less_than_it_has_seen() -> None:
    talk = Talk(READ).answer(9, VALUE).begin(WRITE).wait(600)
    assert (talk.last(Hello).seen, talk.last(Hello).floor) == (9, 9)


def test_session_stays_with_the_server_it_moved_to() -> None:
    talk = Talk(WRITE).wait(600).welcome().answer(9, Found(STAT)).begin(READ)
    assert talk.at == "n3"


def test_watches_that_have_not_fired_go_along() -> None:
    talk = Talk(WATCHED, invoke("exists", ["/b", True]), invoke("getChildren", ["/c", True]))
    talk.answer(8, VALUE, 1).answer(8, Found(), 2).answer(8, Found([[], STAT]), 3)
    talk.say(Event("changed", "/a", 9))
    talk.begin(READ).wait(600)
    assert talk.last(Hello).watches == (("exist", "/b"), ("child", "/c"))
    assert talk.last(Hello).seen == 9


def test_watch_of_a_query_that_was_refused_is_none() -> None:
    talk = Talk(WATCHED).answer(8, Refused("NoNode")).begin(READ).wait(600)
    assert talk.last(Hello).watches == ()


def test_read_before_an_open_write_is_given_up_when_the_session_moves() -> None:
    talk = Talk(READ, WRITE, READ).wait(600)
    lost = [(op.f, op.type, op.error) for op in talk.done]
    assert lost == [("read", "fail", "connection-lost")]
    talk.welcome()
    sent = [m.seq for to, m in talk.said if type(m) is Request and to == "n3"]
    assert sent == [1, 2, 3]  # the numbers have no gap


# --- servers that do not take it


def test_server_that_is_behind_sends_the_session_on() -> None:
    talk = Talk(READ, welcome=False).turn("behind")
    assert talk.at == "n3"
    assert talk.turn("behind").at == "n1"
    before = len(talk.said)
    talk.turn("behind")  # all were: a little later again
    assert len(talk.said) == before
    assert talk.wait(300).last(Hello).attach == 4


def test_server_that_has_the_session_no_longer_is_asked_for_it_again() -> None:
    talk = Talk(READ).turn("moved")
    assert talk.said[-1] == ("n2", Hello("0x1", 2, 6000, 0, 1, 1, ()))


def test_expired_session_ends_what_is_open_in_it() -> None:
    talk = Talk(READ, WRITE).turn("expired")
    assert [(op.f, op.type, op.error) for op in talk.done] == [
        ("read", "fail", "session-expired"),
        ("write", "info", "session-expired"),
    ]
    assert [op.value for op in talk.seen] == ["opened", "expired"]


def test_end_of_the_session_is_heard_in_its_stream() -> None:
    talk = Talk(READ).answer(8, VALUE).say(Over(9))
    line = talk.seen[-1]
    assert (line.f, line.value, line.session, line.position) == ("session", "expired", "0x1", 9)
    talk.begin(READ)
    assert talk.last(Hello).session == ""


def test_write_behind_one_that_was_lost_ends_the_session() -> None:
    talk = Talk(WRITE, WRITE).answer(9, Refused("OutOfOrder"), 1)
    assert [(op.type, op.error) for op in talk.done] == [("info", "connection-lost")] * 2
    assert talk.seen[-1].value == "closed"


def test_closed_session_ends_what_was_asked_behind_the_close() -> None:
    talk = Talk(invoke("close"), READ).answer(9, Found(), 1)
    assert [(op.f, op.type) for op in talk.done] == [("close", "ok"), ("read", "fail")]
    assert talk.seen[-1].value == "closed"


# --- keeping it alive


def test_idle_session_pings_at_a_third_of_its_timeout() -> None:
    talk = Talk(READ).answer(8, VALUE).wait(1999)
    assert not any(type(m) is Ping for _, m in talk.said)
    talk.wait(251)
    assert talk.said[-1] == ("n2", Ping("0x1", 1, 1))


def test_idle_session_whose_pings_are_answered_stays() -> None:
    talk = Talk(READ).answer(8, VALUE)
    for _ in range(10):
        talk.wait(1000).tell(Pong("0x1", 1))
    assert {to for to, _ in talk.said} == {"n2"}
    assert sum(type(m) is Ping for _, m in talk.said) >= 3


def test_client_that_wants_nothing_has_no_session_and_says_nothing() -> None:
    talk = Talk(invoke("close")).answer(9, Found())
    said = len(talk.said)
    assert len(talk.wait(20_000).said) == said


def test_idle_session_whose_pings_nobody_answers_moves_before_it_can_expire() -> None:
    talk = Talk(READ).answer(8, VALUE).wait(4000)
    assert talk.at != "n2" and type(talk.said[-1][1]) is Hello
