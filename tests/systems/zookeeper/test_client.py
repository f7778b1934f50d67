"""A client of the ZooKeeper-like service: operations turned into requests, answers into ops."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from harness.error import OUTCOMES
from harness.op import Op, invoke
from systems.zookeeper.command import (
    CODES,
    Check,
    Close,
    Create,
    Delete,
    Exists,
    Found,
    GetChildren,
    GetData,
    Multi,
    Refused,
    SetData,
)
from systems.zookeeper.wire import Hello, Request, Sync
from tests.systems.zookeeper.talk import STAT, STAT_DICT, Talk

VALUE = Found([4, STAT])


def outcome(talk: Talk) -> tuple[Any, ...]:
    done = talk.done[-1]
    return done.type, done.value, done.error


def test_first_operation_opens_a_session_at_home_and_is_asked_there() -> None:
    talk = Talk(invoke("read", key=3), welcome=False)
    assert talk.said == [("n2", Hello("", 1, 6000, 0, 0, 1, ()))]
    talk.welcome()
    assert talk.said[1:] == [("n2", Request("0x1", 1, 1, 0, 0, GetData("/k3")))]


def test_read_of_a_znode_that_is_not_there_is_none() -> None:
    talk = Talk(invoke("read", key=3)).answer(9, Refused("NoNode"))
    done = talk.done[-1]
    assert outcome(talk) == ("ok", None, UNSET)
    assert (done.node, done.session, done.seq, done.position) == ("n2", "0x1", 1, 9)


def test_sync_mode_reads_after_a_sync() -> None:
    talk = Talk(invoke("read", key=3), syncs=True).answer(9, Found()).answer(9, VALUE)
    assert talk.requests == [Sync(), GetData("/k3")]
    assert outcome(talk) == ("ok", 4, UNSET)


def test_write_creates_the_znode_where_there_is_none() -> None:
    talk = Talk(invoke("write", 5, key=3)).answer(8, Refused("NoNode"))
    assert talk.requests == [SetData("/k3", 5, -1), Create("/k3", 5)]
    talk.answer(9, Found(["/k3", STAT]))
    assert outcome(talk) == ("ok", 5, UNSET) and talk.done[-1].position == 9


def test_write_that_comes_second_in_creating_sets() -> None:
    talk = Talk(invoke("write", 5, key=3)).answer(8, Refused("NoNode"))
    assert talk.answer(9, Refused("NodeExists")).requests[2] == SetData("/k3", 5, -1)


def test_write_names_the_write_before_it_and_a_read_none() -> None:
    talk = Talk(invoke("write", 5, key=3), invoke("read", key=3), invoke("write", 6, key=3))
    sent = [m for _, m in talk.said if type(m) is Request]
    assert [(m.seq, m.prev) for m in sent] == [(1, 0), (2, 0), (3, 1)]


def test_cas_sets_at_the_version_it_has_compared() -> None:
    talk = Talk(invoke("cas", (4, 5), key=3)).answer(8, VALUE)
    assert talk.requests[1] == SetData("/k3", 5, 7)
    assert outcome(talk.answer(9, Found(STAT))) == ("ok", (4, 5), UNSET)


def test_plain_cas_that_reads_another_value_says_nothing_of_the_value() -> None:
    talk = Talk(invoke("cas", (3, 5), key=3)).answer(8, VALUE)
    assert outcome(talk)[0] == "fail" and outcome(talk)[2][0] == "busy"
    assert talk.done[-1].observed is UNSET


def test_cas_after_a_sync_tells_what_it_has_observed() -> None:
    talk = Talk(invoke("cas", (3, 5), key=3), syncs=True).answer(8, Found()).answer(8, VALUE)
    assert (talk.done[-1].error, talk.done[-1].observed) == ("precondition-failed", 4)


def test_cas_that_was_overtaken_fails_with_bad_version() -> None:
    talk = Talk(invoke("cas", (4, 5), key=3)).answer(8, VALUE).answer(9, Refused("BadVersion"))
    assert outcome(talk)[::2] == ("fail", "bad-version")


@pytest.mark.parametrize(
    ("f", "value", "body", "result", "told"),
    [
        ("create", ["/a", 1, "es"], Create("/a", 1, "es"), ["/a7", STAT], ["/a7", STAT_DICT]),
        ("setData", ["/a", 1, -1], SetData("/a", 1), STAT, STAT_DICT),
        ("delete", ["/a", 3], Delete("/a", 3), None, None),
        ("exists", "/a", Exists("/a"), STAT, STAT_DICT),
        ("exists", ["/a", True], Exists("/a"), None, None),
        ("getData", "/a", GetData("/a"), [5, STAT], [5, STAT_DICT]),
        ("getChildren", "/a", GetChildren("/a"), [["b"], STAT], [["b"], STAT_DICT]),
        ("sync", None, Sync(), None, None),
        ("close", None, Close(), None, None),
        (
            "multi",
            [["check", "/a", 1], ["create", "/b", 2, ""]],
            Multi((Check("/a", 1), Create("/b", 2))),
            [None, ["/b", STAT]],
            [None, ["/b", STAT_DICT]],
        ),
    ],
)
def test_native_operation_asks_for_it_and_tells_its_answer(
    f: str, value: Any, body: Any, result: Any, told: Any
) -> None:
    talk = Talk(invoke(f, value))
    assert talk.last(Request).body == body
    assert outcome(talk.answer(9, Found(result))) == ("ok", told, UNSET)


@pytest.mark.parametrize("name", CODES)
def test_every_refusal_has_a_code_that_says_that_it_is_definite(name: str) -> None:
    talk = Talk(invoke("create", ["/a", 1])).answer(9, Refused(name))
    kind, _, error = outcome(talk)
    code = error if isinstance(error, str) else error[0]
    if name == "OutOfOrder":  # of a write before it nobody knows, so this one may come yet
        assert (kind, error) == ("info", "connection-lost")
        return
    assert kind == "fail" and OUTCOMES[code]
    assert code == CODES[name] or error == ["refused", CODES[name]]


def test_refusal_within_a_multi_says_where() -> None:
    talk = Talk(invoke("multi", [["check", "/a", 1], ["check", "/b", 1]]))
    talk.answer(9, Refused("BadVersion", 1))
    assert outcome(talk)[2] == ["bad-version", "operation 1"]


def test_write_too_large_for_any_message_is_refused_and_not_sent() -> None:
    parts = [["create", f"/{n}", "x" * 1_000_000] for n in range(9)]
    talk = Talk(invoke("multi", parts), welcome=False)
    assert (outcome(talk)[0], outcome(talk)[2][0], talk.said) == ("fail", "too-large", [])


# --- time


def test_write_of_which_nothing_is_heard_is_info_and_ends_its_session() -> None:
    talk = Talk(invoke("write", 5, key=3)).wait(1000)
    assert outcome(talk)[::2] == ("info", "timeout")
    assert (talk.done[-1].session, talk.done[-1].seq) == ("0x1", 1)
    assert [op.value for op in talk.seen] == ["opened", "closed"]
    talk.begin(invoke("read", key=3))
    assert talk.last(Hello).session == ""


def test_read_of_which_nothing_is_heard_fails() -> None:
    assert outcome(Talk(invoke("read", key=3)).wait(1000))[::2] == ("fail", "timeout")


def test_write_that_no_server_took_certainly_did_not_happen() -> None:
    talk = Talk(invoke("write", 5, key=3), welcome=False).wait(1000)
    assert outcome(talk)[0] == "fail" and outcome(talk)[2][0] == "unavailable"


def test_operation_that_names_a_node_has_a_session_there_that_never_moves() -> None:
    talk = Talk(invoke("read", key=3, node="n1"), welcome=False).wait(999)
    assert {to for to, _ in talk.said} == {"n1"} and len(talk.said) > 2
    talk.begin(invoke("read", key=3))
    assert talk.at == "n2"


def test_each_operation_has_its_own_time() -> None:
    talk = Talk(invoke("read", 1, key=1)).wait(200).begin(invoke("read", 2, key=2))
    talk.wait(799)
    assert talk.done == []
    talk.wait(1)
    assert [op.key for op in talk.done] == [1]
    talk.wait(200)
    assert [op.key for op in talk.done] == [1, 2]


def test_cas_from_nothing_creates() -> None:
    talk = Talk(invoke("cas", (None, 5), key=3)).answer(8, Refused("NoNode"))
    assert talk.requests[1] == Create("/k3", 5)
    talk.answer(9, Refused("NodeExists"))
    assert outcome(talk)[::2] == ("fail", "node-exists")


def test_completions_carry_the_operation_that_was_invoked() -> None:
    ops = [invoke("read", process=p, key=p) for p in (4, 5)]
    talk = Talk(*ops).answer(9, VALUE, 1).answer(9, Refused("NoNode"), 2)
    assert [(op.process, op.key, op.value) for op in talk.done] == [(4, 4, 4), (5, 5, None)]
    assert all(isinstance(op, Op) for op in talk.done)
