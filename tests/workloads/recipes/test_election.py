"""Leader election as clients see it, against a ZooKeeper of one server in memory."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from harness.clock import MS, SECOND
from harness.op import OK, Op, invoke
from harness.workload import Workload
from tests.workloads.fake_zookeeper import Event, World
from tests.workloads.recipe_run import run
from workloads.recipes.bugs import VARIANTS
from workloads.recipes.critical import Rules
from workloads.recipes.election import STOPPED, Candidate, election


def load(**options: Any) -> Workload:
    return election(nodes=("n1",), rng=Random(1), **options)


def verdicts(made: Workload, **how: Any) -> dict[str, str]:
    history, _ = run(made, **how)
    return {name: c.check(history, Unlimited()).verdict for name, c in made.checkers.items()}


class Hall:
    """A world, and candidates that are told what to do when (ms)."""

    def __init__(self, **rules: Any) -> None:
        self.world = World(timeout=SECOND, session_timeout=SECOND)
        self._rules = Rules(patience=9 * SECOND, limit=60 * SECOND, **rules)

    def do(self, at: float, process: int, f: str, value: Any = None) -> None:
        name = f"c{process}"
        if name not in self.world.clients:
            self.world.client(name, lambda core: Candidate(core, name, Random(1), self._rules))
        self.world.invoke(name, invoke(f, value, process=process, key=1), at=round(at * MS))

    def ends(self, until: float = 10) -> list[tuple[Any, str, str]]:
        self.world.run(round(until * SECOND))
        ends = [op for op in self.world.history if op.type != "invoke"]
        return [(op.process, op.f, op.type) for op in ends if isinstance(op.process, int)]

    def last(self) -> Op:
        return [op for op in self.world.history if isinstance(op.process, int)][-1]


def test_next_in_line_leads_when_the_leader_resigns():
    hall = Hall()
    hall.do(10, 0, "lead")
    hall.do(30, 1, "lead")
    hall.do(50, 0, "write", 7)
    hall.do(70, 0, "resign")
    assert hall.ends() == [
        (0, "lead", OK),
        (0, "write", OK),
        (0, "resign", OK),
        (1, "lead", OK),
    ]


def test_leader_stops_when_it_hears_that_its_session_has_ended():
    hall = Hall()
    hall.do(10, 0, "lead")
    hall.world.at(50 * MS, lambda: hall.world.expire("c0"))
    hall.do(100, 0, "write", 7)
    assert hall.ends()[-1] == (0, "write", "fail")
    assert hall.last().error == ["unavailable", STOPPED]
    assert hall.world.server.requests["setData"] == hall.world.server.requests["getData"] == 0


def test_leader_whose_session_ends_between_its_look_and_its_write_does_not_write():
    hall = Hall()
    hall.do(10, 0, "lead")
    hall.do(30, 0, "write", 6)
    hall.do(100, 0, "write", 7)
    hall.world.at(round(100.5 * MS), lambda: hall.world.expire("c0"))
    hall.ends()
    assert hall.last().error == ["unavailable", STOPPED]
    assert hall.world.server.znodes["/data-1-a"].data[1] == 6


def test_leader_that_stood_still_past_its_session_stops_and_may_stand_again():
    hall = Hall(freeze=1.0, freeze_for=3 * SECOND)
    hall.do(10, 0, "lead")
    hall.do(30, 1, "lead")
    hall.do(50, 0, "write", 7)
    hall.do(4000, 1, "resign")
    hall.do(4100, 0, "lead")
    assert hall.ends() == [
        (0, "lead", OK),
        (1, "lead", OK),
        (0, "write", "fail"),
        (1, "resign", OK),
        (0, "lead", OK),
    ]


def test_who_does_not_lead_sends_nothing():
    hall = Hall()
    hall.do(10, 0, "write", 7)
    assert hall.ends() == [(0, "write", "fail")]
    assert not hall.world.server.requests


# As a workload, under its own generator


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_election_is_valid_with_leaders_that_die_or_stand_still(seed: int):
    found = verdicts(load(freeze=0.05, die=0.05), seed=seed)
    assert set(found.values()) == {"valid"}, found


@pytest.mark.parametrize("seed", [1, 2])
def test_lost_answers_are_never_taken_for_a_second_leader(seed: int):
    rng = Random(seed)

    def lose(to: str, message: Any) -> bool:
        return not isinstance(message, Event) and rng.random() < 0.02

    assert "invalid" not in verdicts(load(), lose=lose, seed=seed).values()


def planted(name: str, **options: Any) -> Workload:
    made: Workload = VARIANTS[name].make(load(**options))
    return made


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("leader-goes-on", {"freeze": 0.1}),
        ("leader-does-not-stop", {"freeze": 0.1}),
        ("leader-by-name", {}),
    ],
)
def test_planted_bugs_are_caught(name: str, options: dict[str, Any]):
    assert verdicts(planted(name, **options))["leader"] == "invalid"


@pytest.mark.parametrize("name", ["leader-other-names", "leader-sync-first", "leader-no-guard"])
def test_harmless_variants_are_not_accused(name: str):
    found = verdicts(planted(name, freeze=0.05, die=0.02))
    assert set(found.values()) == {"valid"}, found


def test_bug_of_another_workload_is_refused():
    with pytest.raises(ValueError, match="goes with election, not 'tree'"):
        VARIANTS["leader-goes-on"].make(
            Workload("tree", frozenset(), None, None, {}),
        )


@pytest.mark.parametrize(
    ("options", "what"),
    [({"freeze": 2}, "freeze: expected a share"), ({"terms": 2}, "unknown option 'terms'")],
)
def test_wrong_options_are_refused(options: dict[str, Any], what: str):
    with pytest.raises(ValueError, match=what):
        load(**options)
