"""Runs a recipe's workload against the ZooKeeper in memory, as a driver would."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from harness import generator as gen
from harness.clock import SECOND
from harness.history import History
from harness.interpreter import Interpreter, Invoke, Stop, Wake
from harness.op import INFO, Op
from harness.workload import Workload
from tests.workloads.fake_zookeeper import World


def run(
    load: Workload,
    *,
    seconds: float = 20,
    concurrency: int = 6,
    rate: float = 100,
    seed: int = 1,
    session: float = 2,
    lose: Callable[[str, Any], bool] = lambda to, message: False,
    prepare: Callable[[World], object] = lambda world: None,
) -> tuple[History, World]:
    """The history of the workload's time-limited operations and of its final ones; and the world it
    ran in. `prepare` may plan further events of the world."""
    world = World(
        timeout=SECOND, session_timeout=round(session * SECOND), lose=lose, latency=1_000_000
    )
    ops = gen.stagger(round(SECOND / rate), load.generator, Random(f"{seed} stagger"))
    stages = [gen.time_limit(round(seconds * SECOND), gen.clients(ops)), gen.sleep(4 * SECOND)]
    if load.final is not None:
        stages.append(gen.clients(load.final))
    return _Run(load, world, concurrency, seed, gen.phases(*stages)).drive(prepare)


class _Run:
    def __init__(
        self, load: Workload, world: World, concurrency: int, seed: int, ops: gen.Generator
    ) -> None:
        self._load, self._world, self._seed = load, world, seed
        self._steps = Interpreter(ops, concurrency, lambda op: None)
        self._wake = 0
        self._over = False
        world.on_complete = self._completed

    def drive(self, prepare: Callable[[World], object]) -> tuple[History, World]:
        prepare(self._world)
        self._world.at(0, lambda: self._obey(self._steps.start(self._world.now)))
        while not self._over:
            self._world.step()
        return History(self._world.history), self._world

    def _completed(self, name: str, op: Op) -> None:
        if op.type == INFO:
            self._world.retire(name)
        self._obey(self._steps.completed(op, self._world.now))

    def _obey(self, commands: Any) -> None:
        for command in commands:
            if isinstance(command, Invoke):
                self._invoke(command.op)
            elif isinstance(command, Wake):
                self._wake += 1
                number = self._wake
                self._world.at(max(command.at, self._world.now), lambda n=number: self._woken(n))
            elif isinstance(command, Stop):
                self._over = True

    def _woken(self, number: int) -> None:
        if number == self._wake:
            self._obey(self._steps.woken(self._world.now))

    def _invoke(self, op: Op) -> None:
        name = f"c{op.process}"
        if name not in self._world.clients:
            rng, wrap = Random(f"{self._seed} {name}"), self._load.wrap
            self._world.client(name, lambda core: wrap(core, name, rng) if wrap else core)
        self._world.invoke(name, op)
