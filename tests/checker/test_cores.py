"""Cores of random violations: small, of the same kind, and contradictions by themselves."""

from __future__ import annotations

import random

import boxes
import oracle
import pytest

from checker import MODELS, check
from harness.history import History
from harness.op import INVOKE, OK, Op
from harness.result import INVALID, Anomaly


def anomalies(name: str, histories: list[History]) -> list[tuple[History, Anomaly]]:
    model = MODELS[name]()
    results = [(history, check(history, model)) for history in histories]
    return [(h, r.anomalies[0]) for h, r in results if r.verdict == INVALID]


def of_dice(name: str, count: int) -> list[History]:
    rng = random.Random(f"cores/{name}")
    return [oracle.Dice(rng, MODELS[name](), name).history(10) for _ in range(count)]


def of_boxes(name: str, count: int) -> list[History]:
    rng = random.Random(f"cores/{name}")
    model = boxes.MODELS[name]
    told = [boxes.history(rng, model, rng.choice((6, 12)), wrong=0.2) for _ in range(count)]
    return [recorded(boxes.spoiled(rng, model, one)) for one in told]


def recorded(told: list[boxes.Told]) -> History:
    """As a history, an operation a process."""
    lines: list[tuple[float, int, Op]] = []
    for process, (call, ret, f, value, result) in enumerate(told):
        lines.append((call, 0, Op(-1, int(call * 1e6), process, INVOKE, f, value)))
        if ret != boxes.NEVER:
            lines.append((ret, 1, Op(-1, int(ret * 1e6), process, OK, f, result)))
    lines.sort(key=lambda line: line[:2])
    return History(
        [Op(i, op.time, op.process, op.type, op.f, op.value) for i, (_, _, op) in enumerate(lines)]
    )


def alone(history: History, anomaly: Anomaly) -> History:
    """The core, its chains with it, as a history of its own."""
    kept = {*anomaly.core, anomaly.at, *(op for fold in anomaly.folded for op in fold.ops)}
    ops, partner = history.ops, history.partner
    return History([op for i, op in enumerate(ops) if i in kept or partner[i] in kept])


@pytest.mark.parametrize("name", ["register", "cas-register", "kv", "counter", "append-list"])
def test_every_core_was_verified(name: str) -> None:
    found = anomalies(name, of_dice(name, 300))
    assert len(found) > 60
    for history, anomaly in found:
        assert anomaly.verified is True, (anomaly, history.ops)
        assert anomaly.kind and anomaly.at in anomaly.core


@pytest.mark.parametrize("name", ["register", "cas-register"])
def test_a_core_of_a_register_is_at_most_six_operations_beside_its_chains(name: str) -> None:
    sure = 0
    for history, anomaly in anomalies(name, of_dice(name, 600)):
        if anomaly.starts:
            continue  # it begins in the middle: the oracle knows only the beginning
        sure += 1
        model = MODELS[name]()
        assert len(anomaly.core) <= 6, (anomaly, history.ops)
        assert not oracle.is_linearizable(model, alone(history, anomaly)), (anomaly, history.ops)
    assert sure > 100


@pytest.mark.parametrize("name", ["fifo-queue", "stack", "priority-queue"])
def test_cores_of_collections_contradict_themselves(name: str) -> None:
    found = anomalies(name, of_boxes(name, 120))
    assert len(found) > 40
    kinds = set()
    for history, anomaly in found:
        kinds.add(anomaly.kind)
        assert anomaly.verified is True and len(anomaly.core) <= 8, (anomaly, history.ops)
        if not anomaly.starts and not anomaly.notes:
            model = MODELS[name]()
            assert not oracle.is_linearizable(model, alone(history, anomaly)), anomaly
    assert len(kinds) >= 3
