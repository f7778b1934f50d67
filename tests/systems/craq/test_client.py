"""A client: whom it asks, what it learns, and that a request keeps its id."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from harness.clock import MS
from harness.core import Complete, Send
from harness.op import Op, invoke
from harness.rng import stream
from systems.craq import Craq
from systems.craq.layout import Config
from systems.craq.message import Moved, NotReady, Reply, Request
from tests.systems.craq.by_hand import laid

CHAIN = Config(3, ("n3", "n1", "n2"))


class Talk:
    """A client of "n2", and what it has said last."""

    def __init__(self, **options: Any) -> None:
        self.core = Craq(3, **options).client("c1", "n2", stream(1, "c1"))
        self.sent: list[tuple[str, Request]] = []
        self.done: Op | None = None

    def do(self, effects: Any) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.sent.append((effect.to, effect.message))
            elif isinstance(effect, Complete):
                self.done = effect.op

    def invoke(self, f: str, value: Any = None, **fields: Any) -> None:
        self.do(self.core.invoke(invoke(f, value, key="k", **fields), 0))

    def hear(self, source: str, message: Any) -> None:
        self.do(self.core.receive(source, message, 1 * MS))

    def wait(self, now: int) -> None:
        self.do(self.core.timer("script", now))

    def learn(self) -> None:
        """Make a read to learn the chain by, and forget it."""
        self.invoke("read")
        self.hear("n2", Moved(1, laid(CHAIN)))
        self.hear("n2", Reply(1, 3))
        self.sent.clear()


def test_first_request_goes_home_and_learns_the_configuration() -> None:
    talk = Talk()
    talk.invoke("write", 5)
    talk.hear("n2", Moved(1, laid(CHAIN)))
    assert talk.sent == [
        ("n2", Request("c1", 1, 0, "write", "k", 5)),
        ("n3", Request("c1", 1, 3, "write", "k", 5)),
    ]


def test_read_goes_home() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("read")
    assert [to for to, _ in talk.sent] == ["n2"]


def test_plain_chain_reads_at_the_tail() -> None:
    talk = Talk(apportioned=False)
    talk.core.invoke(invoke("read", key="k"), 0)
    talk.hear("n2", Moved(1, laid(Config(3, ("n3", "n2", "n1")))))
    assert [to for to, _ in talk.sent] == ["n1"]


def test_answer_completes_with_node_and_position() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("read")
    talk.hear("n2", Reply(2, 3, "", 7, 4))
    assert talk.done is not None
    assert (talk.done.type, talk.done.value, talk.done.node, talk.done.position) == (
        "ok", 7, "n2", 4,
    )  # fmt: skip


def test_request_keeps_its_id_when_another_node_is_asked() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("write", 5)
    talk.wait(250 * MS)
    talk.wait(500 * MS)
    assert {request.id for _, request in talk.sent} == {2}
    assert len({to for to, _ in talk.sent}) > 1


def test_pinned_read_asks_its_node_only_and_fails_at_its_limit() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("read", node="n1")
    for quarter in range(1, 5):
        talk.wait(quarter * 250 * MS)
    assert {to for to, _ in talk.sent} == {"n1"}
    assert talk.done is not None and (talk.done.type, talk.done.error) == ("fail", "timeout")


def test_write_of_unknown_outcome_is_info() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("write", 5)
    for quarter in range(1, 5):
        talk.wait(quarter * 250 * MS)
    assert talk.done is not None and (talk.done.type, talk.done.error) == ("info", "timeout")


def test_node_that_is_not_ready_is_passed_over() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("read")
    talk.hear("n2", NotReady(2, 3))
    talk.wait(21 * MS)
    assert [to for to, _ in talk.sent] == ["n2", "n3"]


@pytest.mark.parametrize(("error", "observed"), [("precondition-failed", 9), ("busy", None)])
def test_refused_cas_says_what_it_saw_only_where_it_compared(
    error: str, observed: int | None
) -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("cas", (1, 2))
    talk.hear("n2", Reply(2, 3, error, observed, 4))
    assert talk.done is not None and (talk.done.type, talk.done.error) == ("fail", error)
    assert (talk.done.observed or None) == observed


@pytest.mark.parametrize(
    ("f", "asked", "told", "value"),
    [("append", 3, 3, 3), ("increment", 2, 42, 42), ("write", 5, None, 5)],
)
def test_answer_of_an_update_is_what_it_asked_for_or_made(
    f: str, asked: int, told: int | None, value: int
) -> None:
    talk = Talk()
    talk.learn()
    talk.invoke(f, asked)
    talk.hear("n3", Reply(2, 3, "", told, 4))
    assert talk.done is not None
    assert (talk.done.type, talk.done.value, talk.done.position) == ("ok", value, 4)


def test_transaction_goes_to_the_head_and_its_answer_has_no_position() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("txn", [["r", "x", None], ["append", "x", 2]])
    told = [["r", "x", [1]], ["append", "x", 2]]
    talk.hear("n3", Reply(2, 3, "", told))
    assert [to for to, _ in talk.sent] == ["n3"]
    assert talk.done is not None
    assert (talk.done.value, talk.done.position) == (told, UNSET)


def test_transaction_that_does_no_more_than_read_a_key_is_a_read() -> None:
    talk = Talk()
    talk.learn()
    talk.invoke("txn", [["r", "x", None]])
    talk.hear("n2", Reply(2, 3, "", [1], 4))
    assert talk.sent == [("n2", Request("c1", 2, 3, "read", "x"))]
    assert talk.done is not None
    assert (talk.done.value, talk.done.position) == ([["r", "x", [1]]], UNSET)
