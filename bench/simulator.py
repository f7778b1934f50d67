"""How fast the simulator is: two pure cores that answer one another, messages a second."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import build
from harness.clock import SECOND
from harness.core import Dump, Effect, Send
from harness.driver import Setup, SystemSpec
from harness.interpreter import Command, Invoke, Stop, Wake
from harness.op import INFO, Op, invoke
from harness.rng import stream
from harness.sim.driver import SimDriver
from harness.testing.echo import Number

BALLS = 10  # in play at the same time


class Player:
    """Answers every message by one."""

    def __init__(self, other: str) -> None:
        self.other = other

    def start(self, stored: Sequence[Any], now: int) -> Sequence[Effect]:
        return [Send(self.other, Number(0)) for _ in range(BALLS // 2)]

    def receive(self, source: str, message: Number, now: int) -> Sequence[Effect]:
        return (Send(source, Number(message.number + 1)),)

    def timer(self, name: str, now: int) -> Sequence[Effect]:
        return ()

    def dump(self) -> Dump | None:
        return None


class PingPong:
    """Two players; they have no clients and promise nothing."""

    name = "ping-pong"
    nodes, managers = ("n1", "n2"), ()
    supports: frozenset[str] = frozenset()
    message, record = Number, Number

    def node(self, me: str, rng: Any) -> Player:
        return Player("n2" if me == "n1" else "n1")

    def client(self, me: str, home: str, rng: Any) -> Any:
        raise NotImplementedError

    def invariants(self) -> Any:
        return self

    def check(self, cores: Any) -> None:
        """Nothing is promised."""


class For:
    """Steps that only wait."""

    def __init__(self, length: int) -> None:
        self.length = length

    def start(self, now: int) -> Sequence[Command]:
        return (Wake(self.length),)

    def woken(self, now: int) -> Sequence[Command]:
        return (Stop(),)

    def completed(self, op: Any, now: int) -> Sequence[Command]:
        raise NotImplementedError


def ping_pong(seconds: int = 20) -> dict[str, float]:
    """Messages a second of processor time, over `seconds` of simulated time."""
    system: Any = PingPong()
    setup = Setup(SystemSpec("ping-pong", 2), system, system, 1, 1)
    begun = time.process_time()
    ending = SimDriver().drive(setup, For(seconds * SECOND), lambda status: None)
    took = time.process_time() - begun
    return {"messages": ending.figures["messages"], "per_second": ending.figures["messages"] / took}


class Load:
    """Closed loop: every thread asks again as soon as it is answered."""

    def __init__(self, threads: int, length: int, seed: int = 1) -> None:
        self.threads, self.length, self.left = threads, length, threads
        self.rng = stream(seed, "load")
        self.counts: Counter[str] = Counter()

    def start(self, now: int) -> Sequence[Command]:
        return [self._next(i, i, now) for i in range(self.threads)]

    def completed(self, op: Op, now: int) -> Sequence[Command]:
        self.counts[op.type] += 1
        assert isinstance(op.process, int)
        if now >= self.length:
            self.left -= 1
            return () if self.left else (Stop(),)
        process = op.process + self.threads * (op.type == INFO)
        return (self._next(process % self.threads, process, now),)

    def woken(self, now: int) -> Sequence[Command]:
        raise NotImplementedError

    def _next(self, thread: int, process: int, now: int) -> Command:
        rng = self.rng
        key = int(rng.random() * 20)
        write = rng.random() < 0.5
        self.counts["asked"] += 1
        op = invoke(
            "write" if write else "read",
            self.counts["asked"] if write else None,
            process=process,
            key=key,
            time=now,
        )
        return Invoke(thread, op)


def closed_loop(name: str, seconds: int = 5, **options: Any) -> dict[str, Any]:
    """Operations a second of processor time: a bundled system, ten threads, half of them writes;
    without interpreter and history."""
    spec = SystemSpec(name, 3, options)
    load = Load(10, seconds * SECOND)
    setup = Setup(spec, build.system(spec), PingPong(), 1, 10)  # type: ignore[arg-type]
    begun = time.process_time()
    ending = SimDriver().drive(setup, load, lambda status: None)
    took = time.process_time() - begun
    assert ending.violation is None, ending.violation
    return {"per_second": load.counts["ok"] / took, "took": took, **load.counts, **ending.figures}


if __name__ == "__main__":
    best = max((ping_pong() for _ in range(3)), key=lambda run: run["per_second"])
    print(f"ping-pong: {best['per_second']:,.0f} messages/s of one core ({best['messages']:,})")
    for name in sys.argv[1:]:
        run = closed_loop(name)
        print(f"{name}: {run['per_second']:,.0f} ok operations/s of one core ({run})")
