"""What makes a history linearizable, case by case, and what a check says when it cannot tell."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from by_hand import fault, h, lost, merged, ok

from checker import UNKNOWN, CasRegister, Kv, KvAppend, Linearizable, Mutex, Register, check
from checker.budget import TimeBudget, Unlimited
from harness.error import UserError
from harness.history import History
from harness.result import INVALID, VALID
from harness.result import UNKNOWN as DONT_KNOW

REFUSED = {"error": "precondition-failed"}


def verdict(history: History, model: Any = CasRegister) -> str:
    return check(history, model).verdict


def test_a_read_of_what_was_overwritten_is_invalid() -> None:
    history = merged(ok(0, 1, 0, "write", 1), ok(2, 3, 0, "write", 2), ok(4, 5, 1, "read", 1))
    assert verdict(history) == INVALID


@pytest.mark.parametrize(
    ("wrote", "read"),
    [({}, []), ({"a": 1}, [["a", 1]]), ({"a": 1}, {"a": True}), ({1}, {True}), ([{}], [[]])],
)
def test_values_of_another_type_are_other_values(wrote: Any, read: Any) -> None:
    other = merged(ok(0, 1, 0, "write", wrote), ok(2, 3, 0, "read", read))
    same = merged(ok(0, 1, 0, "write", wrote), ok(2, 3, 0, "read", wrote))
    assert (verdict(other), verdict(same)) == (INVALID, VALID)


def test_overlapping_operations_may_come_in_any_order() -> None:
    history = merged(
        ok(0, 9, 0, "write", 1),
        ok(0, 9, 1, "write", 2),
        ok(1, 2, 2, "read", 2),
        ok(3, 4, 2, "read", 1),
    )
    assert verdict(history) == VALID


def test_operations_that_touch_at_one_moment_overlap() -> None:
    touching = merged(ok(0, 1, 0, "write", 1), ok(1, 2, 1, "read", None))
    apart = merged(ok(0, 1, 0, "write", 1), ok(1.001, 2, 1, "read", None))
    assert (verdict(touching), verdict(apart)) == (VALID, INVALID)


def test_a_write_of_unknown_outcome_may_be_seen_late_or_never() -> None:
    lost = [(0, 0, "invoke", "write", 1), (1, 0, "info", "write", 1, {"error": "timeout"})]
    read = ok(50, 51, 1, "read", 1)
    assert verdict(merged(lost, read)) == VALID
    assert verdict(merged(lost, ok(50, 51, 1, "read", None))) == VALID
    assert verdict(merged(lost, read, ok(52, 53, 1, "read", None))) == INVALID


def test_a_write_that_never_completed_is_unknown_too() -> None:
    history = merged(
        [(5, 0, "invoke", "write", 1)], ok(0, 1, 1, "read", None), ok(7, 8, 1, "read", 1)
    )
    assert verdict(history) == VALID
    early = merged([(5, 0, "invoke", "write", 1)], ok(0, 1, 1, "read", 1))
    assert verdict(early) == INVALID


def test_a_failed_write_did_not_happen() -> None:
    failed = [(0, 0, "invoke", "write", 1), (1, 0, "fail", "write", 1, {"error": "busy"})]
    assert verdict(merged(failed, ok(2, 3, 1, "read", 1))) == INVALID
    assert verdict(merged(failed, ok(2, 3, 1, "read", None))) == VALID


def cas(start: float, end: float, type_: str, old: Any, new: Any, **fields: Any) -> list[Any]:
    return [(start, 5, "invoke", "cas", [old, new]), (end, 5, type_, "cas", [old, new], fields)]


def test_a_refused_cas_is_a_read_of_what_it_observed() -> None:
    wrote = ok(0, 1, 0, "write", 1)
    assert verdict(merged(wrote, cas(2, 3, "fail", 2, 3, **REFUSED, observed=1))) == VALID
    assert verdict(merged(wrote, cas(2, 3, "fail", 2, 3, **REFUSED, observed=7))) == INVALID
    assert verdict(merged(wrote, cas(2, 3, "fail", 2, 3, **REFUSED, observed=None))) == INVALID


def test_a_refused_cas_that_saw_what_it_compared_with_is_invalid() -> None:
    wrote = ok(0, 1, 0, "write", 1)
    assert verdict(merged(wrote, cas(2, 3, "fail", 1, 3, **REFUSED, observed=1))) == INVALID


def test_a_refused_cas_without_what_it_saw_says_only_not_old() -> None:
    wrote = ok(0, 1, 0, "write", 1)
    assert verdict(merged(wrote, cas(2, 3, "fail", 2, 3, **REFUSED))) == VALID
    assert verdict(merged(wrote, cas(2, 3, "fail", 1, 3, **REFUSED))) == INVALID


def test_an_unknown_write_may_be_what_a_refused_cas_differed_from() -> None:
    lost = [(0, 0, "invoke", "write", 9)]
    history = merged(lost, ok(0, 1, 1, "write", 1), cas(2, 3, "fail", 1, 3, **REFUSED))
    assert verdict(history) == VALID


@pytest.mark.parametrize("error", ["busy", "bad-version", "not-leader", ["busy", "n2"]])
def test_other_refusals_say_nothing_of_the_value(error: Any) -> None:
    wrote = ok(0, 1, 0, "write", 1)
    assert verdict(merged(wrote, cas(2, 3, "fail", 1, 3, error=error))) == VALID


def test_a_cas_needs_its_old_value() -> None:
    wrote = ok(0, 1, 0, "write", 1)
    assert verdict(merged(wrote, cas(2, 3, "ok", 1, 2), ok(4, 5, 1, "read", 2))) == VALID
    assert verdict(merged(wrote, cas(2, 3, "ok", 2, 3))) == INVALID


def test_true_is_not_one_and_a_list_is_a_tuple() -> None:
    assert verdict(merged(ok(0, 1, 0, "write", 1), ok(2, 3, 0, "read", True))) == INVALID
    assert verdict(merged(ok(0, 1, 0, "write", True), ok(2, 3, 0, "read", True))) == VALID
    assert verdict(merged(ok(0, 1, 0, "write", [1, [2]]), ok(2, 3, 0, "read", (1, (2,))))) == VALID
    assert verdict(merged(ok(0, 1, 0, "write", [1]), ok(2, 3, 0, "read", [True]))) == INVALID
    both = merged(ok(0, 1, 0, "write", 1), ok(2, 3, 0, "write", True), ok(4, 5, 0, "read", 1))
    assert verdict(both) == INVALID
    tied = merged(
        ok(0, 1, 0, "write", 1),
        ok(2, 3, 0, "write", True),
        ok(4, 5, 0, "write", 1),
        ok(6, 7, 0, "read", True),
    )
    assert verdict(tied) == INVALID


def test_maps_are_values() -> None:
    one = merged(ok(0, 1, 0, "write", {"a": [1], "b": 2}), ok(2, 3, 0, "read", {"b": 2, "a": [1]}))
    assert verdict(one) == VALID


def test_keys_are_judged_apart_and_told_apart() -> None:
    parts = [
        ok(i, i + 0.5, 0, "write", i, key=key) for i, key in enumerate([1, "1", None, True, (1,)])
    ]
    reads = [
        ok(9 + i, 9.5 + i, 0, "read", i, key=key) for i, key in enumerate([1, "1", None, True, [1]])
    ]
    result = check(merged(*parts, *reads), CasRegister)
    assert (result.verdict, result.data["keys"]) == (VALID, 5)


def test_only_the_bad_keys_are_named_the_earliest_first() -> None:
    parts = [
        ok(t + k, t + k + 0.5, 0, f, v, key=f"k{k}")
        for k in range(9)
        for t, f, v in ((0, "write", 1), (20 - 2 * k, "read", 1 if k % 3 else 2))
    ]
    result = check(merged(*parts), CasRegister)
    assert result.data["invalid_keys"] == ["k6", "k3", "k0"]
    assert [a.key for a in result.anomalies] == ["k6", "k3", "k0"]
    assert result.cause is not None
    assert result.cause.endswith("(and 2 more keys)")


def test_a_model_of_one_key_is_not_given_several() -> None:
    history = merged(ok(0, 1, 0, "write", 1, key=1), ok(2, 3, 0, "write", 1, key=2))
    result = check(history, CasRegister, split=None)
    assert (result.verdict, "split by key" in str(result.cause)) == (DONT_KNOW, True)


def test_a_model_may_take_all_keys_at_once() -> None:
    class Pair:
        """Writes of two keys that must never both hold 1."""

        keyed = True

        def initial(self) -> Any:
            return ()

        def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
            key, new = value
            state = (*(pair for pair in state if pair[0] != key), (key, new))
            return None if sum(pair[1] == 1 for pair in state) > 1 else tuple(sorted(state))

    good = merged(
        ok(0, 1, 0, "write", 1, key="a"),
        ok(2, 3, 0, "write", 0, key="a"),
        ok(4, 5, 0, "write", 1, key="b"),
    )
    bad = merged(ok(0, 1, 0, "write", 1, key="a"), ok(4, 5, 0, "write", 1, key="b"))
    assert check(good, Pair(), split=None).verdict == VALID
    assert check(bad, Pair(), split=None).verdict == INVALID


def test_a_users_model_needs_only_two_methods() -> None:
    class Counter:
        """Adds up; an increment answers with the new count."""

        def initial(self) -> int:
            return 0

        def step(self, state: int, f: str, value: Any, result: Any) -> int | None:
            return state + 1 if result in (UNKNOWN, state + 1) else None

    good = merged(ok(0, 5, 0, "add", 2), ok(1, 4, 1, "add", 1))
    bad = merged(ok(0, 1, 0, "add", 2), ok(2, 4, 1, "add", 1))
    lost = merged([(0, 0, "invoke", "add", None)], ok(2, 4, 1, "add", 2))
    assert [verdict(x, Counter()) for x in (good, bad, lost)] == [VALID, INVALID, VALID]


def test_mutex_and_kv_append() -> None:
    held = merged(ok(0, 1, 0, "acquire", None), ok(2, 3, 1, "acquire", None))
    assert verdict(held, Mutex) == INVALID
    free = merged(
        ok(0, 1, 0, "acquire", None), ok(2, 3, 0, "release", None), ok(4, 5, 1, "acquire", None)
    )
    assert verdict(free, Mutex) == VALID
    text = merged(ok(0, 1, 0, "put", "a"), ok(2, 3, 0, "append", "b"), ok(4, 5, 1, "get", "ab"))
    assert verdict(text, KvAppend) == VALID
    assert verdict(merged(ok(0, 1, 0, "append", "a"), ok(4, 5, 1, "get", "")), KvAppend) == INVALID


@pytest.mark.parametrize("read", [0, "", False])
def test_what_is_no_list_is_not_the_empty_list(read: Any) -> None:
    assert verdict(merged(ok(0, 1, 0, "read", read), lost(2, 2, "append", 1)), Kv()) == INVALID
    assert verdict(merged(ok(0, 1, 0, "read", []), lost(2, 2, "append", 1)), Kv()) == VALID


@pytest.mark.parametrize("half", [0.5, 1])
def test_what_is_added_to_a_register_may_be_any_number(half: Any) -> None:
    added = merged(
        ok(0, 1, 0, "write", half),
        [(2, 0, "invoke", "increment", 1), (3, 0, "ok", "increment", half + 1)],
        ok(4, 5, 0, "read", half + 1),
    )
    assert verdict(added, Kv()) == VALID
    assert verdict(merged(added_to("a"), ok(4, 5, 0, "read", "a")), Kv()) == VALID
    assert verdict(merged(added_to(True), ok(4, 5, 0, "read", 2)), Kv()) == INVALID


def added_to(value: Any) -> list[Any]:
    """An increment of what is no number; nobody heard what came of it."""
    return [*ok(0, 1, 0, "write", value), *lost(2, 1, "increment", 1)]


def test_what_the_model_does_not_know_is_unknown() -> None:
    result = check(merged(ok(0, 1, 0, "cas", [1, 2])), Register)
    assert result.verdict == DONT_KNOW
    known = "read (or get), write (or put)"
    assert result.cause == f"operation 0: the model has no 'cas'; it knows {known}"
    assert verdict(merged(ok(0, 1, 0, "cas", 3))) == DONT_KNOW


def test_an_answer_that_is_not_that_of_what_was_asked_is_unfit() -> None:
    wrote = merged([(0, 0, "invoke", "write", 1), (1, 0, "ok", "write", 2)])
    cause = "operation 0: write was called with 1 and answered ok with 2"
    assert check(wrote, CasRegister).cause == cause
    silent = merged([(0, 0, "invoke", "write", 1), (1, 0, "ok", "write", None)])
    assert verdict(silent) == VALID
    paired = merged([(0, 0, "invoke", "read", [7, None]), (1, 0, "ok", "read", [7, 1])])
    cause = check(paired, CasRegister).cause or ""
    assert cause.endswith("if values are [key, value], split them by key (--split key)")


@pytest.mark.parametrize("count", [1, 2000])
def test_an_answer_of_another_key_is_unfit(count: int) -> None:
    rows = [ok(10 * i, 10 * i + 1, 0, "write", i, key=i % 3) for i in range(count)]
    crossed = [(1e6, 9, "invoke", "read", None, {"key": 1}), (1e6, 9, "ok", "read", 1, {"key": 2})]
    result = check(merged(*rows, crossed), CasRegister)
    assert result.cause == f"operation {2 * count}: called of key 1, answered of key 2"


def test_values_that_should_be_written_once_are_looked_at() -> None:
    once = merged(ok(0, 1, 0, "write", 1, key=1), ok(2, 3, 0, "write", 1, key=2))
    unique = Linearizable(CasRegister(), unique=True)
    assert unique.check(once, Unlimited()).verdict == VALID
    twice = merged(ok(0, 1, 0, "write", 1), ok(2, 3, 0, "cas", [1, 1]))
    result = unique.check(twice, Unlimited())
    assert result.verdict == DONT_KNOW
    assert result.cause == (
        "operations 0 and 2 both write 1, where every value should be written once"
    )
    assert verdict(twice) == VALID


def test_the_nemesis_and_watches_are_no_clients() -> None:
    watch = [(1, "watch", "info", "read", 9)]
    assert verdict(merged(ok(0, 1, 0, "write", 1), fault(1, "kill"), watch)) == VALID


def test_a_hundred_open_writes_are_more_than_a_word_of_bits() -> None:
    lost = [[(i, 100 + i, "invoke", "write", i % 7)] for i in range(100)]
    reads = [ok(200 + 2 * i, 201 + 2 * i, 0, "read", i % 7) for i in range(60)]
    assert verdict(merged(*lost, *reads)) == VALID
    refused = cas(500, 501, "fail", 3, 4, **REFUSED)
    assert verdict(merged(*lost, *reads, refused, ok(502, 503, 0, "read", 9))) == INVALID
    busy = [ok(i / 100, 900, i, "write", i % 5) for i in range(100)]
    assert (
        verdict(merged(*busy, *[ok(2 + i, 2.5 + i, 999, "read", i % 5) for i in range(80)]))
        == VALID
    )


def hard(count: int = 14) -> History:
    """Open compare-and-sets in every direction, of which one too few leads from one half of the
    values to the other: no quick answer, since it takes all values together to see that."""
    lost = [
        [(a + b / 99, 100 * a + b, "invoke", "cas", [a, b])]
        for a in range(count)
        for b in range(count)
        if a != b
    ]
    half = count // 2
    reads = [
        ok(500 + 2 * i, 501 + 2 * i, 0, "read", i // 2 * 3 % half + half * (i % 2))
        for i in range(2 * half * half + 4)
    ]
    return merged(*lost, ok(490, 491, 0, "write", 0), *reads)


def hard_and_easy() -> History:
    """A key that is hard, and three that are not."""
    easy = [ok(i, i + 0.5, 7777, "write", i, key=i) for i in range(3)]
    rows = [(op.time / 1e6, op.process, op.type, op.f, op.value, {"key": "x"}) for op in hard()]
    return merged([(r[0], r[1], r[2], r[3], r[4], r[5]) for r in rows], *easy)


def test_a_time_limit_ends_in_unknown_with_what_was_decided_and_what_was_hard() -> None:
    history = hard_and_easy()
    ticks = iter(range(10**9))
    budget = TimeBudget(lambda: next(ticks), 20)
    result = Linearizable(CasRegister()).check(history, budget)
    assert result.verdict == DONT_KNOW
    assert result.cause is not None
    assert result.cause.startswith(
        'time limit of 20 ns: 3 of 4 keys decided, all linearizable; key "x": linearizable until '
    )
    assert '; hard to place: cas 0 -> 1 of key "x" by process 1 (had no answer), ' in result.cause
    (left,) = result.data["undecided"]
    assert left["key"] == "x" and left["operations"] == 285
    at = left["proved_until"]
    assert 0 < left["proved"] < 285 and any(op.time == at for op in history if op.type == "ok")
    assert 0 < len(left["hard"]) <= 10
    assert all(history.ops[i].f == "cas" for i in left["hard"])


def test_a_prefix_that_is_proved_is_linearizable_by_itself() -> None:
    history = hard()
    checker = Linearizable(CasRegister(), memory_limit=100_000)
    result = checker.check(history, Unlimited())
    until = result.data["undecided"][0]["proved_until"]
    assert until > 0
    assert verdict([op for op in history if op.time <= until]) == VALID


def test_a_memory_limit_ends_in_unknown() -> None:
    checker = Linearizable(CasRegister(), memory_limit=100_000)
    result = checker.check(hard(), Unlimited())
    assert result.verdict == DONT_KNOW
    assert result.cause is not None
    assert result.cause.startswith("memory limit of 97.7 KB: not decided; linearizable until ")


def test_a_verdict_without_an_explanation_names_the_operation_and_draws_nothing() -> None:
    history = merged(ok(0, 1, 0, "write", 1), ok(2, 3, 0, "write", 2), ok(4, 5, 1, "read", 1))
    quick = check(history, CasRegister, explain=False)
    assert (quick.verdict, quick.anomalies) == (INVALID, ())
    assert (
        quick.cause
        == "read by process 1 returned 1 at 5 ms, which no order of the operations allows"
    )
    assert quick.data == check(history, CasRegister).data


def test_check_takes_models_by_class_and_name_and_refuses_others() -> None:
    history = merged(ok(0, 1, 0, "write", 1))
    assert check(history, "cas-register").verdict == check(history, CasRegister).verdict == VALID
    with pytest.raises(UserError, match="unknown model 'cas': "):
        check(history, "cas")
    with pytest.raises(UserError, match="split is 'key' or None"):
        check(history, CasRegister, split="node")


def test_nothing_at_all_is_linearizable() -> None:
    assert verdict(h()) == VALID


def test_importing_the_checker_imports_nothing_heavy() -> None:
    code = (
        "import sys, checker; from checker import check, CasRegister; check([], CasRegister)\n"
        "heavy = {'numpy', 'networkx', 'matplotlib', 'numba'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
