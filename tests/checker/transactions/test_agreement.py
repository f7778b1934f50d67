"""The checker `transactions` against every order tried, against databases that are correct, and
against databases that are weak in known ways."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import database
import every_order
import pytest
from database import Profile

from checker import Transactions
from checker.budget import Unlimited
from checker.transactions import edges
from harness.history import History
from harness.op import Op
from harness.result import UNKNOWN, VALID, Result

TINY = Profile(processes=3, keys=2, most_parts=3, lost=0.15)
STORES = (
    database.Store,
    database.Snapshots,
    database.LostUpdates,
    database.ReadCommitted,
    database.ReadUncommitted,
    database.StaleReads,
)


def judge(history: History) -> Result:
    return Transactions().check(history, Unlimited())


def scrambled(seed: int) -> History:
    """Transactions whose reads are made up: any beginning of any order, and worse."""
    rng = Random(seed)
    ops: list[Op] = []
    open_: dict[int, list[Any]] = {}
    elements: dict[str, list[int]] = {"x": [], "y": []}
    process = {0: 0, 1: 1, 2: 2}
    made = time = 0
    count = rng.randint(2, 6)
    while made < count or open_:
        thread = rng.randrange(3)
        time += rng.randint(0, 2)
        if thread not in open_:
            if made == count:
                continue
            made += 1
            parts: list[Any] = []
            for _ in range(rng.randint(1, 3)):
                key = rng.choice("xy")
                if rng.random() < 0.5:
                    elements[key].append(len(elements[key]) + 1)
                    parts.append(["append", key, elements[key][-1]])
                else:
                    parts.append(["r", key, None])
            open_[thread] = parts
            ops.append(Op(len(ops), time, process[thread], "invoke", "txn", parts))
            continue
        parts = open_.pop(thread)
        type_ = rng.choices(["ok", "fail", "info"], [8, 1, 1])[0]
        told = parts
        if type_ == "ok":
            told = [_answer(rng, part, parts[:i], elements) for i, part in enumerate(parts)]
        ops.append(Op(len(ops), time, process[thread], type_, "txn", told))
        if type_ == "info":
            process[thread] += 3
    return History(ops)


def _answer(rng: Random, part: list[Any], before: list[Any], elements: dict[str, list[int]]) -> Any:
    f, key, _ = part
    if f == "append":
        return part
    own = [value for g, k, value in before if (g, k) == ("append", key)]
    others = [e for e in elements[key] if e not in own]
    if rng.random() < 0.2:
        rng.shuffle(others)
    length = rng.choice([0, 1, len(others), len(others)])
    return [f, key, [*others[:length], *(own if rng.random() < 0.95 else [])]]


def agrees(history: History) -> str:
    """Compare with every order tried; the strongest model."""
    models = judge(history).data["models"]
    assert (models["strict serializable"] == VALID) == every_order.holds(history, real_time=True)
    assert (models["strong session serializable"] == VALID) == every_order.holds(
        history, process=True
    )
    assert (models["serializable"] == VALID) == every_order.holds(history)
    if models["snapshot isolation"] != UNKNOWN:
        assert (models["snapshot isolation"] == VALID) == every_order.snapshots(history)
    return str(judge(history).data["strongest"])


@pytest.mark.parametrize("make", STORES, ids=lambda make: make.__name__)
def test_small_histories_of_databases_agree_with_every_order_tried(
    make: type[database.Store],
) -> None:
    for seed in range(300):
        agrees(database.history(make, seed, 7, TINY))


def test_small_histories_at_random_agree_with_every_order_tried() -> None:
    strongest = Counter(agrees(scrambled(seed)) for seed in range(4000))
    assert min(strongest["strict serializable"], strongest["serializable"]) > 50, strongest
    assert strongest["none"] + strongest["read uncommitted"] > 50, strongest
    assert strongest["read committed"] + strongest["snapshot isolation"] > 50, strongest


def test_edges_through_helping_nodes_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = [judge(scrambled(seed)).data["models"] for seed in range(1500)]
    monkeypatch.setattr(edges, "FEW", 0)
    assert [judge(scrambled(seed)).data["models"] for seed in range(1500)] == direct


def test_a_correct_database_is_never_accused() -> None:
    for seed in range(1500):
        rng = Random(seed)
        profile = Profile(
            processes=rng.randint(1, 8),
            keys=rng.randint(1, 5),
            append_share=rng.choice([0.2, 0.5, 0.8]),
            lost=rng.choice([0.0, 0.1, 0.4]),
            aborted=rng.choice([0.0, 0.1, 0.4]),
        )
        result = judge(database.history(database.Store, seed, rng.randint(1, 60), profile))
        assert result.verdict == VALID, (seed, result.cause)


@pytest.mark.parametrize(
    ("make", "allowed", "expected", "held"),
    [
        (database.Snapshots, {"G2"}, "G2", "snapshot isolation"),
        (
            database.LostUpdates,
            {"lost-update", "G-single", "G-nonadjacent", "G2"},
            "lost-update",
            "read committed",
        ),
        (
            database.ReadCommitted,
            {"lost-update", "G-single", "G-nonadjacent", "G2", "internal"},
            "G-single",
            "read committed",
        ),
        (database.StaleReads, None, "G-single-realtime", "serializable"),
        (database.ReadUncommitted, None, "G1a", None),
    ],
    ids=lambda it: getattr(it, "__name__", None),
)
def test_a_weak_database_is_called_what_it_is(
    make: type[database.Store], allowed: set[str] | None, expected: str, held: str | None
) -> None:
    names: Counter[str] = Counter()
    for seed in range(100):
        result = judge(database.history(make, seed, 80))
        names.update(result.data["names"].keys())
        if held is not None:
            assert result.data["models"][held] == VALID, (seed, result.cause)
    assert names[expected] >= 40, names
    if allowed is not None:
        assert {
            name.removesuffix("-realtime").removesuffix("-process") for name in names
        } <= allowed
