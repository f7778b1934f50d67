"""A recipe around a client: what it passes on, keeps and holds back, effect by effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from harness.core import CancelTimer, Complete, Effect, Observe, Send, SetTimer
from harness.op import INFO, OK, Op, fail, info, invoke, ok, seen
from harness.recipe import TIMER, Await, Die, Do, Freeze, Pipeline, Recipe, Running, Sleep

LIMIT = 1000


class Post:
    """The system's client: it sends each operation to its node, and completes it with what is
    received for it; "event" is observed. Its timer completes all that is open as info."""

    def __init__(self) -> None:
        self.open: list[Op] = []

    def invoke(self, op: Op, now: int) -> Iterable[Effect]:
        self.open.append(op)
        return [SetTimer("post", 50), Send(op.node if isinstance(op.node, str) else "n1", op.f)]

    def receive(self, source: str, message: Any, now: int) -> Iterable[Effect]:
        if message == "event":
            return [Observe(seen("watch", ["changed", "/a"]))]
        op = next(op for op in self.open if op.f == message)
        self.open.remove(op)
        return [Complete(ok(op, now, node=source))]

    def timer(self, name: str, now: int) -> Iterable[Effect]:
        assert name == "post"
        lost, self.open = self.open, []
        return [Complete(info(op, "timeout")) for op in lost]


class Told(Recipe):
    def __init__(self, script: Callable[[Recipe, Op], Running]) -> None:
        super().__init__(Post(), LIMIT)
        self.script = script

    def run(self, op: Op, now: int) -> Running:
        return (yield from self.script(self, op))


def begun(script: Callable[[Recipe, Op], Running]) -> tuple[Told, list[Effect]]:
    """A recipe that was invoked by process 7 at time 100, and what it asked for."""
    recipe = Told(script)
    return recipe, list(recipe.invoke(invoke("recipe", process=7), 100))


def done(effects: Iterable[Effect]) -> Op:
    """The completion among the effects."""
    [op] = [effect.op for effect in effects if isinstance(effect, Complete)]
    return op


def two_steps(me: Recipe, op: Op) -> Running:
    first = yield Do("get", node="n3")
    yield Sleep(10)
    return ok(op, first.value)


def test_inner_completions_are_kept_and_all_else_is_passed_on() -> None:
    recipe, effects = begun(two_steps)
    assert effects == [SetTimer("post", 50), Send("n3", "get")]
    assert list(recipe.receive("n3", "get", 140)) == [SetTimer(TIMER, 10)]
    ended = list(recipe.timer(TIMER, 150))
    assert ended[0] == CancelTimer(TIMER)
    assert (done(ended).f, done(ended).type, done(ended).value) == ("recipe", OK, 140)
    assert done(ended).process == 7


def test_pipeline_is_answered_in_its_order_whatever_order_the_answers_come_in() -> None:
    def script(me: Recipe, op: Op) -> Running:
        ends = yield Pipeline((Do("a"), Do("b")))
        return ok(op, [end.f for end in ends])

    recipe, effects = begun(script)
    assert [e.message for e in effects if isinstance(e, Send)] == ["a", "b"]
    assert list(recipe.receive("n1", "b", 120)) == []
    assert done(recipe.receive("n1", "a", 130)).value == ["a", "b"]


def test_await_ends_at_its_limit_without_a_line() -> None:
    def script(me: Recipe, op: Op) -> Running:
        return ok(op, (yield Await(lambda line: True, 30)))

    recipe, effects = begun(script)
    assert effects == [SetTimer(TIMER, 30)]
    assert done(recipe.timer(TIMER, 130)).value is None


def test_event_is_recorded_and_lies_in_the_mailbox_until_it_is_cleared() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Sleep(10)
        lying = len(me.mailbox)
        me.clear()
        return ok(op, [lying, (yield Await(lambda line: True, 30))])

    recipe, _ = begun(script)
    [observed] = recipe.receive("n1", "event", 105)
    assert isinstance(observed, Observe) and recipe.events == 1
    assert list(recipe.timer(TIMER, 110)) == [SetTimer(TIMER, 30)]
    assert done(recipe.timer(TIMER, 140)).value == [1, None]


def test_what_comes_for_a_frozen_client_is_handed_over_when_it_thaws() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Freeze(200)
        return ok(op, me.events)

    recipe, effects = begun(script)
    assert effects == [SetTimer(TIMER, 200)]
    assert list(recipe.receive("n1", "event", 150)) == list(recipe.timer("post", 160)) == []
    ended = list(recipe.timer(TIMER, 300))
    assert isinstance(ended[0], Observe) and done(ended).value == 1


def test_freeze_goes_on_past_the_operations_limit_and_ends_it_unknown() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Freeze(5 * LIMIT)
        yield Sleep(1)
        raise AssertionError("its time was up")

    recipe, effects = begun(script)
    assert effects == [SetTimer(TIMER, 5 * LIMIT)]
    ended = done(recipe.timer(TIMER, 100 + 5 * LIMIT))
    assert (ended.type, ended.error) == (INFO, "timeout")


def test_step_that_would_begin_after_the_limit_does_not_begin() -> None:
    def script(me: Recipe, op: Op) -> Running:
        while True:
            yield Do("get")

    recipe, _ = begun(script)
    ended = list(recipe.receive("n1", "get", 100 + LIMIT))
    assert (done(ended).type, done(ended).error) == (INFO, "timeout")
    assert not any(isinstance(effect, Send) for effect in ended)


def test_wait_is_cut_off_at_the_operations_limit() -> None:
    recipe, effects = begun(lambda me, op: (yield Sleep(10 * LIMIT)))
    assert effects == [SetTimer(TIMER, LIMIT)]
    assert done(recipe.timer(TIMER, 100 + LIMIT)).error == "timeout"


def test_dead_client_hears_and_says_nothing() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Do("get")
        yield Die()
        raise AssertionError("a dead client went on")

    recipe, _ = begun(script)
    assert done(recipe.receive("n1", "get", 120)).error == "client died"
    assert list(recipe.receive("n1", "event", 130)) == list(recipe.timer("post", 140)) == []


def test_counts_begin_anew_with_each_operation_and_what_an_object_keeps_stays() -> None:
    recipe, _ = begun(two_steps)
    recipe.receive("n1", "event", 110)
    recipe.receive("n3", "get", 120)
    recipe.timer(TIMER, 130)
    recipe.invoke(invoke("recipe", process=8), 200)
    assert (recipe.requests, recipe.events, len(recipe.mailbox)) == (1, 0, 1)


def test_second_operation_while_one_is_open_is_a_mistake_of_ours() -> None:
    recipe, _ = begun(two_steps)
    with pytest.raises(AssertionError, match="invoked while"):
        recipe.invoke(invoke("recipe", process=7), 110)


def test_recipe_may_end_without_a_step() -> None:
    def script(me: Recipe, op: Op) -> Running:
        return fail(op, "refused")
        yield

    _, effects = begun(script)
    assert done(effects).error == "refused"
