"""How fast the simulator is, on one core: messages of two cores, operations of whole systems."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from harness import build
from harness import generator as gen
from harness.clock import SECOND
from harness.core import Dump, Effect, Send
from harness.driver import Setup, SystemSpec
from harness.interpreter import Command, Interpreter, Stop, Wake
from harness.op import Op, invoke
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

    def observed(self, op: Any, now: int) -> None:
        pass

    def woken(self, now: int) -> Sequence[Command]:
        return (Stop(),)

    def completed(self, op: Any, now: int) -> Sequence[Command]:
        raise NotImplementedError


def ping_pong(seconds: int = 20) -> dict[str, Any]:
    """Messages a second of processor time, over `seconds` of simulated time."""
    system: Any = PingPong()
    setup = Setup(SystemSpec("ping-pong", 2), system, system, 1, 1)
    begun = time.process_time()
    ending = SimDriver().drive(setup, For(seconds * SECOND), lambda status: None)
    took = time.process_time() - begun
    messages = ending.figures["messages"]
    return {"bench": "ping-pong", "messages": messages, "messages_per_s": round(messages / took)}


def operations(name: str, seconds: int = 5) -> dict[str, Any]:
    """Client operations a second of processor time, all in: generator, interpreter, history in
    memory, simulator, invariants and the system itself. Ten threads that are never idle, half
    reads and half writes of twenty keys, three nodes, no faults."""
    rng, values = stream(1, "load"), count(1)

    def read(ctx: gen.Context) -> Op:
        return invoke("read", key=int(rng.random() * 20))

    def write(ctx: gen.Context) -> Op:
        return invoke("write", next(values), key=int(rng.random() * 20))

    load = gen.time_limit(seconds * SECOND, gen.clients(gen.mix([read, write], rng)))
    history: list[Op] = []
    steps = Interpreter(load, 10, history.append)
    nemesis: Any = None
    spec = SystemSpec(name, 3)
    setup = Setup(spec, build.system(spec), nemesis, 1, 10)
    begun = time.process_time()
    ending = SimDriver().drive(setup, steps, lambda status: None)
    took = time.process_time() - begun
    assert ending.violation is None, ending.violation
    return {
        "bench": name,
        "ok": steps.ok,
        "messages": ending.figures["messages"],
        "simulated_s": ending.figures["simulated_end"] / SECOND,
        "ops_per_s": round(steps.ok / took),
    }


def main() -> None:
    """Prints a JSON line each; names of systems may be given."""
    best = max((ping_pong() for _ in range(3)), key=lambda run: run["messages_per_s"])
    print(json.dumps(best))
    for name in sys.argv[1:] or ["craq", "zookeeper"]:
        print(json.dumps(operations(name)))


if __name__ == "__main__":
    main()
