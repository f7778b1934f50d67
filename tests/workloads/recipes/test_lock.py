"""Locks as clients see them, against a ZooKeeper of one server in memory."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from harness.clock import MS, SECOND
from harness.core import Complete
from harness.history import History
from harness.op import OK, Op, fail, invoke
from harness.result import Result
from harness.workload import Workload
from tests.workloads.fake_zookeeper import Event, World
from tests.workloads.recipe_run import run
from workloads.recipes.bugs import VARIANTS
from workloads.recipes.critical import Critical, Rules
from workloads.recipes.lock import ScalableLock, SimpleLock
from workloads.recipes.locking import lock

KINDS = {"simple": SimpleLock, "scalable": ScalableLock}
BOTH = pytest.mark.parametrize("kind", sorted(KINDS))


def load(**options: Any) -> Workload:
    return lock(nodes=("n1",), rng=Random(1), **options)


def judged(made: Workload, history: History) -> dict[str, Result]:
    return {name: c.check(history, Unlimited()) for name, c in made.checkers.items()}


def verdicts(made: Workload, **how: Any) -> dict[str, str]:
    history, _ = run(made, **how)
    return {name: result.verdict for name, result in judged(made, history).items()}


class Room:
    """A world with the queue made, and clients that are told what to do when."""

    def __init__(self, kind: str, session: float | None = None, **rules: Any) -> None:
        timeout = None if session is None else round(session * SECOND)
        self.world = World(timeout=SECOND, session_timeout=timeout)
        self.world.client("setup")
        self.world.invoke("setup", invoke("create", ["/locks-1", None], process=99))
        self.world.run(10 * MS)
        self._kind = KINDS[kind]
        self._rules = Rules(patience=5 * SECOND, limit=60 * SECOND, **rules)

    def do(self, at: float, process: int, f: str, value: Any = None) -> None:
        name = f"c{process}"
        if name not in self.world.clients:
            rng = Random(process)
            make = self._kind
            self.world.client(name, lambda core: make(core, name, rng, self._rules))
        op = invoke(f, value, process=process, key=1)
        self.world.invoke(name, op, at=round(at * MS))

    def ends(self, until: float = 30) -> list[Op]:
        """Completions, in order, of all but the setup."""
        self.world.run(round(until * SECOND))
        ends = [op for op in self.world.history if op.type != "invoke" and op.process != 99]
        return [op for op in ends if isinstance(op.process, int)]

    def core(self, process: int) -> Critical:
        core = self.world.clients[f"c{process}"]
        assert isinstance(core, Critical)
        return core


@BOTH
def test_second_client_gets_the_lock_when_the_first_has_released_it(kind: str):
    room = Room(kind)
    room.do(20, 0, "acquire")
    room.do(40, 1, "acquire")
    room.do(60, 0, "release")
    first, released, second = room.ends()
    assert [op.process for op in (first, released, second)] == [0, 0, 1]
    assert first.value["token"] < second.value["token"]
    assert released.position <= second.position


@BOTH
def test_token_is_the_zxid_of_the_lock_znode(kind: str):
    room = Room(kind)
    room.do(20, 0, "acquire")
    (got,) = room.ends()
    path = "/lock-1" if kind == "simple" else "/locks-1/c0.1-0000000000"
    assert got.value["token"] == room.world.server.znodes[path].czxid


@BOTH
def test_write_without_the_lock_is_never_sent(kind: str):
    room = Room(kind)
    room.do(20, 0, "write", 7)
    (failed,) = room.ends()
    assert (failed.type, failed.error[0]) == ("fail", "unavailable")
    assert room.world.server.requests["setData"] == room.world.server.requests["getData"] == 0


@BOTH
def test_who_waits_too_long_gives_up_and_leaves_nothing(kind: str):
    room = Room(kind)
    room.do(20, 0, "acquire")
    room.do(40, 1, "acquire")
    got, busy = room.ends()
    assert (busy.process, busy.type, busy.error[0]) == (1, "fail", "busy")
    assert got.type == OK
    left = [p for p in room.world.server.znodes if p.startswith("/lock") and p != "/locks-1"]
    assert len(left) == 1  # the holder's


def test_scalable_lock_wakes_only_the_next_in_the_queue():
    room = Room("scalable")
    for i in range(5):
        room.do(20 + 10 * i, i, "acquire")
    room.do(200, 0, "release")
    room.world.run(SECOND)
    assert room.world.server.events["deleted"] == 1


def test_simple_lock_wakes_all_that_wait():
    room = Room("simple")
    for i in range(5):
        room.do(20 + 10 * i, i, "acquire")
    room.do(200, 0, "release")
    room.world.run(SECOND)
    assert room.world.server.events["deleted"] == 4


def test_one_that_gives_up_in_the_middle_of_the_queue_is_not_waited_for():
    room = Room("scalable")
    room.do(20, 0, "acquire")
    room.do(40, 1, "acquire")  # gives up at 5 s
    room.do(4000, 2, "acquire")
    room.do(6000, 0, "release")
    ends = room.ends()
    assert [(op.process, op.type) for op in ends] == [(0, OK), (1, "fail"), (0, OK), (2, OK)]


@BOTH
def test_holder_that_was_frozen_past_its_session_is_refused_by_the_guard(kind: str):
    room = Room(kind, session=1, freeze=1.0, freeze_for=3 * SECOND)
    room.do(20, 0, "acquire")
    room.do(40, 0, "write", 7)
    room.do(50, 1, "acquire")
    room.world.run(2 * SECOND)
    room.core(1).rules = Rules(limit=SECOND)
    room.do(2100, 1, "write", 8)
    ends = room.ends(until=5)
    assert [(op.process, op.f, op.type) for op in ends] == [
        (0, "acquire", OK),
        (1, "acquire", OK),
        (1, "write", OK),
        (0, "write", "fail"),
    ]
    assert ends[-1].error[0] == "refused"


@BOTH
def test_late_release_leaves_the_next_holders_lock_alone(kind: str):
    room = Room(kind, session=1, freeze=1.0, freeze_for=3 * SECOND)
    room.do(20, 0, "acquire")
    room.do(40, 0, "write", 7)
    room.do(50, 1, "acquire")
    room.do(3500, 0, "release")
    ends = room.ends(until=6)
    assert (ends[-1].process, ends[-1].f, ends[-1].type) == (0, "release", "fail")
    held = [p for p in room.world.server.znodes if p.startswith("/lock") and p != "/locks-1"]
    owner = room.world.server.znodes[held[0]].owner
    assert len(held) == 1 and owner == ends[1].session


def test_holder_that_dies_lets_go_of_the_lock_with_its_work_half_done():
    room = Room("scalable", session=1, die=1.0, parts=3)
    room.do(20, 0, "acquire")
    room.do(40, 0, "write", 7)
    room.do(50, 1, "acquire")
    room.do(3000, 1, "read")
    ends = room.ends(until=5)
    assert [(op.process, op.f, op.type) for op in ends] == [
        (0, "acquire", OK),
        (0, "write", "info"),
        (1, "acquire", OK),
        (1, "read", OK),
    ]
    assert ends[-1].value[0] == 7 and ends[-1].value[2] is None


def test_repair_finishes_what_was_begun():
    room = Room("scalable", session=1, die=1.0, parts=3)
    room.do(20, 0, "acquire")
    room.do(40, 0, "write", 7)
    room.do(50, 1, "acquire")
    room.do(3000, 1, "repair")
    room.do(3500, 1, "read")
    *_, repaired, read = room.ends(until=5)
    assert repaired.value >= 1
    assert read.value == [7, 7, 7]


def test_create_without_an_answer_is_found_again_and_removed():
    lost: list[Any] = []

    def lose(to: str, message: Any) -> bool:
        error = getattr(message, "error", 1)
        is_made = to == "c0" and error is None and isinstance(message.value, list)
        if is_made and not lost and "/locks-1/" in str(message.value[0]):
            lost.append(message)
            return True
        return False

    room = Room("scalable", session=4)
    room.world._lose = lose
    room.do(20, 0, "acquire")
    (got,) = room.ends(until=3)  # before the old session has run out
    assert lost and got.type == OK
    (left,) = room.world.server.znodes["/locks-1"].children
    assert left.startswith("c0.2-") and room.core(0).requests == 6
    assert room.world.server.requests["sync"] == 1  # the look must not be an old one


def test_own_znode_of_an_earlier_try_is_removed_when_it_is_seen():
    room = Room("scalable")
    room.world.invoke("setup", invoke("create", ["/locks-1/c0.9-", None, "es"], process=99))
    room.do(20, 0, "acquire")
    (got,) = room.ends(until=3)
    assert got.type == OK
    assert list(room.world.server.znodes["/locks-1"].children) == ["c0.1-0000000001"]


def refuse_first(f: str, room: Room, process: int) -> list[Any]:
    """The client's first `f` is not even sent: no server had a session for it, but one lives."""
    refused: list[Any] = []
    inner = room.core(process).inner
    invoked = inner.invoke

    def invoke_(op: Op, now: int) -> Any:
        if op.f == f and not refused:
            refused.append(op)
            return [Complete(fail(op, ["unavailable", "no server had a session"]))]
        return invoked(op, now)

    inner.invoke = invoke_  # type: ignore[method-assign]
    return refused


@BOTH
def test_release_that_was_not_sent_is_asked_again(kind: str):
    room = Room(kind)
    room.do(20, 0, "acquire")
    room.do(40, 1, "acquire")
    room.do(60, 0, "release")
    room.world.run(30 * MS)
    refused = refuse_first("delete", room, 0)
    _, released, second = room.ends()
    assert refused and (released.f, released.type) == ("release", OK)
    assert (second.process, second.type) == (1, OK)


def test_who_gives_up_waiting_leaves_nothing_though_its_delete_was_not_sent():
    room = Room("scalable")
    room.do(20, 0, "acquire")
    room.do(40, 1, "acquire")
    room.world.run(50 * MS)
    refused = refuse_first("delete", room, 1)
    _, busy = room.ends()
    assert refused and (busy.process, busy.error[0]) == (1, "busy")
    assert len(room.world.server.znodes["/locks-1"].children) == 1  # the holder's


# As workloads, under their own generator


@BOTH
@pytest.mark.parametrize("freeze", [0.0, 0.1])
def test_guarded_lock_is_valid(kind: str, freeze: float):
    found = verdicts(load(kind=kind, freeze=freeze))
    assert set(found.values()) == {"valid"}, found


@BOTH
def test_lock_without_a_guard_is_invalid_where_holders_are_frozen(kind: str):
    for seed in (1, 2, 3):
        found = verdicts(load(kind=kind, freeze=0.1, guard=False), seed=seed)
        assert found["lock"] == "invalid"


@BOTH
def test_lock_without_a_guard_is_valid_where_nobody_is_frozen(kind: str):
    assert verdicts(load(kind=kind, guard=False))["lock"] == "valid"


@BOTH
def test_half_done_work_is_seen_without_repair_and_not_with_it(kind: str):
    assert verdicts(load(kind=kind, die=0.1, parts=3))["atomicity"] == "invalid"
    assert verdicts(load(kind=kind, die=0.1, parts=3, repair=True))["atomicity"] == "valid"


@BOTH
@pytest.mark.parametrize("seed", [1, 2])
def test_lost_answers_are_never_taken_for_a_broken_lock(kind: str, seed: int):
    rng = Random(seed)

    def lose(to: str, message: Any) -> bool:
        return not isinstance(message, Event) and rng.random() < 0.02

    found = verdicts(load(kind=kind), lose=lose, seed=seed)
    assert "invalid" not in found.values(), found


def planted(name: str, **options: Any) -> Workload:
    return VARIANTS[name].make(load(**options))


def test_bug_no_fencing_token_is_caught():
    assert verdicts(planted("no-fencing-token", freeze=0.1))["lock"] == "invalid"


def test_bug_watch_lowest_is_caught_as_a_herd():
    assert verdicts(planted("watch-lowest"), concurrency=10)["herd"] == "invalid"


@pytest.mark.parametrize("name", ["lock-other-names", "lock-sync-first"])
def test_harmless_variants_are_not_accused(name: str):
    found = verdicts(planted(name, freeze=0.05))
    assert set(found.values()) == {"valid"}, found


def test_final_operations_use_every_lock_once_more():
    history, _ = run(load(keys=3), seconds=5)
    last = [op for op in history.ops if isinstance(op.process, int) and op.time > 8 * SECOND]
    assert {op.key for op in last if op.f == "write" and op.type == OK} == {1, 2, 3}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"kind": "quick"}, "kind: expected one of simple, scalable"),
        ({"freeze": 2}, "freeze: expected a share"),
        ({"frees": 0.1}, "unknown option 'frees'"),
        ({"parts": 3, "freeze": 0.1}, "freeze: goes with one protected znode"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], what: str):
    with pytest.raises(ValueError, match=what):
        load(**options)
