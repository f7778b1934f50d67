"""The interpreter: commands out, completions in, and what it records."""

from __future__ import annotations

import pytest

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.interpreter import Inject, Interpreter, Invoke, Stop, Wake
from harness.op import INFO, INVOKE, NEMESIS, Op, fail, info, invoke, ok

READ, WRITE = invoke("read"), invoke("write", 5)


def begin(source, concurrency=2):
    history: list[Op] = []
    steps = Interpreter(source, concurrency, history.append)
    return steps, history, steps.start(0)


def test_invocation_is_recorded_with_index_time_and_process():
    _, history, commands = begin(gen.clients([WRITE]), 1)
    assert history == [Op(0, 0, 0, INVOKE, "write", 5)]
    assert commands == [Invoke(0, history[0])]


def test_completion_is_recorded_when_it_comes_and_the_run_stops_when_nothing_is_open():
    steps, history, commands = begin(gen.clients(WRITE), 1)
    assert steps.completed(ok(commands[0].op, 5, node="n1"), 7) == [Stop()]
    assert history[1] == Op(1, 7, 0, "ok", "write", 5, node="n1")
    assert (steps.ok, steps.fail, steps.info) == (1, 0, 0)


def test_run_does_not_stop_while_an_op_is_open():
    steps, _, commands = begin(gen.clients([WRITE, READ]))
    assert len(commands) == 2
    assert steps.completed(ok(commands[0].op, 5), 1) == []
    assert steps.completed(fail(commands[1].op, "busy"), 2) == [Stop()]


def test_info_retires_the_process_and_its_thread_goes_on_as_another():
    steps, history, commands = begin(gen.clients([WRITE, WRITE, WRITE]), 1)
    (next_,) = steps.completed(info(commands[0].op, "timeout"), 5)
    assert next_ == Invoke(0, history[2]) and history[2].process == 1
    (last,) = steps.completed(info(next_.op, "timeout"), 6)
    assert last.thread == 0 and last.op.process == 2
    assert steps.info == 2


def test_nemesis_has_a_thread_of_its_own_and_is_never_retired():
    steps, history, commands = begin(gen.nemesis([invoke("kill"), invoke("start")]))
    assert commands == [Inject(history[0])] and history[0].type == INFO
    (second,) = steps.completed(info(history[0], "done"), 5)
    assert second.op.process == NEMESIS and second.op.f == "start"
    assert steps.info == 0


def test_two_nemesis_ops_are_never_open_at_once():
    kills = gen.any(gen.nemesis([invoke("kill")]), gen.nemesis([invoke("pause")]))
    _, _, commands = begin(kills)
    assert len(commands) == 1


def test_wait_arms_one_wake_up_and_arms_it_only_once():
    source = gen.any(gen.clients([READ, READ]), gen.nemesis([gen.sleep(SECOND), invoke("kill")]))
    steps, _, commands = begin(source)
    assert [type(command) for command in commands] == [Invoke, Invoke, Wake]
    assert commands[-1] == Wake(SECOND)
    assert not steps.completed(ok(commands[0].op), 1)
    assert not steps.completed(ok(commands[1].op), 2)
    (kill,) = steps.woken(SECOND)
    assert kill.op.f == "kill" and kill.op.time == SECOND


def test_pending_nemesis_op_does_not_keep_a_free_client_idle():
    source = gen.any(gen.nemesis([gen.sleep(SECOND), invoke("kill")]), gen.clients([READ] * 3))
    steps, _, commands = begin(source, 1)
    for time in (1, 2):
        read = next(c for c in commands if isinstance(c, Invoke))
        commands = steps.completed(ok(read.op), time)
    assert isinstance(commands[0], Invoke)


def test_time_never_goes_back():
    steps, history, commands = begin(gen.clients([WRITE, READ]), 1)
    commands = steps.completed(ok(commands[0].op, 5), 10)
    steps.completed(ok(commands[0].op, 5), 9)
    assert [op.time for op in history] == [0, 10, 10, 10]


def test_finish_asks_for_nothing_more():
    steps, history, commands = begin(gen.clients(gen.repeat(READ)), 1)
    steps.finish()
    assert steps.completed(ok(commands[0].op), 5) == [Stop()]
    assert len(history) == 2


def test_finish_while_the_generator_waits_stops_too():
    steps, _, commands = begin(gen.clients([READ, gen.sleep(SECOND), READ]), 1)
    commands = steps.completed(ok(commands[0].op), 5)
    assert commands == [Wake(5 + SECOND)]
    steps.finish()
    assert steps.woken(5 + SECOND) == [Stop()]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda op: ok(Op(-1, 0, 9, INVOKE, "write", 5)), "no open op"),
        (lambda op: ok(Op(-1, 0, 0, INVOKE, "read")), "completes"),
        (lambda op: ok(Op(-1, 0, 0, INVOKE, "write", 5, key=3)), "completes"),
        (lambda op: op, "is no completion"),
    ],
)
def test_completion_of_what_is_not_open_is_our_bug(spoil, message):
    steps, _, commands = begin(gen.clients(WRITE), 1)
    with pytest.raises(AssertionError, match=message):
        steps.completed(spoil(commands[0].op), 5)


def test_same_completion_twice_is_our_bug():
    steps, _, commands = begin(gen.clients([WRITE, gen.sleep(SECOND)]), 1)
    steps.completed(ok(commands[0].op, 5), 5)
    with pytest.raises(AssertionError, match="no open op"):
        steps.completed(ok(commands[0].op, 5), 6)


def test_generator_that_waits_for_nothing_is_our_bug():
    with pytest.raises(AssertionError, match="waits for ever"):
        begin(gen.clients(invoke("read", process=17)))


def test_open_counts_client_operations():
    steps, _, commands = begin(gen.any(gen.clients([READ, READ]), gen.nemesis(invoke("kill"))))
    assert steps.open == 2
    steps.completed(ok(next(c for c in commands if isinstance(c, Invoke)).op), MS)
    assert steps.open == 1
