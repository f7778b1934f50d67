"""A storm over a chain: its manager is hit too, and nodes are hit by their place in the chain."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from msgspec.structs import replace

from harness.build import system as build
from harness.clock import MS, SECOND, Nanos
from harness.driver import Setup, SystemSpec
from harness.fault import CLIENTS, Action, Administer, Cut, Kill, Pause, Shape, View
from harness.op import NEMESIS, Op, invoke
from harness.rng import stream
from harness.sim.driver import SimDriver
from systems.craq.layout import SLOTS
from tests.systems.storm import Run, Storm, Weather, register_op

ROLES = ("head", "middle", "tail", "manager")
KINDS = (
    *("kill", "start", "start", "start", "pause", "resume", "resume", "mend", "mend", "calm"),
    *("cut", "split", "split", "shape", "strike", "strike", "strike", "slow", "deaf", "unmanaged"),
)
MOVING = (*KINDS, "move", "move", "move", "move", "move")  # of two chains
KEYS = (0, 1, 2)


class ChainWeather(Weather):
    """To the general storm: kills and pauses by role, a slow node, a node that hears nobody or is
    heard by nobody, and a node cut off from the managers alone."""

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        return super().plan(op, replace(view, nodes=(*view.nodes, *view.managers)), rng)

    def _one(self, view: View, rng: Random) -> tuple[str, ...]:
        return view.with_role(rng.choice(ROLES))

    def _strike(self, view: View, rng: Random) -> list[Action]:
        act = rng.choice((Kill, Kill, Pause))
        return [act(node) for node in self._one(view, rng) if node not in view.paused]

    def _slow(self, view: View, rng: Random) -> list[Action]:
        ends = (*view.nodes, CLIENTS)
        links = [
            link for n in self._one(view, rng) for o in ends if o != n for link in ((n, o), (o, n))
        ]
        delay = rng.choice((20, 60, 150)) * MS
        shape = Shape("", tuple(links), delay=delay, jitter=10 * MS, loss=rng.choice((0, 0, 0.1)))
        return [replace(shape, tag=self._tag())] if links else []

    def _deaf(self, view: View, rng: Random) -> list[Action]:
        others = [(n, o) for n in self._one(view, rng) for o in view.nodes if o != n]
        if rng.random() < 0.5:
            others = [(o, n) for n, o in others]
        return [Cut(self._tag(), tuple(others))] if others else []

    def _move(self, view: View, rng: Random) -> list[Action]:
        first = rng.randrange(SLOTS)
        value = [first, rng.randrange(first, SLOTS), rng.randrange(2)]
        return [Administer(invoke("begin-move", value, process=NEMESIS))]

    def _unmanaged(self, view: View, rng: Random) -> list[Action]:
        node = rng.choice([n for n in view.nodes if n not in view.managers])
        deciders = [m for m in view.managers if m.startswith("m")]
        links = [link for m in deciders for link in ((m, node), (node, m))]
        return [Cut(self._tag(), tuple(links))]


def chain_storm(
    seed: int,
    *,
    nodes: int = 3,
    kinds: Sequence[str] = KINDS,
    every: Nanos = 300 * MS,
    lasts: Nanos = 8 * SECOND,
    clients: int = 6,
    pause: Nanos = 40 * MS,
    system: str = "craq",
    **options: Any,
) -> Run:
    """One storm, five seconds in which all is well again, and a read of every key through every
    node."""
    spec = SystemSpec(system, nodes, options)
    made = build(spec)
    finals = [invoke("read", key=key, node=node) for key in KEYS for node in made.nodes]
    storm = Storm(
        made, register_op(len(KEYS)), stream(seed, "storm"), clients=clients, lasts=lasts,
        every=every, pause=pause, finals=finals,
    )  # fmt: skip
    weather = ChainWeather(kinds)
    setup = Setup(spec, made, weather, seed, clients, options={"check_every": 20})
    return Run(storm, SimDriver().drive(setup, storm, lambda status: None))
