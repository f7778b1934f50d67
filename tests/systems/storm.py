"""A storm: clients that never rest, and faults at random, on any system in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from harness.clock import MS, SECOND, Nanos
from harness.core import Dump
from harness.driver import Ending, Setup, SystemSpec
from harness.fault import (
    CLIENTS,
    Action,
    Cut,
    Kill,
    Mend,
    Outcome,
    Pause,
    Resume,
    Shape,
    Start,
    View,
)
from harness.interpreter import Command, Inject, Invoke, Stop, Wake
from harness.op import INFO, INVOKE, NEMESIS, OK, Op, invoke
from harness.rng import stream
from harness.sim.driver import SimDriver
from harness.system import System

Make = Callable[[Random, int, System, int], Op]  # random, a number never given before, thread
Kind = Callable[[View, Random], Sequence[Action]]
NAMED = frozenset({Kill, Pause, Cut, Shape, Start, Resume, Mend})


class Weather:
    """A nemesis whose "storm" does anything at random and whose "calm" heals all."""

    fs = frozenset({"storm", "calm"})
    needs = NAMED

    def __init__(self, kinds: Sequence[str | Kind]) -> None:
        self.kinds = tuple(kinds)
        self.tags: dict[str, None] = {}
        self.made = 0

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        if op.f == "calm":
            return self._heal(view)
        kind = rng.choice(self.kinds)
        act: Kind = kind if callable(kind) else getattr(self, "_" + kind)
        return act(view, rng)

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        return replace(op, type=INFO, value=[str(a) for a in actions])

    def _heal(self, view: View) -> list[Action]:
        actions: list[Action] = [Mend(tag) for tag in self.tags]
        self.tags.clear()
        actions += [Resume(node) for node in sorted(view.paused)]
        return actions + [Start(node) for node in view.nodes if node not in view.up]

    def _calm(self, view: View, rng: Random) -> list[Action]:
        return self._heal(view)

    def _kill(self, view: View, rng: Random) -> list[Action]:
        up = sorted(view.up)
        return [Kill(n) for n in rng.sample(up, min(len(up), rng.choice((1, 1, 2, len(up)))))]

    def _leader(self, view: View, rng: Random) -> list[Action]:
        leader = view.with_role("leader")
        return [rng.choice((Kill, Pause))(n) for n in leader if n not in view.paused]

    def _start(self, view: View, rng: Random) -> list[Action]:
        down = [n for n in view.nodes if n not in view.up]
        return [Start(n) for n in down if rng.random() < 0.7]

    def _pause(self, view: View, rng: Random) -> list[Action]:
        return [Pause(n) for n in sorted(view.up - view.paused) if rng.random() < 0.4]

    def _resume(self, view: View, rng: Random) -> list[Action]:
        return [Resume(n) for n in sorted(view.paused) if rng.random() < 0.7]

    def _tag(self) -> str:
        self.made += 1
        self.tags[f"t{self.made}"] = None
        return f"t{self.made}"

    def _links(self, view: View, rng: Random, share: float) -> tuple[tuple[str, str], ...]:
        ends = (*view.nodes, CLIENTS) if rng.random() < 0.3 else view.nodes
        links = [(a, b) for a in ends for b in ends if a != b]
        return tuple(link for link in links if rng.random() < share)

    def _cut(self, view: View, rng: Random) -> list[Action]:
        links = self._links(view, rng, rng.choice((0.2, 0.5)))
        return [Cut(self._tag(), links)] if links else []

    def _split(self, view: View, rng: Random) -> list[Action]:
        side = {n: rng.random() < 0.5 for n in view.nodes}
        alone = view.with_role("leader")
        if alone and rng.random() < 0.5:
            side = {n: n in alone for n in view.nodes}
        links = tuple((a, b) for a in side for b in side if side[a] != side[b])
        return [Cut(self._tag(), links)] if links else []

    def _shape(self, view: View, rng: Random) -> list[Action]:
        links = self._links(view, rng, rng.choice((0.3, 1.0)))
        if not links:
            return []
        shape = Shape(
            self._tag(),
            links,
            delay=rng.choice((0, 1, 20, 80)) * MS,
            jitter=rng.choice((0, 1, 20)) * MS,
            loss=rng.choice((0, 0, 0.05, 0.3)),
            duplicate=rng.choice((0, 0.2)),
            reorder=rng.choice((0, 0.3)),
        )
        return [shape]

    def _mend(self, view: View, rng: Random) -> list[Action]:
        gone = [tag for tag in self.tags if rng.random() < 0.5]
        for tag in gone:
            del self.tags[tag]
        return [Mend(tag) for tag in gone]


KINDS = (
    *("kill", "leader", "start", "start", "pause", "resume", "resume", "cut", "split", "split"),
    *("shape", "mend", "mend", "calm"),
)


class Storm:
    """The interpreter's part: `clients` processes invoke what `make` gives them, until `lasts` is
    over; then all heals, clients go on for `recovery`, and `finals` are done one by one."""

    def __init__(
        self,
        system: System,
        make: Make,
        rng: Random,
        *,
        clients: int,
        lasts: Nanos,
        recovery: Nanos = 5 * SECOND,
        every: Nanos = 300 * MS,
        pause: Nanos = 40 * MS,
        finals: Sequence[Op] = (),
    ) -> None:
        self.system, self.make, self.rng = system, make, rng
        self.clients, self.lasts, self.end = clients, lasts, lasts + recovery
        self.every, self.pause = every, pause
        self.finals = list(finals)
        self.history: list[Op] = []
        self.healed: Nanos = -1
        self.queue: list[tuple[Nanos, int, Callable[[Nanos], list[Command]]]] = []
        self.n = self.made = self.open = 0
        self.process = {t: t for t in range(clients)}
        self.thread = {t: t for t in range(clients)}
        self.stopped = False
        self.is_acting = False  # what the nemesis does may take time

    def start(self, now: Nanos) -> Sequence[Command]:
        for t in range(self.clients):
            self._at(now + self.rng.randrange(self.pause), lambda now, t=t: self._next(t, now))
        self._at(now + self.every, self._storm)
        self._at(self.lasts, self._calm)
        return self._due(now)

    def observed(self, op: Op, now: Nanos) -> None:
        self._record(op, now)

    def woken(self, now: Nanos) -> Sequence[Command]:
        return self._due(now)

    def completed(self, op: Op, now: Nanos) -> Sequence[Command]:
        self._record(op, now)
        if op.process == NEMESIS:
            self.is_acting = False
            if op.f == "calm" and now >= self.lasts:
                self.healed = now
            return self._due(now)
        self.open -= 1
        thread = self.thread[op.process]
        if op.type == INFO:
            process = self.process[thread] = op.process + self.clients
            self.thread[process] = thread
        wait = self.rng.randrange(self.pause) if now < self.end else 0
        self._at(now + wait, lambda now: self._next(thread, now))
        return self._due(now)

    def _at(self, time: Nanos, act: Callable[[Nanos], list[Command]]) -> None:
        self.n += 1
        heappush(self.queue, (time, self.n, act))

    def _due(self, now: Nanos) -> list[Command]:
        commands: list[Command] = []
        while self.queue and self.queue[0][0] <= now:
            commands += heappop(self.queue)[2](now)
        if self.queue:
            commands.append(Wake(self.queue[0][0]))
        elif not self.open and not self.stopped:
            self.stopped = True
            commands.append(Stop())
        return commands

    def _next(self, thread: int, now: Nanos) -> list[Command]:
        if now < self.end:
            op = self.make(self.rng, self.made, self.system, thread)
        elif self.finals:
            op = self.finals.pop(0)
        else:
            return []
        self.made += 1
        op = replace(op, process=self.process[thread], type=INVOKE)
        self.open += 1
        return [Invoke(thread, self._record(op, now))]

    def _storm(self, now: Nanos) -> list[Command]:
        if now >= self.lasts:
            return []
        self._at(now + self.rng.randrange(2 * self.every), self._storm)
        if self.is_acting:
            return []
        self.is_acting = True
        return [Inject(self._record(invoke("storm", process=NEMESIS), now))]

    def _calm(self, now: Nanos) -> list[Command]:
        if self.is_acting:
            self._at(now + 10 * MS, self._calm)
            return []
        self.is_acting = True
        return [Inject(self._record(invoke("calm", process=NEMESIS), now))]

    def _record(self, op: Op, now: Nanos) -> Op:
        op = replace(op, index=len(self.history), time=now)
        self.history.append(op)
        return op


class Run:
    """A storm that is over: its history, and how it ended."""

    def __init__(self, storm: Storm, ending: Ending) -> None:
        self.history = storm.history
        self.client_ops = [op for op in storm.history if op.is_client]
        self.healed = storm.healed
        self.ending = ending

    @property
    def recovery(self) -> Nanos:
        """From the healing to the first acknowledged write that was called after it."""
        called: dict[Any, Nanos] = {}
        for op in self.client_ops:
            if op.type == INVOKE:
                called[op.process] = op.time
            elif op.type == OK and op.f == "write" and called[op.process] >= self.healed:
                return op.time - self.healed
        raise AssertionError("no write was acknowledged after the healing")

    @property
    def dumps(self) -> list[Dump]:
        """What each node held at the end."""
        return list(self.ending.dumps.values())


def run_storm(
    name: str,
    seed: int | str,
    *,
    make: Make,
    nodes: int = 3,
    clients: int = 5,
    lasts: Nanos = 6 * SECOND,
    kinds: Sequence[str | Kind] = KINDS,
    final_keys: Sequence[Any] = (),
    options: dict[str, Any] | None = None,
    driver: dict[str, Any] | None = None,
    **storm_options: Any,
) -> Run:
    """Run one storm in the simulator; final reads of each key through each node."""
    from harness.build import system as build

    spec = SystemSpec(name, nodes, options or {})
    system = build(spec)
    finals = [invoke("read", key=key, node=n) for key in final_keys for n in system.nodes]
    storm = Storm(
        system, make, stream(seed, "storm"), clients=clients, lasts=lasts, finals=finals,
        **storm_options,
    )  # fmt: skip
    setup = Setup(
        spec, system, Weather(kinds), seed, clients, options={"check_every": 50, **(driver or {})}
    )
    ending = SimDriver().drive(setup, storm, lambda status: None)
    return Run(storm, ending)


def register_op(keys: int = 3, reads: float = 0.5, cas: float = 0.25, pin: float = 0.3) -> Make:
    """Reads, writes of values never used before, and cas from one of the last values written."""

    def make(rng: Random, number: int, system: System, thread: int) -> Op:
        key = rng.randrange(keys)
        node = rng.choice(system.nodes) if rng.random() < pin else UNSET
        dice = rng.random()
        if dice < reads:
            return invoke("read", key=key, node=node)
        if dice < reads + cas:
            old = max(0, number - rng.randrange(1, 12))
            return invoke("cas", (old, number), key=key, node=node)
        return invoke("write", number, key=key, node=node)

    return make
