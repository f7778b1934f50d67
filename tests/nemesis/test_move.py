"""Moves: a range begins to move, and is waited for."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.fault import Administer, Outcome
from harness.op import Op
from nemesis import REGISTRY
from nemesis.move import SLOTS, Move
from tests.nemesis.world import World

MOVED = Outcome(True, "", {"type": "ok", "value": [3, 9, 0, 1]})
THERE = Outcome(True, "", {"type": "ok", "value": []})
LATE = Outcome(False, "timeout", {"type": "info", "value": None})
REFUSED = Outcome(False, "refused", {"type": "fail", "value": None})


def act(fault: Move, f: str, *answers: Outcome, seed: int = 1) -> tuple[list[Any], dict[str, Any]]:
    """What is asked for, and what the op's completion reports, with these answers."""
    op = Op(0, 0, "nemesis", "info", f, {"package": "move", "targets": "one"})
    planned = fault.plan(op, World(3).view(), Random(seed))
    actions: list[Administer] = []
    given: list[Outcome] = []
    try:
        actions.append(next(planned))
        for outcome in answers:
            given.append(outcome)
            actions.append(planned.send(outcome))
    except StopIteration:
        pass
    done = fault.done(op, actions[: len(given)], given)
    return [(action.op.f, action.op.value) for action in actions[: len(given)]], done.value


def test_move_is_begun_and_then_waited_for() -> None:
    fault = Move()
    begun, report = act(fault, "start-move", MOVED)
    assert (report["state"], report["shape"]) == ("installed", "slots 3 to 9 from chain 0 to 1")
    finished, report = act(fault, "stop-move", MOVED)
    assert [f for f, _ in begun + finished] == ["begin-move", "move-range"]
    assert begun[0][1] == finished[0][1]
    assert (report["state"], report["proof"]) == ("healed", {"moved": 1})


def test_range_that_is_where_it_was_to_go_goes_elsewhere() -> None:
    asked, report = act(Move(shards=3), "start-move", THERE, MOVED)
    assert report["state"] == "installed"
    (_, first), (_, second) = asked
    assert first[:2] == second[:2] and first[2] != second[2]


def test_move_that_may_have_begun_is_finished() -> None:
    fault = Move()
    _, report = act(fault, "start-move", LATE)
    assert report["state"] == "skipped"
    finished, _ = act(fault, "stop-move", MOVED)
    assert [f for f, _ in finished] == ["move-range"]


@pytest.mark.parametrize("answer", [LATE, REFUSED])
def test_move_that_could_not_be_finished_is_tried_again_and_no_other_begun(answer: Outcome) -> None:
    fault = Move()
    act(fault, "start-move", MOVED)
    act(fault, "stop-move", answer)
    assert act(fault, "start-move", MOVED)[0] == []
    assert len(act(fault, "stop-move", MOVED)[0]) == 1
    assert act(fault, "stop-move", MOVED)[0] == []


def test_ranges_are_of_slots_that_there_are() -> None:
    for seed in range(200):
        asked, _ = act(Move(shards=4, least=5), "start-move", MOVED, seed=seed)
        first, last, shard = asked[0][1]
        assert 0 <= first and first + 4 <= last < SLOTS and 0 <= shard < 4


def test_slots_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="slots"):
        REGISTRY["move"]({"slots": 65}, Random(1), 10**9, "move")
