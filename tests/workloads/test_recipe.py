"""The recipe trampoline: steps, waits, freezing and dying, against a ZooKeeper of one server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.clock import MS, SECOND, Nanos
from harness.core import ClientCore
from harness.op import INFO, OK, Op, fail, info, invoke, ok
from harness.recipe import Await, Die, Do, Freeze, Pipeline, Recipe, Running, Sleep
from tests.workloads.fake_zookeeper import World

Script = Callable[[Recipe, Op], Running]


class Told(Recipe):
    """A recipe that runs the script it is given."""

    def __init__(self, inner: ClientCore, script: Script, limit: Nanos = 10 * SECOND) -> None:
        super().__init__(inner, limit)
        self.script = script

    def run(self, op: Op, now: Nanos) -> Running:
        return (yield from self.script(self, op))


def told(script: Script, limit: Nanos = 10 * SECOND, **world: Any) -> tuple[World, Op]:
    """What comes of one operation of a recipe in a world of its own."""
    made = World(**world)
    made.client("c0", wrap=lambda core: Told(core, script, limit))
    made.invoke("c0", invoke("recipe", process=0))
    made.run(until=60 * SECOND)
    [done] = [op for op in made.history if op.f == "recipe" and op.type != "invoke"]
    return made, done


def test_inner_operations_are_answered_with_their_completions_also_refused_ones() -> None:
    def script(me: Recipe, op: Op) -> Running:
        made = yield Do("create", ["/a", 1])
        again = yield Do("create", ["/a", 2])
        assert made.type == OK and made.value[0] == "/a"
        return ok(op, again.error)

    world, done = told(script)
    assert (done.type, done.value, done.process) == (OK, "node-exists", 0)
    assert [op.f for op in world.history if op.is_client] == ["recipe", "recipe"]


def test_pipelined_operations_are_sent_at_once_and_answered_in_their_order() -> None:
    def script(me: Recipe, op: Op) -> Running:
        begun = me.now
        steps = (Do("create", ["/a", 1]), Do("setData", ["/a", 2, 7]), Do("getData", "/a"))
        made, refused, read = yield Pipeline(steps)
        assert (made.type, refused.error, read.value[0]) == (OK, "bad-version", 1)
        assert made.position <= refused.position <= read.position
        return ok(op, [me.requests, me.now - begun])

    assert told(script, latency=MS)[1].value == [3, 2 * MS]


def test_pipeline_of_which_an_answer_is_lost_is_answered_as_a_whole() -> None:
    def lose(to: str, message: Any) -> bool:
        return to == "c0" and getattr(message, "seq", 0) == 2

    def script(me: Recipe, op: Op) -> Running:
        ends = yield Pipeline(tuple(Do("create", [path, 1]) for path in ("/a", "/b", "/c")))
        return ok(op, [end.type for end in ends])

    assert told(script, timeout=SECOND, lose=lose)[1].value == [OK, INFO, OK]


def test_requests_and_events_of_an_operation_are_counted() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Do("create", ["/a", 1])
        yield Do("getData", ["/a", True])
        yield Do("setData", ["/a", 2, -1])
        yield Sleep(SECOND)
        return ok(op, [me.requests, me.events])

    assert told(script)[1].value == [3, 1]


def test_an_event_that_came_before_its_await_is_not_lost() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Do("exists", ["/a", True])
        yield Do("create", ["/a", 1])
        yield Sleep(SECOND)
        seen = yield Await(lambda line: line.f == "watch", SECOND)
        none = yield Await(lambda line: line.f == "watch", SECOND)
        return ok(op, [seen.value, none])

    world, done = told(script)
    assert done.value == [["created", "/a"], None]
    assert [op.value for op in world.history if op.f == "watch"] == [["created", "/a"]]


def test_an_event_ends_the_await_for_it_at_once() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Do("exists", ["/a", True])
        seen = yield Await(lambda line: line.f == "watch", 9 * SECOND)
        return ok(op, seen.value)

    world = World()
    world.client("c0", wrap=lambda core: Told(core, script))
    world.client("c1")
    world.invoke("c0", invoke("recipe", process=0))
    world.at(3 * SECOND, lambda: world.invoke("c1", invoke("create", ["/a", 1], process=1)))
    world.run(until=60 * SECOND)
    [done] = [op for op in world.history if op.f == "recipe" and op.type == OK]
    assert 3 * SECOND < done.time < 3 * SECOND + 10 * MS


def test_a_frozen_client_loses_its_session_and_hears_of_it_when_it_goes_on() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Do("create", ["/a", 1, "e"])
        yield Freeze(3 * SECOND)
        gone = yield Do("exists", "/a")
        return ok(op, [gone.type, gone.error if gone.type != OK else gone.value])

    _, done = told(script, session_timeout=SECOND)
    assert done.value in (["ok", None], ["fail", "session-expired"])
    _, kept = told(script, session_timeout=10 * SECOND)
    assert kept.value[0] == OK and kept.value[1]["version"] == 0


def test_a_client_that_died_is_never_heard_of_again() -> None:
    def script(me: Recipe, op: Op) -> Running:
        yield Do("create", ["/a", 1, "e"])
        yield Die()
        raise AssertionError("a dead client went on")

    world = World(session_timeout=SECOND)
    world.client("c0", wrap=lambda core: Told(core, script))
    world.invoke("c0", invoke("recipe", process=0))
    world.at(5 * SECOND, lambda: None)  # or the world would end before the session does
    world.run(until=60 * SECOND)
    done = next(op for op in world.history if op.f == "recipe" and op.type == INFO)
    assert done.error == "client died"
    assert "/a" not in world.server.znodes


def test_an_operation_ends_unknown_when_its_time_is_up() -> None:
    def forever(me: Recipe, op: Op) -> Running:
        yield Await(lambda line: False, 100 * SECOND)
        return fail(op, "refused")

    _, done = told(forever, limit=2 * SECOND)
    assert (done.type, done.error) == (INFO, "timeout")
    assert 2 * SECOND <= done.time < 2 * SECOND + 10 * MS


def test_a_recipe_says_itself_what_is_unknown() -> None:
    def script(me: Recipe, op: Op) -> Running:
        lost = yield Do("create", ["/a", 1])
        return info(op, lost.error)

    _, done = told(script, timeout=SECOND, lose=lambda to, message: True)
    assert (done.type, done.error) == (INFO, "timeout")
