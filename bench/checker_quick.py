"""How fast the checker is: recorded etcd logs, and generated registers.

    python bench/checker_quick.py
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from checker import CasRegister, check
from harness.foreign import load
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op

ETCD = Path(__file__).resolve().parents[2] / "shared/histories/etcd"
MS = 1_000_000


def generated(
    count: int,
    clients: int,
    *,
    values: int | None = None,
    cas: bool = False,
    unknown: float = 0.0,
    bad: bool = False,
    seed: int = 1,
) -> History:
    """A register's history: think time Exp(0.1 ms), duration Exp(1 ms), each operation taking
    effect at a uniform moment within. `values=None`: no value twice. `bad`: one read in the middle
    returns a value that was overwritten long before."""
    rng = random.Random(seed)
    free = [0.0] * clients
    plan = []
    for _ in range(count):
        client = min(range(clients), key=free.__getitem__)
        call = free[client] + rng.expovariate(1 / 0.1)
        ret = call + rng.expovariate(1.0)
        free[client] = ret
        plan.append((rng.uniform(call, ret), client, call, ret))
    plan.sort()
    return _recorded(plan, rng, values, cas, unknown, bad)


def _recorded(
    plan: list[Any], rng: random.Random, values: int | None, cas: bool, unknown: float, bad: bool
) -> History:
    state: Any = None
    old: list[Any] = []
    fresh = 0
    lines = []
    lost = {}
    for n, (_, client, call, ret) in enumerate(plan):
        f = rng.choice(("read", "write", "cas") if cas else ("read", "write"))
        fresh += 1
        new = fresh if values is None else rng.randrange(values)
        expects = state if values is None and rng.random() < 0.7 else rng.randrange(values or 5)
        arg = None if f == "read" else new if f == "write" else [expects, new]
        type_, result, error = OK, arg, None
        if f == "read":
            result = state
            if bad and n > len(plan) // 2 and len(old) > 20:
                result, bad = next(v for v in old[-20::-1] if v != state), False
        elif f == "write" or expects == state:
            if rng.random() < unknown:
                type_ = INFO
            old.append(state)
            state = new
        else:
            type_, error = FAIL, "precondition-failed"
        process = client + 1000 * lost.get(client, 0)
        if type_ == INFO:
            lost[client] = lost.get(client, 0) + 1
        lines.append((round(call * MS), 0, process, INVOKE, f, arg, None))
        lines.append((round(ret * MS), 1, process, type_, f, result, error))
    lines.sort(key=lambda line: line[:2])
    return History([_op(i, *line) for i, line in enumerate(lines)])


def _op(i: int, time_: int, _: int, process: int, type_: str, f: str, value: Any, error: Any) -> Op:
    op = Op(i, time_, process, type_, f, value)
    return op if error is None else Op(i, time_, process, type_, f, value, error)


def took(history: History) -> tuple[float, Any]:
    """Milliseconds of a check, and its result."""
    begun = time.perf_counter()
    result = check(history, CasRegister())
    return (time.perf_counter() - begun) * 1000, result


CASES: list[tuple[str, dict[str, Any]]] = [
    ("10k unique, read/write, 10 clients", {"count": 10_000, "clients": 10}),
    ("10k unique, read/write, 10 clients, bad", {"count": 10_000, "clients": 10, "bad": True}),
    (
        "10k unique, read/write, 10 clients, 2 % unknown",
        {"count": 10_000, "clients": 10, "unknown": 0.02},
    ),
    ("10k unique, read/write, 50 clients", {"count": 10_000, "clients": 50}),
    ("1k values 0..4, read/write/cas, 10 clients", {"count": 1000, "clients": 10, "values": 5, "cas": True}),
    (
        "1k values 0..4, read/write/cas, 20 clients, bad",
        {"count": 1000, "clients": 20, "values": 5, "cas": True, "bad": True},
    ),
    ("10k values 0..4, read/write, 10 clients", {"count": 10_000, "clients": 10, "values": 5}),
    (
        "10k values 0..4, read/write, 10 clients, bad",
        {"count": 10_000, "clients": 10, "values": 5, "bad": True},
    ),
]


def main() -> None:
    """Print a line a case."""
    if ETCD.is_dir():
        times = [took(load(path))[0] for path in sorted(ETCD.glob("*.log"))]
        print(f"{len(times)} etcd logs: {sum(times):.0f} ms in all, worst {max(times):.0f} ms")
    for name, options in CASES:
        ms, result = took(generated(**options))
        print(f"{name}: {ms:.0f} ms, {result.verdict} ({result.cause or result.data['algorithms']})")


if __name__ == "__main__":
    main()
