"""Scripts: straight-line client protocols as cores."""

from __future__ import annotations

from msgspec import Struct

from harness.clock import MS
from harness.core import CancelTimer, Complete, Send, SetTimer
from harness.op import fail, info, invoke, ok
from harness.script import TIMER, Ask, Running, Script, Sleep


class Get(Struct, frozen=True):
    id: int


class Got(Struct, frozen=True):
    id: int
    value: int


class Other(Struct, frozen=True):
    text: str


def two_tries(op, now) -> Running:
    """Ask n1, then n2, then sleep and give up."""
    for node in ("n1", "n2"):
        reply = yield Ask(node, Get(1), 100 * MS)
        if reply is not None:
            return ok(op, reply.message.value, node=reply.source)
    yield Sleep(50 * MS)
    return fail(op, "unavailable")


def script(run=two_tries, timeout=1000 * MS) -> Script:
    return Script(run, timeout=timeout)


READ = invoke("read", process=3)
WRITE = invoke("write", 5, process=3)


def test_ask_sends_and_arms_its_wait():
    effects = list(script().invoke(READ, 10))
    assert effects == [Send("n1", Get(1)), SetTimer(TIMER, 100 * MS)]


def test_reply_resumes_and_completes_with_the_answering_node():
    core = script()
    core.invoke(READ, 0)
    effects = list(core.receive("n1", Got(1, 42), 5))
    assert effects == [CancelTimer(TIMER), Complete(ok(READ, 42, node="n1"))]


def test_reply_to_another_request_is_ignored():
    core = script()
    core.invoke(READ, 0)
    assert list(core.receive("n1", Got(2, 42), 5)) == []
    assert list(core.receive("n1", Other("x"), 5)) == []


def test_late_reply_after_the_completion_is_ignored():
    core = script()
    core.invoke(READ, 0)
    core.receive("n1", Got(1, 42), 5)
    assert list(core.receive("n1", Got(1, 42), 6)) == []
    assert list(core.timer(TIMER, 100 * MS)) == []


def test_wait_that_passes_resumes_with_none():
    core = script()
    core.invoke(READ, 0)
    assert list(core.timer(TIMER, 100 * MS)) == [Send("n2", Get(1)), SetTimer(TIMER, 100 * MS)]


def test_late_reply_of_the_first_node_answers_the_same_request_sent_again():
    core = script()
    core.invoke(READ, 0)
    core.timer(TIMER, 100 * MS)
    assert list(core.receive("n1", Got(1, 7), 101 * MS))[-1] == Complete(ok(READ, 7, node="n1"))


def test_reply_during_a_sleep_is_ignored():
    core = script()
    core.invoke(READ, 0)
    core.timer(TIMER, 100 * MS)
    assert list(core.timer(TIMER, 200 * MS)) == [SetTimer(TIMER, 50 * MS)]
    assert list(core.receive("n1", Got(1, 7), 201 * MS)) == []
    assert list(core.timer(TIMER, 250 * MS))[-1] == Complete(fail(READ, "unavailable"))


def test_deadline_completes_a_read_as_fail_and_a_write_as_info():
    for op, ends in ((READ, fail), (WRITE, info)):
        core = script(timeout=150 * MS)
        core.invoke(op, 0)
        assert list(core.timer(TIMER, 100 * MS))[-1] == SetTimer(TIMER, 50 * MS)
        assert list(core.timer(TIMER, 150 * MS)) == [Complete(ends(op, "timeout"))]


def test_sends_and_notes_pass_through_without_a_wait():
    def chatty(op, now) -> Running:
        yield Send("n2", Get(9))
        yield Ask("n1", Get(1), 10)
        return ok(op)

    effects = list(script(chatty).invoke(READ, 0))
    assert effects == [Send("n2", Get(9)), Send("n1", Get(1)), SetTimer(TIMER, 10)]


def test_script_that_never_waits_completes_at_once():
    def refuse(op, now) -> Running:
        return fail(op, "unsupported")
        yield

    assert list(script(refuse).invoke(READ, 0))[-1] == Complete(fail(READ, "unsupported"))


def test_one_script_serves_operation_after_operation():
    core = script()
    for value in (1, 2):
        core.invoke(READ, value * 1000)
        assert list(core.receive("n1", Got(1, value), value * 1000 + 1))[-1] == Complete(
            ok(READ, value, node="n1")
        )
