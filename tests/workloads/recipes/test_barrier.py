"""The double barrier as clients see it, against a ZooKeeper of one server in memory."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from harness.clock import MS, SECOND
from harness.history import History
from harness.op import INFO, INVOKE, OK, Op, invoke
from harness.workload import Workload
from tests.workloads.fake_zookeeper import Event, World
from tests.workloads.recipe_run import run
from workloads.recipes.barrier import OUT, Participant, Party, barrier
from workloads.recipes.bugs import VARIANTS


def load(**options: Any) -> Workload:
    return barrier(nodes=("n1",), rng=Random(1), **{"size": 3, **options})


def judged(made: Workload, history: History) -> dict[str, Any]:
    return {name: c.check(history, Unlimited()) for name, c in made.checkers.items()}


def verdicts(made: Workload, **how: Any) -> dict[str, str]:
    history, _ = run(made, **how)
    return {name: result.verdict for name, result in judged(made, history).items()}


class Hall:
    """A world, and participants that are told what to do when (ms); process i is participant i."""

    def __init__(self, size: int = 2, **rules: Any) -> None:
        self.world = World(timeout=SECOND, session_timeout=SECOND)
        self._rules = Party(patience=9 * SECOND, limit=60 * SECOND, size=size, **rules)

    def do(self, at: float, process: int, f: str, *, who: int = 0, round_: int = 1) -> None:
        name = f"c{process}"
        if name not in self.world.clients:
            self.world.client(name, lambda core: Participant(core, name, Random(1), self._rules))
        op = invoke(f, [round_, who or process], process=process, key=1)
        self.world.invoke(name, op, at=round(at * MS))

    def ends(self, until: float = 10) -> list[Op]:
        self.world.run(round(until * SECOND))
        ends = [op for op in self.world.history if op.type != INVOKE]
        return [op for op in ends if isinstance(op.process, int)]


def came(ends: list[Op]) -> list[tuple[Any, str, str]]:
    return [(op.process, op.f, op.type) for op in ends]


def test_nobody_begins_before_the_last_has_come():
    hall = Hall(3)
    for i, at in enumerate((10, 20, 500), 1):
        hall.do(at, i, "enter")
    ends = hall.ends()
    assert {(op.f, op.type) for op in ends} == {("enter", OK)} and len(ends) == 3
    assert min(op.time for op in ends) > 500 * MS
    assert len({op.value["ready"] for op in ends}) == 1


def test_who_leaves_waits_for_the_others():
    hall = Hall(2)
    for process in (1, 2):
        hall.do(10, process, "enter")
        hall.do(100, process, "compute")
    hall.do(200, 1, "leave")
    hall.do(600, 2, "leave")
    *_, first, second = hall.ends()
    assert {first.f, second.f} == {"leave"} and min(first.time, second.time) > 600 * MS
    assert not [p for p in hall.world.server.znodes if "/p" in p]


def test_one_that_died_inside_is_waited_for_until_its_session_has_run_out():
    hall = Hall(2)
    hall.do(10, 1, "enter")
    hall.do(10, 2, "enter")
    hall.world.at(100 * MS, lambda: hall.world.retire("c2"))
    hall.do(200, 1, "leave")
    left = hall.ends()[-1]
    assert (left.f, left.type) == ("leave", OK)
    assert 800 * MS < left.time < 2500 * MS


def test_client_in_place_of_a_dead_one_enters_when_that_ones_znode_is_gone():
    hall = Hall(2)
    hall.do(10, 2, "enter")
    hall.world.at(100 * MS, lambda: hall.world.retire("c2"))
    hall.do(200, 12, "enter", who=2)
    hall.do(300, 1, "enter")
    ends = hall.ends()
    assert came(ends)[0] == (1, "enter", OK)  # the dead one's znode was still there, and counts
    assert came(ends)[1] == (12, "enter", OK)
    assert ends[1].value["czxid"] > ends[0].value["ready"]


def test_client_paused_past_its_session_computes_nothing_more():
    hall = Hall(2, freeze=1.0, freeze_for=3 * SECOND)
    hall.do(10, 1, "enter")
    hall.do(10, 2, "enter")
    hall.do(100, 1, "compute")
    hall.do(100, 2, "leave")
    *_, left, computed = hall.ends()
    assert (left.process, left.f, left.type) == (2, "leave", OK)
    assert (computed.f, computed.type, computed.error) == ("compute", "fail", OUT)
    assert "/result-1-1" not in hall.world.server.znodes


def test_who_waits_too_long_for_the_others_ends():
    hall = Hall(2)
    hall.do(10, 1, "enter")
    (ended,) = hall.ends(until=12)
    assert (ended.type, ended.error) == (INFO, "timeout")


# As a workload, under its own generator


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_barrier_is_valid_with_clients_that_die_or_stand_still(seed: int):
    made = load(freeze=0.02, die=0.02)
    history, _ = run(made, seed=seed)
    found = judged(made, history)
    assert {result.verdict for result in found.values()} == {"valid"}, found
    assert found["barrier"].data["whole"] > 10 and found["barrier"].data["lost"] > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_lost_answers_are_never_taken_for_a_broken_barrier(seed: int):
    rng = Random(seed)

    def lose(to: str, message: Any) -> bool:
        return not isinstance(message, Event) and rng.random() < 0.02

    assert "invalid" not in verdicts(load(), lose=lose, seed=seed).values()


def test_threads_that_make_no_whole_group_do_nothing():
    history, _ = run(load(), concurrency=5, seconds=3)
    assert {op.process % 5 for op in history.ops if isinstance(op.process, int)} == {0, 1, 2}


def test_every_barrier_has_one_more_round_at_the_end():
    made = load()
    history, _ = run(made, seconds=5)
    late = [op for op in history.ops if op.type == OK and op.time > 8 * SECOND]
    left = {(op.key, op.process) for op in late if op.f == "leave"}
    assert len(left) == 6
    assert judged(made, history)["barrier"].data["rounds"] >= 4


def planted(name: str, **options: Any) -> Workload:
    made: Workload = VARIANTS[name].make(load(**options))
    return made


@pytest.mark.parametrize(
    ("name", "checker"),
    [
        ("barrier-begins-alone", "barrier"),
        ("barrier-leaves-at-once", "barrier"),
        ("barrier-waits-for-one", "barrier"),
        ("barrier-counts-once", "progress"),
    ],
)
def test_planted_bugs_are_caught(name: str, checker: str):
    assert verdicts(planted(name))[checker] == "invalid"


@pytest.mark.parametrize("name", ["barrier-watches-all", "barrier-sync-first"])
def test_harmless_variants_are_not_accused(name: str):
    found = verdicts(planted(name, freeze=0.02, die=0.02))
    assert set(found.values()) == {"valid"}, found


@pytest.mark.parametrize(
    ("options", "what"),
    [({"size": 0}, "size: expected a whole number"), ({"n": 2}, "unknown option 'n'")],
)
def test_wrong_options_are_refused(options: dict[str, Any], what: str):
    with pytest.raises(ValueError, match=what):
        load(**options)
