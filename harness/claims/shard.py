"""What the lectures claim of sharding: many chains, whose keys the managers assign."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.claims.claim import LECTURE, SERVICE, Claim, Found
from harness.claims.evidence import all_say, count
from harness.claims.lab import Lab, Run
from harness.claims.rate import Window, per_second
from harness.clock import SECOND

SEEDS = range(1, 11)
MOVES = ("shard-move", "shard-storm")
TRANSACTIONS = ("shard-txn", "shard-txn-move")


def _sharding(lab: Lab) -> Found:
    right, wrong = _answers(lab.run("claims/shards", trace=True))
    rates = [_rate(lab, chains) for chains in (1, 2, 4)]
    moved = [run for plan in MOVES for run in lab.runs(plan, seeds=SEEDS)]
    across = [run for plan in TRANSACTIONS for run in lab.runs(plan, seeds=SEEDS)]
    moves = sum(
        op.f == "start-move" and isinstance(op.value, dict) and op.value.get("state") == "installed"
        for run in [*moved, *across]
        for op in run.history.faults
    )
    each = " and ".join(f"{n:,}" for _, n in sorted(right.items()))
    return Found(
        paper="many chains, keys assigned by the configuration manager",
        ours=f"two chains answered {each} operations, each on its own keys, {wrong} on others'; "
        f"writes a second of 1, 2, 4 chains {' / '.join(f'{rate:,.0f}' for rate in rates)}; "
        f"{moves} ranges moved under load, {count(moved):,} operations linearizable and "
        f"{count(across):,} transactions strict serializable: "
        f"{'none' if all_say(moved, 'linearizable') else 'SOME'} lost or doubled",
        how=SERVICE,
        holds=wrong == 0
        and len(right) == 2
        and rates[1] > 1.8 * rates[0]
        and rates[2] > 1.8 * rates[1]
        and moves > 0
        and all_say(moved, "linearizable")
        and all_say(across, "transactions"),
        note="Who answered is read off every message, and compared with the layout that the "
        f"manager had given. {len(moved) + len(across)} runs with moves, partitions, kills, "
        "pauses and lossy links. In the writes a second an update costs each node 5 ms, which is "
        "chosen: that they double with the chains is what is claimed.",
        data={"writes_per_s": rates, "moves": moves},
    )


def _answers(run: Run) -> tuple[Counter[int], int]:
    """How many operations each chain answered for keys of its own, and how many were answered by a
    node of another."""
    layout: Any = None
    keys: dict[tuple[str, int], Any] = {}
    right: Counter[int] = Counter()
    wrong = 0
    for one in run.trace.passed:
        if one.kind == "Grant":
            layout = one.message.layout
        elif one.kind == "Request" and one.source[0] == "c":
            keys[one.message.client, one.message.id] = one.message.key
        elif one.kind == "Reply" and not one.was_sent and one.target[0] == "c":
            number = layout.number_of(keys[one.target, one.message.id])
            if one.source in layout.chains[number].chain:
                right[number] += 1
            else:
                wrong += 1
    return right, wrong


def _rate(lab: Lab, chains: int) -> float:
    changes = (f"nodes={3 * chains}", f"system.chains={chains}")
    run = lab.run("claims/shards-throughput", *changes, judged=False)
    assert not run.violated, run.violated
    return per_second(run, "", Window(2 * SECOND, run.plan.time_limit))


CLAIMS = (
    Claim(
        "sharding",
        LECTURE,
        "lectures 12; CRAQ 3",
        "Many chains, keys assigned by the configuration manager.",
        ("claims/shards", "claims/shards-throughput", *MOVES, *TRANSACTIONS),
        _sharding,
    ),
)
