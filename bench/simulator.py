"""How fast the simulator is: two pure cores that answer one another, messages a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.clock import SECOND
from harness.core import Dump, Effect, Send
from harness.driver import Setup, SystemSpec
from harness.interpreter import Command, Stop, Wake
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


if __name__ == "__main__":
    best = max((ping_pong() for _ in range(3)), key=lambda run: run["per_second"])
    print(f"ping-pong: {best['per_second']:,.0f} messages/s of one core ({best['messages']:,})")
