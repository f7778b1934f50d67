"""A client of the ZooKeeper-like service, answered by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from harness.clock import MS, SECOND
from harness.core import Complete, Send
from harness.op import Op, invoke
from systems.raft.replica import Answer, Read, Sync, Write
from systems.zookeeper.client import ZooKeeperClient
from systems.zookeeper.message import Create, Found, GetData, Refused, SetData, Stat

STAT = Stat(1, 2, 1, 7, 0, 0)


class Talk:
    """A client core, the request it waits on and the operation it completed."""

    def __init__(self, op: Op, *, syncs: bool = False) -> None:
        self.client = ZooKeeperClient("c0", "n2", ("n1", "n2", "n3"), SECOND, syncs=syncs)
        self.now = 0
        self.begin(op)

    def begin(self, op: Op) -> None:
        self.to, self.request, self.done = "", None, None
        self._look(self.client.core.invoke(op, self.now))

    def answer(self, position: int, result: Any) -> Talk:
        answer = Answer(self.request.seq, position, result)
        self._look(self.client.core.receive(self.to, answer, self.now))
        return self

    def wait(self) -> Talk:
        """Nobody answers within a try."""
        self.now += 250 * MS
        self._look(self.client.core.timer("script", self.now))
        return self

    def _look(self, effects: Iterable[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.to, self.request = effect.to, effect.message
            elif isinstance(effect, Complete):
                self.done = effect.op


def outcome(talk: Talk) -> tuple[Any, ...]:
    assert talk.done is not None
    return talk.done.type, talk.done.value, talk.done.error, talk.done.position


def test_read_of_a_znode_that_is_not_there_is_none() -> None:
    talk = Talk(invoke("read", key=3))
    assert (talk.to, talk.request) == ("n2", Read("c0", 1, GetData("/k3"), 0, False))
    talk.answer(9, Refused("NoNode"))
    assert talk.done is not None and talk.done.node == "n2" and talk.done.session == "c0"
    assert outcome(talk)[:2] == ("ok", None) and talk.done.position == 9


def test_session_asks_no_server_for_less_than_it_has_seen() -> None:
    talk = Talk(invoke("read", key=3)).answer(9, Found(1, STAT))
    talk.begin(invoke("read", key=3))
    assert talk.request == Read("c0", 2, GetData("/k3"), 9, False)


def test_sync_mode_reads_after_a_sync_at_its_zxid() -> None:
    talk = Talk(invoke("read", key=3), syncs=True)
    assert talk.request == Sync("c0", 1)
    talk.answer(40, None)
    assert talk.request == Read("c0", 2, GetData("/k3"), 40, False)


def test_write_creates_the_znode_where_there_is_none() -> None:
    talk = Talk(invoke("write", 5, key=3))
    assert talk.request == Write("c0", 1, SetData("/k3", 5, -1))
    talk.answer(8, Refused("NoNode"))
    assert talk.request == Write("c0", 2, Create("/k3", 5))
    assert outcome(talk.answer(9, Found(None, STAT)))[:2] == ("ok", 5)


def test_write_that_comes_second_in_creating_sets() -> None:
    talk = Talk(invoke("write", 5, key=3)).answer(8, Refused("NoNode"))
    talk.answer(9, Refused("NodeExists"))
    assert talk.request == Write("c0", 3, SetData("/k3", 5, -1))


def test_write_that_nobody_answers_is_sent_again_elsewhere_under_the_same_number() -> None:
    talk = Talk(invoke("write", 5, key=3))
    asked = [(talk.to, talk.request)]
    for _ in range(3):
        talk.wait()
        asked.append((talk.to, talk.request))
    assert [to for to, _ in asked] == ["n2", "n3", "n1", "n2"]
    assert len({str(request) for _, request in asked}) == 1
    talk.wait()
    assert talk.done is not None and (talk.done.type, talk.done.error) == ("info", "timeout")


def test_client_stays_with_the_server_it_moved_to() -> None:
    talk = Talk(invoke("write", 5, key=3)).wait().answer(9, Found(None, STAT))
    talk.begin(invoke("read", key=3))
    assert talk.to == "n3"


def test_read_that_asks_for_a_node_never_moves() -> None:
    talk = Talk(invoke("read", key=3, node="n1"))
    for _ in range(4):
        assert talk.to == "n1"
        talk.wait()
    assert talk.done is not None and (talk.done.type, talk.done.error) == ("fail", "timeout")


def test_cas_sets_at_the_version_it_has_compared() -> None:
    talk = Talk(invoke("cas", (4, 5), key=3)).answer(8, Found(4, STAT))
    assert talk.request == Write("c0", 2, SetData("/k3", 5, 7))
    assert outcome(talk.answer(9, Found(None, STAT))) == ("ok", (4, 5), talk.done.error, 9)


def test_plain_cas_that_reads_another_value_says_nothing_of_the_value() -> None:
    talk = Talk(invoke("cas", (4, 5), key=3)).answer(8, Found(3, STAT))
    assert talk.done is not None and talk.done.type == "fail"
    assert talk.done.error[0] == "busy" and not isinstance(talk.done.observed, int)


def test_cas_after_a_sync_tells_what_it_has_observed() -> None:
    talk = Talk(invoke("cas", (4, 5), key=3), syncs=True).answer(8, None)
    talk.answer(8, Found(3, STAT))
    assert talk.done is not None
    assert (talk.done.error, talk.done.observed) == ("precondition-failed", 3)


def test_cas_that_was_overtaken_fails_with_bad_version() -> None:
    talk = Talk(invoke("cas", (4, 5), key=3)).answer(8, Found(4, STAT))
    assert talk.answer(9, Refused("BadVersion")).done.error == "bad-version"


STAT_DICT = {"czxid": 1, "mzxid": 2, "pzxid": 1, "version": 7, "cversion": 0, "numChildren": 0}


@pytest.mark.parametrize(
    ("f", "value", "result", "told"),
    [
        ("create", ["/a", 1], Found(None, STAT), STAT_DICT),
        ("setData", ["/a", 1, -1], Found(None, STAT), STAT_DICT),
        ("delete", ["/a", 3], Found(None, None), None),
        ("exists", "/a", Found(None, STAT), STAT_DICT),
        ("exists", "/a", Found(None, None), None),
        ("getData", "/a", Found(5, STAT), [5, STAT_DICT]),
        ("getChildren", "/a", Found(["b"], STAT), [["b"], STAT_DICT]),
        ("sync", None, None, None),
    ],
)
def test_native_operation_tells_its_answer(f: str, value: Any, result: Any, told: Any) -> None:
    talk = Talk(invoke(f, value)).answer(9, result)
    assert outcome(talk)[:2] == ("ok", told)


@pytest.mark.parametrize(
    ("f", "value", "error", "code"),
    [
        ("create", ["/a", 1], "NodeExists", "node-exists"),
        ("setData", ["/a", 1, 4], "BadVersion", "bad-version"),
        ("delete", ["/a", -1], "NotEmpty", "not-empty"),
        ("getData", "/a", "NoNode", "no-node"),
        ("create", ["a", 1], "BadArguments", "refused"),
    ],
)
def test_native_operation_that_is_refused_fails_with_its_code(
    f: str, value: Any, error: str, code: str
) -> None:
    talk = Talk(invoke(f, value)).answer(9, Refused(error))
    assert outcome(talk)[0] == "fail" and outcome(talk)[2] == code
