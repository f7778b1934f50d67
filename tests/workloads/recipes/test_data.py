"""Counters, configurations and queues as clients see them, against a ZooKeeper in memory."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.retries import most
from harness.clock import MS, SECOND
from harness.core import ClientCore
from harness.op import OK, Op, invoke
from harness.result import Result
from harness.workload import Workload
from tests.workloads.fake_zookeeper import Event, World
from tests.workloads.recipe_run import run
from workloads.recipes.bugs import VARIANTS
from workloads.recipes.config import config
from workloads.recipes.counter import counter, counter_herd
from workloads.recipes.queue import queue

KINDS: dict[str, Callable[..., Workload]] = {"counter": counter, "config": config, "queue": queue}
EACH = pytest.mark.parametrize("kind", sorted(KINDS))
OF_DATA = {n: v for n, v in VARIANTS.items() if v.plans[0].removeprefix("recipes/") in KINDS}


def load(kind: str, **options: Any) -> Workload:
    made = {**KINDS, "counter-herd": counter_herd}[kind]
    return made(nodes=("n1",), rng=Random(1), **options)


def judged(made: Workload, **how: Any) -> Result:
    history, _ = run(made, **how)
    return made.checkers[made.name].check(history, Unlimited())


def losing(share: float, seed: int = 1) -> Callable[[str, Any], bool]:
    """Now and then an answer, never an event."""
    rng = Random(seed)
    return lambda to, message: (
        to != "n1" and not isinstance(message, Event) and rng.random() < share
    )


class Room:
    """A world, and clients that are told what to do when."""

    def __init__(self, made: Workload, **world: Any) -> None:
        self.world = World(timeout=SECOND, **world)
        self._load = made

    def do(self, at: float, process: int, f: str, value: Any = None) -> None:
        name = f"c{process}"
        if name not in self.world.clients:
            self.world.client(name, self._wrapped(name))
        self.world.invoke(name, invoke(f, value, process=process, key=1), at=round(at * MS))

    def _wrapped(self, name: str) -> Callable[[ClientCore], ClientCore]:
        wrap = self._load.wrap
        assert wrap is not None
        return lambda core: wrap(core, name, Random(name))

    def ends(self, until: float = 30) -> list[tuple[Any, str, str, Any]]:
        """Completions in order: process, f, type and value."""
        self.world.run(round(until * SECOND))
        return [(op.process, op.f, op.type, op.value) for op in self._ends()]

    def _ends(self) -> list[Op]:
        lines = self.world.history
        return [op for op in lines if op.type != "invoke" and isinstance(op.process, int)]


# Counters


def test_two_that_read_the_same_value_make_two_different_ones() -> None:
    room = Room(load("counter"))
    room.do(1, 0, "increment")
    room.do(10, 1, "increment")
    room.do(10, 2, "increment")
    room.do(30, 3, "read")
    ends = room.ends()
    assert sorted(value for _, f, how, value in ends if (f, how) == ("increment", OK)) == [1, 2, 3]
    assert ends[-1] == (3, "read", OK, 3)
    assert room.world.server.requests["setData"] == 3  # one of them in vain


def test_increment_without_an_answer_says_what_it_would_have_made() -> None:
    made = load("counter")
    room = Room(made, lose=lambda to, message: to == "c1" and message.seq == 2)
    room.do(1, 0, "increment")
    room.do(10, 1, "increment")
    room.do(3000, 0, "increment")
    assert room.ends() == [
        (0, "increment", OK, 1),
        (1, "increment", "info", 2),
        (0, "increment", OK, 3),
    ]


# Configurations


def test_reader_that_hears_of_the_change_begins_again() -> None:
    room = Room(load("config"))
    room.do(0, 0, "configure", 1)
    room.do(100, 1, "read")
    room.do(101, 0, "configure", 2)  # its writes arrive while the reader is at the second part
    ends = room.ends()
    assert ends[-1] == (1, "read", OK, [2, 2, 2, 2, 2])
    assert room.world.server.requests["exists"] > 1


def test_reader_without_a_watch_reads_a_mix() -> None:
    room = Room(load("config", watch=False))
    room.do(0, 0, "configure", 1)
    room.do(100, 1, "read")
    room.do(105, 0, "configure", 2)
    assert room.ends()[-1] == (1, "read", OK, [1, 1, 2, 2, 2])


def test_reader_waits_until_a_configuration_is_ready() -> None:
    room = Room(load("config"))
    room.do(0, 1, "read")
    room.do(500, 0, "configure", 1)
    assert room.ends() == [(0, "configure", OK, 1), (1, "read", OK, [1, 1, 1, 1, 1])]


def test_reader_whose_session_ended_while_it_read_begins_again() -> None:
    room = Room(load("config"))
    room.do(0, 0, "configure", 1)
    room.do(100, 1, "read")
    room.world.at(104 * MS, lambda: room.world.expire("c1"))
    assert room.ends()[-1] == (1, "read", OK, [1, 1, 1, 1, 1])
    assert room.world.server.requests["exists"] == 2


def test_second_writer_waits_until_the_session_of_the_first_is_over() -> None:
    room = Room(load("config"), session_timeout=2 * SECOND)
    room.do(0, 0, "configure", 1)
    room.do(500, 1, "configure", 2)
    room.world.at(SECOND, lambda: room.world.retire("c0"))
    ends = room.ends()
    assert ends == [(0, "configure", OK, 1), (1, "configure", OK, 2)]
    assert room.world.history[-1].time > 2 * SECOND


def test_writer_whose_session_is_over_becomes_the_writer_anew() -> None:
    room = Room(load("config"))
    room.do(0, 0, "configure", 1)
    room.world.at(100 * MS, lambda: room.world.expire("c0"))
    room.do(200, 0, "configure", 2)
    room.do(300, 1, "read")
    assert room.ends()[-1] == (1, "read", OK, [2, 2, 2, 2, 2])
    created = [z for z in room.world.server.znodes if z == "/writer-1"]
    assert created


def test_writes_of_a_change_are_outstanding_together() -> None:
    room = Room(load("config"))
    room.do(0, 0, "configure", 1)
    room.do(100, 0, "configure", 2)
    room.ends()
    assert room.world.history[-1].time == 102 * MS  # one way and back, for seven writes


# Queues


def test_items_are_taken_in_their_order() -> None:
    room = Room(load("queue"))
    for i in range(3):
        room.do(10 * i, 0, "put", 7 + i)
    for i in range(3):
        room.do(100 + 10 * i, 1 + i, "take")
    took = [value for _, f, _, value in room.ends() if f == "take"]
    assert took == [[0, 7], [1, 8], [2, 9]]


def test_two_that_want_the_same_item_get_one_each() -> None:
    room = Room(load("queue"))
    room.do(0, 0, "put", 7)
    room.do(10, 0, "put", 8)
    room.do(100, 1, "take")
    room.do(100, 2, "take")
    took = [value for _, f, _, value in room.ends() if f == "take"]
    assert sorted(took) == [[0, 7], [1, 8]]
    assert room.world.server.requests["delete"] == 3


def test_take_waits_for_an_item_and_fails_where_none_comes() -> None:
    room = Room(load("queue", wait="500ms"))
    room.do(0, 0, "put", 7)
    room.do(10, 1, "take")
    room.do(100, 1, "take")
    room.do(200, 2, "put", 8)
    room.do(1000, 1, "take")
    ends = room.ends()
    assert [(f, how, value) for process, f, how, value in ends if process == 1] == [
        ("take", OK, [0, 7]),
        ("take", OK, [2, 8]),  # numbers count the deletes, too
        ("take", "fail", None),
    ]


def test_take_without_an_answer_says_which_item_it_was() -> None:
    room = Room(load("queue"), lose=lambda to, message: to == "c1" and _is_of_delete(message))
    room.do(0, 0, "put", 7)
    room.do(10, 1, "take")
    assert room.ends()[-1] == (1, "take", "info", [0, 7])


def _is_of_delete(message: Any) -> bool:
    return getattr(message, "seq", 0) == 3  # after getChildren and getData


# As workloads, under their own generator


@EACH
def test_correct_recipe_is_valid(kind: str) -> None:
    assert judged(load(kind)).verdict == "valid"


@EACH
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lost_answers_are_never_taken_for_a_broken_recipe(kind: str, seed: int) -> None:
    result = judged(load(kind), lose=losing(0.02, seed), seed=seed)
    assert result.verdict == "valid" and result.data["unknown"]


@pytest.mark.parametrize("name", [n for n, v in OF_DATA.items() if v.kind == "safety"])
def test_planted_bug_is_caught(name: str) -> None:
    made = OF_DATA[name].make(load(OF_DATA[name].caught_by))
    assert judged(made, lose=losing(0.02)).verdict == "invalid"


@pytest.mark.parametrize("name", [n for n, v in OF_DATA.items() if v.kind == "correct"])
def test_harmless_variant_is_not_accused(name: str) -> None:
    kind = OF_DATA[name].plans[0].removeprefix("recipes/")
    assert judged(OF_DATA[name].make(load(kind)), lose=losing(0.02)).verdict == "valid"


def test_variant_of_another_workload_is_refused() -> None:
    with pytest.raises(ValueError, match="no client of the workload 'counter'"):
        VARIANTS["queue-blind-delete"].make(load("counter"))


# The counter's herd


@pytest.mark.parametrize("n", [1, 2, 10, 30])
def test_herd_in_step_needs_a_request_for_every_pair_of_clients(n: int) -> None:
    made = load("counter-herd")
    history, world = run(made, seconds=60, concurrency=n, rate=1e6, session=1000)
    result = made.checkers["retries"].check(history, Unlimited())
    assert (result.verdict, result.data["requests"]) == ("valid", most(n))
    assert world.server.requests["setData"] == most(n) // 2
    assert made.checkers["counter"].check(history, Unlimited()).verdict == "valid"


def test_herd_that_does_not_think_needs_no_more() -> None:
    made = load("counter-herd", think="0s")
    history, _ = run(made, seconds=60, concurrency=20, rate=1e6, session=1000)
    result = made.checkers["retries"].check(history, Unlimited())
    assert result.verdict == "valid" and 40 <= result.data["requests"] <= most(20)


@pytest.mark.parametrize(
    ("kind", "options", "what"),
    [
        ("counter", {"kays": 1}, "unknown option 'kays'"),
        ("counter", {"read_share": 2}, "read_share: expected a share"),
        ("config", {"parts": 9}, "parts: expected a whole number from 1 to 8"),
        ("config", {"watch": 1}, "watch: expected true or false"),
        ("queue", {"put_share": -1}, "put_share: expected a share"),
        ("counter-herd", {"hold": 1}, "unknown option 'hold'"),
    ],
)
def test_wrong_options_are_refused(kind: str, options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        load(kind, **options)
