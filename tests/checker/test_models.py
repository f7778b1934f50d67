"""Every model: what a real object did is accepted, and all algorithms agree about liars."""

from __future__ import annotations

import pickle
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
import real
from agreement import judge
from by_hand import lost, merged, ok

from checker import MODELS, MultiRegister, Semaphore, check
from checker.encode import encode
from checker.refusal import shown
from harness.result import INVALID, UNKNOWN, VALID

CASES = 600

OBJECTS: dict[str, Callable[[random.Random], real.Real]] = {
    "versioned-register": real.Versioned,
    "kv-append": real.Texts,
    "multi-register": lambda rng: real.Store(rng, plain=True),
    "multi-kv": real.Store,
    "unique-ids": real.Ids,
    "mutex": real.Lock,
    "owner-mutex": real.Lock,
    "reentrant-mutex": lambda rng: real.Lock(rng, times=99),
    "fenced-lock": lambda rng: real.Lock(rng, tokens=True),
    "leased-lock": lambda rng: real.Lock(rng, tokens=True, expires=True),
    "semaphore": lambda rng: real.Permits(rng, 3),
}


def model_of(name: str) -> Any:
    return Semaphore(3) if name == "semaphore" else MODELS[name]()


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_every_algorithm_agrees_with_trying_every_order(name: str) -> None:
    rng = random.Random(f"models/{name}")
    bad = 0
    for case in range(CASES):
        history = real.history(rng, OBJECTS[name](rng), 7)
        judged = judge(model_of(name), history, thorough=case % 5 == 0)
        assert judged.wrong is None, f"case {case}: {judged.wrong}: {history.ops}"
        bad += not judged.valid
    assert 0.1 < bad / CASES < 0.8


class Honest(random.Random):
    """Dice for a history without lies."""

    def choice(self, seq: Any) -> Any:
        return 0.0 if seq == (0.0, 0.15, 0.4, 0.6) else super().choice(seq)


@pytest.mark.parametrize("name", OBJECTS)
def test_what_a_real_object_did_is_never_accused(name: str) -> None:
    for seed in range(60):
        rng = Honest(seed)
        history = real.history(rng, OBJECTS[name](rng), 25)
        result = check(history, model_of(name))
        assert result.verdict == VALID, (seed, result.cause, history.ops)


@pytest.mark.parametrize("name", OBJECTS)
def test_longer_histories_of_liars_come_to_a_verdict_and_a_sentence(name: str) -> None:
    verdicts = set()
    for seed in range(30):
        rng = random.Random(seed)
        history = real.history(rng, OBJECTS[name](rng), 40)
        result = check(history, model_of(name))
        verdicts.add(result.verdict)
        assert result.verdict != INVALID or (result.cause and result.anomalies[0].core)
    assert verdicts == {VALID, INVALID}


def verdict(name: str, *parts: list[Any], **how: Any) -> str:
    return check(merged(*parts), name, **how).verdict


def test_a_versioned_register_tells_two_writes_of_one_value_apart() -> None:
    twice = [ok(0, 1, 0, "write", 7), ok(2, 3, 0, "write", 7)]
    assert verdict("register", *twice, ok(4, 5, 1, "read", 7)) == VALID
    blind = [lost(0, 0, "write", 7), lost(2, 1, "write", 7)]
    for version, expected in ((1, VALID), (2, VALID), (3, INVALID)):
        assert verdict("versioned-register", *blind, ok(4, 5, 2, "read", [7, version])) == expected


def refused(start: float, end: float, process: int, f: str, value: Any, **fields: Any) -> list[Any]:
    return [(start, process, "invoke", f, value), (end, process, "fail", f, value, fields)]


def test_a_refused_version_is_a_read_of_another_version_only_where_there_are_versions() -> None:
    no = refused(2, 3, 0, "cas", [0, 5], error="bad-version")
    assert verdict("versioned-register", no) == INVALID
    assert verdict("versioned-register", lost(0, 1, "write", 3), no) == VALID
    assert verdict("cas-register", ok(0, 1, 0, "write", 0), no) == VALID
    seen = refused(2, 3, 0, "cas", [0, 5], error="bad-version", observed=2)
    assert verdict("versioned-register", lost(0, 1, "write", 3), seen) == INVALID


def txn(start: float, end: float, process: int, asked: Any, answer: Any) -> list[Any]:
    return [(start, process, "invoke", "txn", asked), (end, process, "ok", "txn", answer)]


def test_a_transaction_that_saw_half_of_another_is_found() -> None:
    both = [["w", "x", 1], ["w", "y", 1]]
    write = txn(0, 9, 0, both, both)
    looks = [["r", "x", None], ["r", "y", None]]
    for x, y, expected in ((None, None, VALID), (1, 1, VALID), (1, None, INVALID)):
        read = txn(3, 4, 1, looks, [["r", "x", x], ["r", "y", y]])
        assert verdict("multi-register", write, read) == expected
        assert verdict("multi-kv", write, read) == expected


def test_maps_and_keys_are_other_ways_to_say_the_same() -> None:
    write = [(0, 0, "invoke", "write", {"x": 1, "y": 2}), (1, 0, "ok", "write", None)]
    assert verdict("multi-register", write, ok(2, 3, 1, "read", 2, key="y")) == VALID
    assert verdict("multi-register", write, ok(2, 3, 1, "read", None, key="y")) == INVALID
    read = [(2, 1, "invoke", "read", None), (3, 1, "ok", "read", {"x": 1, "y": 3})]
    assert verdict("multi-register", write, read) == INVALID


def test_keys_are_judged_one_by_one_where_no_operation_touches_two() -> None:
    single = merged(ok(0, 1, 0, "write", 1, key="x"), ok(0, 1, 1, "write", 1, key="y"))
    data = check(single, "multi-register").data
    assert (data["keys"], data["algorithms"]) == (2, {"unique values": 2})
    assert check(single, "multi-register", split=None).data["keys"] == 1
    started = MultiRegister({"x": 7})
    assert check(merged(ok(0, 1, 0, "read", 7, key="x")), started).verdict == VALID
    assert check(merged(ok(0, 1, 0, "read", None, key="x")), started).verdict == INVALID


def test_only_its_holder_releases_an_owned_lock() -> None:
    held = [ok(0, 1, 0, "acquire", None)]
    assert verdict("owner-mutex", *held, ok(2, 3, 0, "release", None)) == VALID
    assert verdict("owner-mutex", *held, ok(2, 3, 1, "release", None)) == INVALID
    assert verdict("mutex", *held, ok(2, 3, 1, "release", None)) == VALID
    assert verdict("owner-mutex", *held, ok(2, 3, 0, "acquire", None)) == INVALID
    assert verdict("reentrant-mutex", *held, ok(2, 3, 0, "acquire", None)) == VALID
    assert verdict("reentrant-mutex:1", *held, ok(2, 3, 0, "acquire", None)) == INVALID


def test_a_client_that_a_value_names_is_the_holder() -> None:
    mine = {"client": "c1"}
    acquire = [(0, 0, "invoke", "acquire", None), (1, 0, "ok", "acquire", mine)]
    release = [(2, 5, "invoke", "release", mine), (3, 5, "ok", "release", mine)]
    assert verdict("owner-mutex", acquire, release) == VALID


def token(start: float, end: float, process: int, number: Any) -> list[Any]:
    return [(start, process, "invoke", "acquire", None), (end, process, "ok", "acquire", number)]


def test_tokens_only_grow() -> None:
    free = ok(2, 3, 0, "release", 5)
    for name in ("fenced-lock", "leased-lock"):
        assert verdict(name, token(0, 1, 0, 5), free, token(4, 5, 1, 9)) == VALID
        assert verdict(name, token(0, 1, 0, 5), free, token(4, 5, 1, 5)) == INVALID
    unknown = [(0, 2, "invoke", "acquire", None)]
    assert verdict("fenced-lock", unknown, token(4, 5, 1, 1)) == VALID


def test_a_lease_that_ran_out_makes_room_but_does_not_come_back() -> None:
    both = [token(0, 1, 0, 1), token(2, 3, 1, 2)]
    late = ok(4, 5, 0, "release", 1)
    assert verdict("fenced-lock", *both) == INVALID
    assert verdict("leased-lock", *both) == VALID
    assert verdict("leased-lock", *both, late) == INVALID
    assert verdict("leased-lock", *both, refused(4, 5, 0, "release", 1, error="not-held")) == VALID


def test_a_semaphore_has_so_many_permits() -> None:
    two = [ok(0, 1, 0, "acquire", None), ok(2, 3, 1, "acquire", 1)]
    assert verdict("semaphore:2", *two) == VALID
    assert verdict("semaphore", *two) == INVALID
    assert verdict("semaphore:2", *two, ok(4, 5, 0, "release", 3)) == INVALID


def test_an_increment_by_nothing_may_make_another_number() -> None:
    rows = [
        [(0, 0, "invoke", "increment", 1), (1, 0, "ok", "increment", None)],
        [(2, 0, "invoke", "increment", 0.0), (3, 0, "ok", "increment", None)],
        [(4, 0, "invoke", "increment", 0), (5, 0, "ok", "increment", None)],
    ]
    assert check(merged(*rows, ok(6, 7, 0, "read", 1.0)), "counter").verdict == VALID
    assert check(merged(*rows, ok(6, 7, 0, "read", 1)), "counter").verdict == INVALID


@pytest.mark.parametrize("name", ["append-list", "kv"])
def test_a_map_is_not_a_list_of_its_pairs(name: str) -> None:
    rows = [ok(0, 1, 0, "append", ["a", 1])]
    assert verdict(name, *rows, ok(2, 3, 0, "read", [["a", 1]])) == VALID
    assert verdict(name, *rows, ok(2, 3, 0, "read", {"a": 1})) == INVALID
    assert verdict(name, ok(2, 3, 0, "read", {})) == INVALID


def test_nothing_is_appended_to_a_map() -> None:
    assert verdict("kv", ok(0, 1, 0, "write", {}), ok(2, 3, 0, "append", 1)) == INVALID


def test_an_id_given_out_twice_is_told_in_words() -> None:
    first = [(0, 0, "invoke", "generate", None), (1, 0, "ok", "generate", "a")]
    second = [(0, 1, "invoke", "generate", None), (5, 1, "ok", "generate", "a")]
    assert check(merged(first, second), "unique-ids").cause == (
        'generate by process 1 returned "a" at 5 ms, 4 ms after generate by process 0 had '
        'returned "a"'
    )


@pytest.mark.parametrize(
    ("name", "row", "why"),
    [
        ("semaphore", ok(0, 1, 0, "acquire", "x"), "acquire takes a number of permits from 1"),
        ("counter", ok(0, 1, 0, "increment", "x"), "an increment takes a number, not 'x'"),
        ("counter", ok(0, 1, 0, "read", "x"), "read is answered a number, not 'x'"),
        ("fenced-lock", token(0, 1, 0, "t"), "an acquire is answered a token, a whole number"),
        ("versioned-register", ok(0, 1, 0, "read", 3), r"a read is answered \[value, version\]"),
        ("versioned-register", ok(0, 1, 0, "cas", ["x", 3]), r"a cas takes \[version, new\]"),
        ("kv-append", ok(0, 1, 0, "put", 3), "a put takes strings"),
        ("multi-register", txn(0, 1, 0, [["r", "x"]], None), r"a txn takes \[\[f, key, value\]"),
        ("multi-register", txn(0, 1, 0, [["append", "x", 1]], None), "no 'append' in a txn"),
        ("multi-register", ok(0, 1, 0, "write", 3), "a write without a key takes a map"),
        ("set", ok(0, 1, 0, "read", {"a": 1}), "a read of a set returns a list"),
        ("mutex", ok(0, 1, 0, "lock", None), "the model has no 'lock'; it knows acquire, release"),
    ],
)
def test_what_means_nothing_is_said_in_words(name: str, row: list[Any], why: str) -> None:
    result = check(merged(row), name)
    assert result.verdict == UNKNOWN
    assert result.cause is not None and re.search(why, result.cause), result.cause


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("owner-mutex", [ok(0, 1, 7, "acquire", None)], "held by 7"),
        (
            "reentrant-mutex",
            [ok(0, 1, 7, "acquire", None), ok(2, 3, 7, "acquire", None)],
            "2 times",
        ),
        ("fenced-lock", [token(0, 1, 7, 4)], "held by 7, after token 4"),
        ("multi-register", [ok(0, 1, 7, "write", 4, key="x")], '"x" = 4'),
    ],
)
def test_states_have_words(name: str, rows: list[Any], said: str) -> None:
    model = MODELS[name]()
    state = model.initial()
    for task in encode(merged(*rows), model, None if "multi" in name else "key").tasks[0]:
        state = model.step(state, task.f, task.value, task.result)
    assert said in shown(model, state)


def test_states_of_many_keys_go_to_other_processes() -> None:
    model = MODELS["multi-kv"]()
    state = model.step(model.initial(), "write", ("x", 1), ("x", 1))
    again = pickle.loads(pickle.dumps(state))
    assert again == state and hash(again) == hash(state) and again != model.initial()
    one, true = (model.step(state, "write", ("x", it), ("x", it)) for it in (1, True))
    assert one == state != true
