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


def plan(rng: random.Random, count: int, clients: int) -> list[tuple[float, int, float, float]]:
    """(moment of effect, client, call, return) in ms, by moment: think time Exp(0.1 ms), duration
    Exp(1 ms), the moment uniform within. Half-way all clients pause for 2 ms."""
    free = [0.0] * clients
    found = []
    for n in range(count):
        if n == count // 2:
            free = [max(free) + 2.0] * clients
        client = min(range(clients), key=free.__getitem__)
        call = free[client] + rng.expovariate(10.0)
        ret = free[client] = call + rng.expovariate(1.0)
        found.append((rng.uniform(call, ret), client, call, ret))
    return sorted(found)


class Register:
    """The register that the generated history was made with."""

    def __init__(self, rng: random.Random, values: int | None, cas: bool) -> None:
        self._rng = rng
        self._values = values
        self._fs = ("read", "write", "cas") if cas else ("read", "write")
        self._fresh = 0
        self.state: Any = None

    def do(self) -> tuple[str, Any, Any, bool]:
        """f, argument, result, and whether it was refused."""
        rng, f = self._rng, self._rng.choice(self._fs)
        if f == "read":
            return f, None, self.state, False
        self._fresh += 1
        new = self._fresh if self._values is None else rng.randrange(self._values)
        old = self.state if rng.random() < 0.5 else rng.randrange(self._values or 5)
        if f == "cas" and old != self.state:
            return f, [old, new], [old, new], True
        self.state = new
        asked = new if f == "write" else [old, new]
        return f, asked, asked, False


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
    """A register's history. `values=None`: no value twice. `bad`: in the pause half-way one
    client writes -1 and then reads what had been there before."""
    rng = random.Random(seed)
    register = Register(rng, values, cas)
    lines: list[tuple[float, int, Op]] = []
    lives = [0] * clients

    def record(client: int, call: float, ret: float, type_: str, f: str, a: Any, r: Any) -> None:
        process = client + 1000 * lives[client]
        lives[client] += type_ == INFO
        done = Op(-1, round(ret * 1e6), process, type_, f, r)
        if type_ == FAIL:
            done = Op(-1, done.time, process, type_, f, r, "precondition-failed")
        lines.append((call, 0, Op(-1, round(call * 1e6), process, INVOKE, f, a)))
        lines.append((ret, 1, done))

    moments = plan(rng, count, clients)
    for n, (_, client, call, ret) in enumerate(moments):
        if bad and n == count // 2:
            pause = max(moment[3] for moment in moments[:n])
            record(0, pause + 0.2, pause + 0.4, OK, "write", -1, -1)
            record(0, pause + 0.6, pause + 0.8, OK, "read", None, register.state)
            register.state = -1
        f, asked, result, refused = register.do()
        lost = f != "read" and not refused and rng.random() < unknown
        record(client, call, ret, FAIL if refused else INFO if lost else OK, f, asked, result)
    lines.sort(key=lambda line: line[:2])
    return History(
        [
            Op(i, op.time, op.process, op.type, op.f, op.value, op.error)
            for i, (_, _, op) in enumerate(lines)
        ]
    )


def took(history: History) -> tuple[float, Any]:
    """Milliseconds of a check, and its result."""
    begun = time.perf_counter()
    result = check(history, CasRegister())
    return (time.perf_counter() - begun) * 1000, result


CASES: list[tuple[str, dict[str, Any]]] = [
    ("10k ops, 10 clients, unique, ok", {"count": 10_000, "clients": 10}),
    ("10k ops, 10 clients, unique, bad", {"count": 10_000, "clients": 10, "bad": True}),
    ("10k ops, 10 clients, unique, 2 % unknown", {"count": 10_000, "clients": 10, "unknown": 0.02}),
    ("10k ops, 50 clients, unique, ok", {"count": 10_000, "clients": 50}),
    ("10k ops, 10 clients, unique with cas, ok", {"count": 10_000, "clients": 10, "cas": True}),
    (
        "1k ops, 20 clients, 5 values with cas, ok",
        {"count": 1_000, "clients": 20, "values": 5, "cas": True},
    ),
    (
        "1k ops, 20 clients, 5 values with cas, bad",
        {"count": 1_000, "clients": 20, "values": 5, "cas": True, "bad": True},
    ),
    ("10k ops, 10 clients, 5 values, ok", {"count": 10_000, "clients": 10, "values": 5}),
    (
        "10k ops, 10 clients, 5 values, bad",
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
        print(
            f"{name}: {ms:.0f} ms, {result.verdict} ({result.cause or result.data['algorithms']})"
        )


if __name__ == "__main__":
    main()
