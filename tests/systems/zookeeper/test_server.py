"""A server: reads from its own state in each session's order, watches, fencing, and refusals.

n1 follows n2, whose log is put in by hand; so a test says itself what is committed when.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from harness.clock import MS, SECOND, Nanos
from harness.core import Send
from systems.raft.election import ELECTION
from systems.raft.identity import FIRST
from systems.raft.message import Append, AskIndex, Birth, Entry, Index, Install, position_of
from systems.zookeeper.command import (
    Attach,
    Create,
    Delete,
    Exists,
    Expire,
    Found,
    GetChildren,
    GetData,
    OpenSession,
    Refused,
    SetData,
    Txn,
)
from systems.zookeeper.machine import Machine
from systems.zookeeper.server import TICK, Server
from systems.zookeeper.wire import (
    Answer,
    Event,
    Forward,
    Heard,
    Hello,
    Item,
    Joins,
    Over,
    Ping,
    Pong,
    Request,
    Sync,
    Turned,
    Welcome,
)

TIMEOUT = 6000
HELLO = Hello("", 1, TIMEOUT, 0, 0, 1, ())
OF_SERVICE = (Forward, Joins, Heard, AskIndex)


def zxid(index: int) -> int:
    return position_of(1, index)


S, OTHER = f"0x{zxid(1):x}", f"0x{zxid(2):x}"  # the sessions that the first entries open


class Served:
    """n1 with what it has sent to clients (`told`) and, for the service, to n2 (`led`)."""

    def __init__(self, *, opened: bool = True) -> None:
        self.server = Server("n1", ("n1", "n2", "n3"), Machine(), Random(1), tick=SECOND)
        self.now: Nanos = 0
        self.told: list[tuple[str, Any]] = []
        self.led: list[Any] = []
        self._last = self._seq = 0
        self._look(self.server.start((Birth(1, FIRST),), 0))
        self.log()
        if opened:
            self.hear(HELLO)
            self.log(Entry(1, "c0", 1, OpenSession(TIMEOUT, "n1")))
            self.log(Entry(1, "c9", 1, OpenSession(TIMEOUT, "n3")))

    def log(self, *entries: Entry[Any], commits: bool = True) -> Served:
        """n2 sends these entries, or none, and commits them."""
        before, self._last = self._last, self._last + len(entries)
        commit = self._last if commits else before
        append = Append(1, before, 1 if before else 0, entries, commit, 1)
        return self.hear(append, "n2")

    def write(self, op: Any, session: str = OTHER, attach: int = 1) -> Served:
        """n2 commits the next write of a session."""
        last = self.server.machine.sessions[session].last
        return self.log(Entry(1, session, last + 1, Txn(attach, last, op), 5))

    def hear(self, message: Any, source: str = "c0") -> Served:
        return self._look(self.server.receive(source, message, self.now))

    def ask(self, body: Any, *, watch: bool = False, prev: int = 0) -> Served:
        """The next request of the session."""
        self._seq += 1
        return self.hear(Request(S, 1, self._seq, prev, 0, body, watch))

    def tick(self, ms: int) -> Served:
        self.now += ms * MS
        return self._look(self.server.timer(TICK, self.now))

    def _look(self, effects: Iterable[Any]) -> Served:
        for effect in effects:
            if isinstance(effect, Send) and effect.to.startswith("c"):
                self.told.append((effect.to, effect.message))
            elif isinstance(effect, Send) and isinstance(effect.message, OF_SERVICE):
                self.led.append(effect.message)
        return self

    @property
    def stream(self) -> list[Any]:
        """What was said in the session's stream, in order, without repetitions."""
        items = {m.number: m.what for _, m in self.told if type(m) is Item}
        return [items[number] for number in sorted(items)]


def answers(served: Served) -> list[tuple[int, int]]:
    """(number, index) of each answer."""
    return [(a.seq, a.zxid & 0xFFFFFFFF) for a in served.stream if isinstance(a, Answer)]


# --- sessions


def test_session_is_welcome_when_its_opening_is_committed() -> None:
    served = Served(opened=False).hear(HELLO)
    assert (served.told, served.led) == ([], [Joins("c0", "", 1, TIMEOUT)])
    opening = Entry(1, "c0", 1, OpenSession(TIMEOUT, "n1"))
    assert served.log(opening, commits=False).told == []
    assert served.log().told == [("c0", Welcome(1, S, zxid(1)))]


def test_client_that_asks_again_is_told_again_and_opens_one_session() -> None:
    served = Served().hear(HELLO)
    assert served.told == [("c0", Welcome(1, S, zxid(1)))] * 2
    assert len(served.led) == 1


def test_session_that_has_seen_more_than_this_server_is_turned_away() -> None:
    served = Served().hear(Hello(S, 2, TIMEOUT, zxid(3), zxid(3), 1, ()), "c1")
    assert served.told[-1] == ("c1", Turned(2, "behind"))


def test_session_that_is_over_is_told_so() -> None:
    served = Served().hear(Hello("0x7", 2, TIMEOUT, 0, 0, 1, ()), "c1")
    assert served.told[-1] == ("c1", Turned(2, "expired"))


def test_server_that_the_session_has_left_serves_it_no_more() -> None:
    served = Served().log(Entry(1, S, 0, Attach(2, "n3")))
    before = len(served.stream)
    assert served.ask(GetData("/")).told[-1] == ("c0", Turned(1, "moved"))
    assert len(served.stream) == before


def test_write_of_a_session_that_moved_here_is_answered_though_it_was_done_before() -> None:
    served = Served().log(Entry(1, S, 0, Attach(2, "n3")))
    served.write(Create("/a"), S, attach=2)
    served.hear(Hello(S, 3, TIMEOUT, zxid(1), zxid(1), 1, ()))
    served.log(Entry(1, S, 0, Attach(3, "n1")))
    assert served.told[-1] == ("c0", Welcome(3, S, zxid(5)))
    served.hear(Request(S, 3, 1, 0, 0, Create("/a")))
    assert served.stream == [
        Answer(1, zxid(4), served.server.machine.sessions[S].answered[0].result)
    ]


def test_end_of_a_session_is_told_with_what_its_ephemerals_fired() -> None:
    served = Served().write(Create("/a")).ask(GetData("/a"), watch=True)
    served.log(Entry(1, S, 0, Expire()))
    assert served.stream[-1] == Over(zxid(4))
    assert served.write(SetData("/a", 1)).stream[-1] == Over(zxid(4))  # its watches are gone


def test_server_tells_the_leader_whom_it_has_heard_since_its_last_look() -> None:
    served = Served().tick(1000).log()
    assert served.led[-1] == Heard((S,))
    count = len(served.led)
    assert len(served.tick(1000).led) == count
    served.log().hear(Ping(S, 1, 0)).tick(1000)
    assert served.led[count:] == [Heard((S,))]


def test_server_that_hears_no_leader_answers_no_ping_and_in_the_end_nothing() -> None:
    served = Served().hear(Ping(S, 1, 0))
    assert served.told[-1] == ("c0", Pong(S, 1))
    served.now = 2 * SECOND
    count = len(served.told)
    assert len(served.hear(Ping(S, 1, 0)).told) == count
    assert len(served.ask(GetData("/")).told) == count + 1  # old, as promised
    served.now = TIMEOUT * MS + 1
    assert len(served.ask(GetData("/")).told) == count + 1  # its client has expired meanwhile


# --- the order of a session's requests


def test_read_is_answered_at_once_from_the_state_as_it_is() -> None:
    served = Served().write(Create("/a", 1)).ask(GetData("/a"))
    [answer] = served.stream
    assert (answer.seq, answer.zxid, answer.result.value[0]) == (1, zxid(3), 1)


def test_read_behind_a_write_waits_for_it_and_sees_it() -> None:
    served = Served().ask(Create("/a", 1)).ask(GetData("/a"))
    assert served.led[-1] == Forward(S, 1, 1, 0, Create("/a", 1)) and served.stream == []
    served.write(Create("/b"))
    assert served.stream == []
    served.write(Create("/a", 1), S)
    assert answers(served) == [(1, 4), (2, 4)] and served.stream[1].result.value[0] == 1


def test_read_before_a_write_does_not_wait() -> None:
    assert answers(Served().ask(Exists("/a")).ask(Create("/a"))) == [(1, 2)]


def test_writes_go_on_to_the_leader_without_waiting_for_one_another() -> None:
    served = Served().ask(Create("/a")).ask(Create("/b"), prev=1)
    assert [m.seq for m in served.led if type(m) is Forward] == [1, 2]


def test_sync_is_answered_when_what_the_leader_had_committed_is_applied_here() -> None:
    served = Served().ask(Sync()).ask(GetData("/a"))
    [asked] = [m for m in served.led if type(m) is AskIndex]
    served.hear(Index(asked.token, zxid(3)), "n2")
    assert served.stream == []
    served.write(Create("/a", 1))
    assert answers(served) == [(1, 3), (2, 3)] and isinstance(served.stream[1].result, Found)


def test_refused_write_is_answered_with_the_place_in_the_log_where_it_was() -> None:
    served = Served().ask(Delete("/a")).write(Delete("/a"), S)
    assert served.stream == [Answer(1, zxid(3), Refused("NoNode"))]


def test_what_the_client_has_not_got_is_said_again_when_it_asks_again() -> None:
    served = Served().ask(GetData("/"))
    item = served.told[-1]
    assert served.hear(Request(S, 1, 1, 0, 0, GetData("/"))).told[-1] == item
    served.hear(Ping(S, 1, 1))
    assert type(served.told[-1][1]) is Pong


# --- watches


@pytest.mark.parametrize(
    ("query", "write", "event"),
    [
        (GetData("/a"), SetData("/a", 2), ("changed", "/a")),
        (Exists("/a"), SetData("/a", 2), ("changed", "/a")),
        (Exists("/b"), Create("/b"), ("created", "/b")),
        (GetChildren("/"), Create("/b"), ("child", "/")),
        (GetChildren("/a"), Delete("/a"), ("deleted", "/a")),
        (GetData("/a"), Delete("/a"), ("deleted", "/a")),
    ],
)
def test_watch_fires_once_with_the_change_that_it_is_for(
    query: Any, write: Any, event: tuple[str, str]
) -> None:
    served = Served().write(Create("/a", 1)).ask(query, watch=True).write(write)
    assert served.stream[1:] == [Event(*event, zxid(4))]
    served.write(Create("/z")).write(SetData("/z", 1))
    assert len(served.stream) == 2


def test_event_is_said_before_any_answer_from_the_new_state() -> None:
    served = Served().write(Create("/a", 1)).ask(GetData("/a"), watch=True)
    served.ask(SetData("/a", 2)).ask(GetData("/a"))
    served.log(Entry(1, S, 2, Txn(1, 0, SetData("/a", 2))))
    kinds = [type(said).__name__ for said in served.stream]
    assert kinds == ["Answer", "Event", "Answer", "Answer"]


def test_query_that_is_refused_or_sets_none_leaves_no_watch() -> None:
    served = Served().ask(GetData("/a"), watch=True).ask(Exists("/a"))
    assert len(served.write(Create("/a")).stream) == 2


def test_watch_that_comes_along_is_set_again_or_fires_late_before_all_else() -> None:
    served = Served().write(Create("/a", 1)).write(Create("/b", 1)).write(SetData("/a", 2))
    watches = (("data", "/a"), ("data", "/b"), ("exist", "/c"), ("child", "/x"))
    served.hear(Hello(S, 2, TIMEOUT, zxid(4), zxid(4), 1, watches))
    served.log(Entry(1, S, 0, Attach(2, "n1")))
    late = zxid(6)
    assert served.stream == [Event("changed", "/a", late), Event("deleted", "/x", late)]
    assert served.told[-3][1] == Welcome(2, S, late)
    served.write(SetData("/b", 2)).write(Create("/c"))
    assert [e.path for e in served.stream[2:]] == ["/b", "/c"]


def test_deletion_is_told_once_to_a_session_that_moves_with_two_watches_of_it() -> None:
    served = Served().write(Create("/a", 1)).write(Delete("/a"))
    served.hear(Hello(S, 2, TIMEOUT, zxid(3), zxid(3), 1, (("data", "/a"), ("child", "/a"))))
    served.log(Entry(1, S, 0, Attach(2, "n1")))
    assert served.stream == [Event("deleted", "/a", zxid(5))]
    served.write(Create("/a")).write(Delete("/a"))
    assert len(served.stream) == 1


# --- a server alone


# --- another leader, and a snapshot


def test_what_is_open_is_sent_to_the_next_leader() -> None:
    served = Served().ask(Create("/a")).ask(GetData("/a")).ask(Sync())
    served.hear(Hello("", 1, TIMEOUT, 0, 0, 1, ()), "c1")
    before = len(served.led)
    append = Append(2, 2, 1, (), 2, 1)
    served.hear(append, "n3")
    sent = served.led[before:]
    assert Joins("c1", "", 1, TIMEOUT) in sent and Forward(S, 1, 1, 0, Create("/a")) in sent
    assert [type(m) for m in sent if type(m) is AskIndex] == [AskIndex]


def test_index_given_before_the_leader_changed_is_not_taken() -> None:
    served = Served().ask(Sync())
    [asked] = [m for m in served.led if type(m) is AskIndex]
    served.hear(Append(2, 2, 1, (), 2, 1), "n3").hear(Index(asked.token, zxid(2)), "n2")
    assert served.stream == []


def test_write_is_done_once_though_two_leaders_put_it_into_the_log() -> None:
    served = Served().ask(Create("/q-", None, "s"))
    twice = Entry(1, S, 1, Txn(1, 0, Create("/q-", None, "s")))
    served.log(twice).log(twice)
    [answer] = served.stream
    assert answer.result.value[0] == "/q-0000000000"
    assert sorted(served.server.machine.znodes.nodes) == ["/", "/q-0000000000"]


def test_sessions_come_again_when_a_snapshot_has_replaced_the_state() -> None:
    other = Served().write(Create("/a")).write(Create("/b"))
    parts = tuple(other.server.machine.save())
    served = Served().ask(GetData("/"), watch=True)
    members = served.server.raft.members
    for place, part in enumerate(parts):
        served.hear(Install(1, 4, 1, place, len(parts), part, 1, members), "n2")
    assert served.server.applied == 4 and "/b" in served.server.machine.znodes.nodes
    assert served.told[-1] == ("c0", Turned(1, "moved"))
    served.hear(Hello(S, 2, TIMEOUT, zxid(2), zxid(2), 2, (("child", "/"),)))
    assert served.led[-1] == Joins("c0", S, 2, TIMEOUT)


def test_session_that_expired_while_it_was_coming_is_told_so() -> None:
    served = Served().hear(Hello(OTHER, 5, TIMEOUT, 0, 0, 1, ()), "c9")
    served.log(Entry(1, OTHER, 0, Expire()), Entry(1, OTHER, 0, Attach(5, "n1")))
    assert served.told[-1] == ("c9", Turned(5, "expired"))


def test_server_that_does_not_lead_ends_no_session_and_deletes_no_ephemeral() -> None:
    served = Served().write(Create("/e", 1, "e"), S)
    before = served.server.machine.digest
    served.tick(TIMEOUT + 1).tick(TIMEOUT + 1)
    assert served.server.machine.digest == before and served.server.applied == 3


def test_session_whose_client_is_silent_for_long_is_let_go() -> None:
    served = Served()
    served.tick(2 * TIMEOUT + 1)
    assert served.server.here == {}


# --- a server that leads


def leader() -> Server:
    """n1 alone, which leads since 1 s."""
    server = Server("n1", ("n1",), Machine(), Random(1), tick=SECOND)
    server.start((), 0)
    server.timer(ELECTION, SECOND)
    assert server.raft.is_leader
    return server


def sent(effects: Iterable[Any]) -> list[Any]:
    return [effect.message for effect in effects if isinstance(effect, Send)]


def test_server_that_is_a_majority_alone_answers_in_the_same_moment() -> None:
    server = Server("n1", ("n1",), Machine(), Random(1), tick=SECOND)
    server.start((), 0)
    server.receive("c0", HELLO, 0)
    told = sent(server.timer(ELECTION, SECOND))
    assert [type(m) for m in told] == [Welcome] and server.applied == server.raft.commit


def test_leader_puts_the_sessions_and_writes_of_other_servers_into_the_log() -> None:
    server = leader()
    server.receive("n2", Joins("c0", "", 1, TIMEOUT), SECOND)
    [session] = server.machine.sessions
    for _ in range(2):
        server.receive("n2", Forward(session, 1, 1, 0, Create("/a", 1, "e")), SECOND)
    assert server.machine.znodes.nodes["/a"].owner == session
    assert [line["type"] for line in server.dump().log] == ["noop", "createSession", "create"]
    assert server.here == {}  # it is at n2


def test_leader_ends_the_session_of_which_no_server_has_heard() -> None:
    server = leader()
    for client in ("c0", "c1"):
        server.receive("n2", Joins(client, "", 1, TIMEOUT), SECOND)
    mine, other = server.machine.sessions
    now = SECOND
    while now < SECOND + 7 * SECOND:
        now += SECOND
        server.receive("n2", Heard((mine,)), now)
        server.timer(TICK, now)
    assert list(server.machine.sessions) == [mine]
    last = server.dump().log[-1]
    assert (last["type"], last["value"], last["expired"]) == ("closeSession", other, True)


def test_leader_that_has_stood_still_ends_no_session_for_that() -> None:
    server = leader()
    server.receive("n2", Joins("c0", "", 1, TIMEOUT), SECOND)
    server.timer(TICK, 60 * SECOND)
    assert len(server.machine.sessions) == 1


def test_sync_at_a_leader_alone_is_answered_at_once() -> None:
    server = leader()
    [welcome] = sent(server.receive("c0", HELLO, SECOND))
    [item] = sent(server.receive("c0", Request(welcome.session, 1, 1, 0, 0, Sync()), SECOND))
    assert item.what == Answer(1, server.position, Found())


def test_server_that_does_not_lead_drops_what_is_passed_to_it() -> None:
    served = Served()
    before = len(served.led)
    served.hear(Forward(S, 1, 1, 0, Create("/a")), "n3").hear(Joins("c5", "", 1, 500), "n3")
    served.hear(Heard((S,)), "n3")
    assert len(served.led) == before and served.told[1:] == []
