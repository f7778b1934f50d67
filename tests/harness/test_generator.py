"""Generators: each combinator's own fact, seen in the history it makes."""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise
from random import Random

import pytest

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.op import INVOKE, NEMESIS, Op, fail, info, invoke, ok
from tests.harness.perfect import any_outcome, invocations, play

READ, WRITE, CAS = invoke("read"), invoke("write", 1), invoke("cas", (1, 2))


def fs(history: list[Op]) -> list[str]:
    return [op.f for op in invocations(history)]


def times(history: list[Op]) -> list[int]:
    return [op.time for op in invocations(history)]


def numbered(f: str):
    values = count()
    return lambda ctx: invoke(f, next(values))


# What counts as a generator


def test_op_is_emitted_once():
    assert fs(play(READ)) == ["read"]


def test_list_is_its_elements_one_after_another():
    assert fs(play([READ, [WRITE, CAS], None, READ])) == ["read", "write", "cas", "read"]


def test_function_is_called_until_none():
    left = iter([READ, WRITE, None])
    assert fs(play(lambda ctx: next(left))) == ["read", "write"]


def test_function_may_return_a_source_that_is_exhausted_first():
    left = iter([[READ, READ], WRITE, None])
    assert fs(play(lambda ctx: next(left))) == ["read", "read", "write"]


def test_endless_iterator_is_read_only_as_far_as_it_is_needed():
    taken = []

    def ops():
        for i in count():
            taken.append(i)
            yield invoke("write", i)

    history = play(gen.limit(5, ops()))
    assert [op.value for op in invocations(history)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 6


def test_nothing_but_a_generator_is_taken_for_one():
    with pytest.raises(TypeError, match="not a generator"):
        gen.lift(5)
    with pytest.raises(TypeError, match="not a generator"):
        gen.lift("read")


def test_op_with_a_time_waits_for_it():
    history = play([invoke("read", time=5 * SECOND)])
    assert times(history) == [5 * SECOND]


def test_op_that_names_a_busy_process_waits_for_it():
    history = play([invoke("write", 1, process=1), invoke("write", 2, process=1)])
    assert [(op.process, op.time) for op in invocations(history)] == [(1, 0), (1, MS)]


def test_asking_twice_changes_nothing():
    rng = Random(5)
    asked = gen.stagger(
        MS, gen.mix([gen.repeat(READ), gen.repeat(WRITE), [CAS, CAS]], rng), Random(6)
    )
    ctx = gen.Context(0, 0b1111, 0b1111, (NEMESIS, 0, 1, 2))
    first = asked.op(ctx)
    assert first == asked.op(ctx)
    assert first is not None
    later = gen.Context(SECOND, 0b1111, 0b1111, (NEMESIS, 0, 1, 2), 1)
    assert first[1].op(later) == first[1].op(later)


# Changing and choosing ops


def test_map_changes_every_op():
    history = play(gen.map(lambda op: ok(op, 9), [READ, READ]).inner)
    assert fs(history) == ["read", "read"]
    doubled = gen.map(lambda op: Op(*[*_fields(op)[:5], op.value * 2]), [WRITE, WRITE])
    assert [op.value for op in invocations(play(doubled))] == [2, 2]


def _fields(op: Op) -> list:
    return [getattr(op, name) for name in op.__struct_fields__]


def test_f_map_renames():
    assert fs(play(gen.f_map({"read": "get"}, [READ, WRITE]))) == ["get", "write"]


def test_filter_leaves_out():
    assert fs(play(gen.filter(lambda op: op.f != "read", [READ, WRITE, READ, CAS]))) == [
        "write",
        "cas",
    ]


def test_mix_draws_by_weight():
    rng = Random(1)
    source = gen.mix([gen.repeat(READ), gen.repeat(WRITE)], rng, [9, 1])
    counts = Counter(fs(play(gen.limit(1000, source))))
    assert 850 < counts["read"] < 950


def test_mix_goes_on_with_what_is_not_exhausted():
    source = gen.mix([[READ], [WRITE, WRITE]], Random(1), [100, 1])
    assert sorted(fs(play(source))) == ["read", "write", "write"]


def test_flip_flop_takes_turns_and_ends_with_the_first_that_ends():
    assert fs(play(gen.flip_flop(gen.repeat(READ), [WRITE, CAS]))) == [
        "read",
        "write",
        "read",
        "cas",
        "read",
    ]


def test_any_asks_none_that_is_sure_to_have_nothing_yet():
    class Slow:
        """Has one op, at a time that it is sure of."""

        hears = False

        def __init__(self) -> None:
            self.asked: list[int] = []

        def op(self, ctx):
            self.asked.append(ctx.time)
            if ctx.time < SECOND:
                return gen.Pending(SECOND, True), self
            return gen.lift(WRITE).op(ctx)

        def update(self, ctx, event):
            return self

    slow = Slow()
    history = play(gen.any(slow, gen.limit(200, gen.stagger(10 * MS, gen.repeat(READ), Random(1)))))
    assert times([op for op in history if op.f == "write"]) == [SECOND]
    assert slow.asked == [0, SECOND]


def test_any_gives_each_its_share_and_goes_on_with_what_is_left():
    source = gen.any(gen.limit(300, gen.repeat(READ)), gen.limit(300, gen.repeat(WRITE)))
    order = fs(play(source))
    assert Counter(order) == {"read": 300, "write": 300}
    assert 60 < order[:200].count("read") < 140


def test_clients_that_are_always_ready_do_not_starve_the_nemesis():
    faults = gen.nemesis(gen.cycle([gen.sleep(10 * MS), invoke("kill")]))
    source = gen.time_limit(SECOND, gen.any(gen.clients(gen.repeat(READ)), faults))
    assert fs(play(source, takes=lambda rng: MS)).count("kill") > 80


def test_nemesis_that_waits_does_not_hold_the_clients_up():
    source = gen.any(gen.clients([READ] * 9), gen.nemesis([gen.sleep(SECOND), invoke("kill")]))
    order = fs(play(source))
    assert order == ["read"] * 9 + ["kill"]


# Counting and repeating


def test_limit_and_once_count_ops():
    assert fs(play(gen.limit(3, gen.repeat(READ)))) == ["read"] * 3
    assert fs(play(gen.once([READ, WRITE]))) == ["read"]
    assert fs(play(gen.limit(0, READ))) == []


def test_repeat_is_the_first_op_again_and_again():
    assert fs(play(gen.repeat([READ, WRITE], 3))) == ["read"] * 3


def test_cycle_begins_again_from_the_start():
    assert fs(play(gen.cycle([READ, WRITE], 2))) == ["read", "write"] * 2
    assert fs(play(gen.limit(5, gen.cycle([READ, WRITE])))) == ["read", "write"] * 2 + ["read"]
    assert fs(play(gen.cycle([]))) == fs(play(gen.cycle(READ, 0))) == []


def test_process_limit_bounds_the_unknown_outcomes():
    source = gen.process_limit(7, gen.repeat(WRITE))
    history = play(source, 3, answer=lambda op, rng: info(op, "timeout"))
    assert len({op.process for op in history}) == 7


def test_until_ok_stops_at_the_first_ok_of_its_own():
    answers = iter([fail, fail, ok])
    source = [gen.on_threads([0], gen.until_ok(gen.repeat(READ))), WRITE]
    history = play(
        source, 1, answer=lambda op, rng: next(answers)(op, 1) if op.f == "read" else ok(op)
    )
    assert fs(history) == ["read", "read", "read", "write"]


def test_retry_tries_each_op_until_it_is_ok_and_only_so_often():
    tries: Counter[object] = Counter()

    def answer(op: Op, rng: Random) -> Op:
        tries[op.value] += 1
        return ok(op) if op.value < 2 and tries[op.value] > op.value else fail(op, "busy")

    reads = [invoke("read", i) for i in range(4)]
    history = play(gen.clients(gen.retry(reads, 3, 50 * MS)), answer=answer)
    assert tries == {0: 1, 1: 2, 2: 3, 3: 3}
    again = [op.time for op in invocations(history) if op.value == 3]
    assert all(b - a >= 50 * MS for a, b in pairwise(again))


# Time


def test_what_is_stoppable_ends_when_it_is_told_to_and_what_is_open_completes():
    heard: list[Op] = []

    def answer(op, rng):
        heard.append(op)
        return ok(op)

    source = [gen.stoppable(lambda: len(heard) >= 5, gen.clients(gen.repeat(READ))), CAS]
    history = play(source, answer=answer)
    assert 6 <= len(heard) <= 9
    reads = [op.type for op in history if op.f == "read"]
    assert reads.count("invoke") == reads.count("ok") >= 5


def test_time_limit_counts_from_its_first_op_and_ends_while_its_inner_waits():
    slow = [gen.sleep(2 * SECOND), READ, gen.sleep(9 * SECOND), WRITE]
    assert times(play([gen.time_limit(5 * SECOND, slow), CAS])) == [2 * SECOND, 5 * SECOND]


def test_delay_keeps_ops_apart():
    assert times(play(gen.delay(10 * MS, [READ] * 4))) == [0, 10 * MS, 20 * MS, 30 * MS]


def test_stagger_keeps_its_rate_over_all_threads():
    for concurrency in (1, 4, 20):
        source = gen.time_limit(
            10 * SECOND, gen.stagger(10 * MS, gen.repeat(READ), Random(concurrency))
        )
        assert 900 < len(fs(play(source, concurrency))) < 1100


def test_stagger_after_a_stall_makes_up_for_one_gap_only():
    stall = iter([0, 2 * SECOND] + [0] * 10_000)
    source = gen.time_limit(
        4 * SECOND, gen.clients(gen.stagger(10 * MS, gen.repeat(READ), Random(2)))
    )
    history = play(source, 1, takes=lambda rng: next(stall) + 1)
    after = [t for t in times(history) if 2 * SECOND <= t < 2 * SECOND + 100 * MS]
    assert len(after) < 25


def test_until_waits_for_a_time_of_the_run():
    assert times(play([gen.sleep(SECOND), gen.until(3 * SECOND), READ])) == [3 * SECOND]


def test_cycle_times_takes_turns_by_the_clock():
    source = gen.cycle_times(
        SECOND, gen.delay(300 * MS, gen.repeat(READ)), 500 * MS, gen.delay(MS, gen.repeat(WRITE))
    )
    history = play(gen.time_limit(3 * SECOND, source), 1)
    for op in invocations(history):
        assert op.f == ("read" if op.time % (1500 * MS) < SECOND else "write")
    assert {"read", "write"} == set(fs(history))


# Order


def test_phases_begin_when_all_of_the_one_before_has_completed():
    history = play(gen.phases([READ] * 5, [WRITE] * 5, CAS), takes=lambda rng: rng.randrange(9) + 1)
    ends = {f: max(op.time for op in history if op.f == f) for f in ("read", "write")}
    begins = {f: min(op.time for op in history if op.f == f) for f in ("write", "cas")}
    assert ends["read"] <= begins["write"] and ends["write"] <= begins["cas"]


def test_concat_does_not_wait_for_what_is_open():
    history = play(gen.clients(gen.concat(READ, WRITE)))
    assert [op.type for op in history[:2]] == [INVOKE, INVOKE]


def test_then_is_second_after_first():
    history = play(gen.then(READ, WRITE))
    assert [op.f for op in history] == ["read", "read", "write", "write"]


def test_sleep_between_phases_counts_from_the_end_of_the_first():
    assert times(play(gen.phases(READ, gen.sleep(SECOND), WRITE))) == [0, MS + SECOND]


# Threads


def test_clients_and_nemesis_are_told_apart():
    source = gen.any(gen.clients([READ] * 5), gen.nemesis([invoke("kill")] * 2))
    for op in invocations(play(source)):
        assert (op.f == "kill") == (op.process == NEMESIS)


def test_nemesis_ops_are_info_both_times():
    assert [op.type for op in play(gen.nemesis(invoke("kill")))] == ["info", "info"]


def test_on_threads_uses_only_these():
    history = play(gen.on_threads([1, 3], gen.limit(9, gen.repeat(READ))), 5)
    assert {op.process for op in history} == {1, 3}


def test_on_threads_that_are_not_there_ends():
    assert play(gen.on_threads([7], gen.repeat(READ)), 2) == []


def test_each_thread_runs_its_own_copy_and_each_process_begins_anew():
    source = gen.clients(gen.each_thread([WRITE, WRITE]))
    assert Counter(op.process for op in invocations(play(source))) == {0: 2, 1: 2, 2: 2}
    lost = [True, True, False, False, False, False]
    history = play(
        gen.clients(gen.each_process([WRITE, READ])),
        1,
        answer=lambda op, rng: info(op, "timeout") if lost.pop(0) else ok(op),
    )
    assert [(op.process, op.f) for op in invocations(history)] == [
        (0, "write"),
        (1, "write"),
        (2, "write"),
        (2, "read"),
    ]


def test_reserve_shares_out_threads():
    source = gen.time_limit(
        SECOND, gen.reserve(1, gen.repeat(READ), 2, gen.repeat(WRITE), gen.repeat(CAS))
    )
    by_f: dict[str, set] = {}
    for op in play(gen.clients(source), 5, most=50_000):
        by_f.setdefault(op.f, set()).add(op.process)
    assert by_f == {"read": {0}, "write": {1, 2}, "cas": {3, 4}}


def test_slow_rate_still_uses_all_threads():
    history = play(gen.clients(gen.delay(SECOND, [READ] * 40)), 10)
    assert {op.process for op in history} == set(range(10))


# Independent keys


def test_sequential_keys_come_one_after_another():
    history = play(gen.sequential(["x", "y"], lambda key: [READ, WRITE]))
    assert [(op.key, op.f) for op in invocations(history)] == [
        ("x", "read"),
        ("x", "write"),
        ("y", "read"),
        ("y", "write"),
    ]


def test_concurrent_keys_have_groups_of_threads():
    source = gen.clients(gen.concurrent(2, range(6), lambda key: [READ] * 8))
    history = invocations(play(source, 4, takes=lambda rng: rng.randrange(1, 9)))
    assert Counter(op.key for op in history) == dict.fromkeys(range(6), 8)
    for key in range(6):
        groups = {op.process // 2 for op in history if op.key == key}
        assert len(groups) == 1


def test_concurrent_keys_may_be_endless_and_hear_their_own_ops():
    done: Counter[object] = Counter()

    def answer(op: Op, rng: Random) -> Op:
        done[op.key] += 1
        return ok(op) if done[op.key] % 3 == 0 else fail(op, "busy")

    source = gen.concurrent(1, count(), lambda key: gen.until_ok(gen.repeat(READ)))
    history = play(gen.limit(60, gen.clients(source)), 2, answer=answer)
    by_key = Counter(op.key for op in invocations(history))
    assert all(n == 3 for key, n in by_key.items() if key < 15)


# Watching


def test_trace_tells_what_is_asked_and_heard():
    told: list[str] = []
    play(gen.trace("clients", [READ], told.append))
    assert any("hears" in line for line in told) and told[-1].endswith("ends")


def test_log_is_told_and_not_recorded():
    from harness.interpreter import Interpreter

    told: list[str] = []
    history: list[Op] = []
    Interpreter([gen.log("begin"), READ], 1, history.append, tell=told.append).start(0)
    assert told == ["begin"] and [op.f for op in history] == ["read"]


def test_validate_refuses_an_op_of_a_process_that_is_not_free():
    stolen = gen.map(lambda op: Op(op.index, op.time, 77, op.type, op.f), READ)
    with pytest.raises(AssertionError, match="no thread runs process 77"):
        play(gen.validate(stolen))


def test_any_outcome_leaves_the_generator_working():
    history = play(gen.clients(gen.limit(200, numbered("write"))), 4, answer=any_outcome)
    assert len(invocations(history)) == 200
