"""A cluster in memory that carries out actions as the drivers do, and faults run against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from harness import generator as gen
from harness.clock import SECOND, Nanos
from harness.fault import (
    Action,
    Administer,
    Cut,
    FaultReport,
    Kill,
    Mend,
    Outcome,
    Pause,
    Resume,
    Role,
    Shape,
    Start,
    View,
    Wipe,
)
from harness.inject import administered, injection, refusal
from harness.op import INFO, NEMESIS, Op, fail, info, ok
from nemesis import REGISTRY, Package, compose
from tests.harness.perfect import play


class World:
    """Nodes that are up or down, running or paused, who of them votes, and the tags in force on
    their links. `answers` are how the next changes of members end: ok, fail, lost (info, never
    done) or late (info, but done)."""

    def __init__(
        self,
        nodes: int = 3,
        managers: int = 0,
        roles: Mapping[str, Role] | None = None,
        seed: int = 1,
    ) -> None:
        self.nodes = tuple(f"n{i + 1}" for i in range(nodes))
        self.managers = tuple(f"m{i + 1}" for i in range(managers))
        self.up = {*self.nodes, *self.managers}
        self.paused: set[str] = set()
        self.tags: dict[str, Action] = {}
        self.roles = dict(roles or {})
        self.members = self.nodes
        self.forgetful: set[str] = set()  # members that have lost their disk: never right
        self.answers: list[str] = []
        self.disks = dict.fromkeys(self.nodes, 10)
        self.broken: set[str] = set()  # nodes that do not start again
        self.acts: list[Action] = []
        self.rng = Random(seed)

    def view(self) -> View:
        roles = {node: role for node, role in self.roles.items() if node in self.up}
        up, paused = frozenset(self.up), frozenset(self.paused)
        return View(self.nodes, self.managers, up, paused, roles, self.members)

    def carry_out(self, action: Action) -> Outcome:
        why = refusal(action, self.view(), self.tags, {"add-node", "remove-node"})
        if why:
            return Outcome(False, why)
        self.acts.append(action)
        if isinstance(action, Cut | Shape):
            self.tags[action.tag] = action
        elif isinstance(action, Mend):
            begun = self.tags.pop(action.tag)
            return Outcome(True, "", {"dropped" if isinstance(begun, Cut) else "delayed": 3})
        elif isinstance(action, Kill):
            self.up.discard(action.node)
            self.paused.discard(action.node)
            return Outcome(True, "", {"signal": 9})
        elif isinstance(action, Start):
            if action.node in self.broken:
                return Outcome(False, "it does not start")
            self.up.add(action.node)
        elif isinstance(action, Pause):
            self.paused.add(action.node)
            return Outcome(True, "", {"state": "stopped"})
        elif isinstance(action, Resume):
            self.paused.discard(action.node)
        elif isinstance(action, Wipe):
            return self._wipe(action.node)
        elif isinstance(action, Administer):
            return administered(self._change(action.op))
        return Outcome(True)

    def _wipe(self, node: str) -> Outcome:
        held, self.disks[node] = self.disks[node], 0
        if node in self.members:
            self.forgetful.add(node)
        return Outcome(True, "", {"records": held})

    def _change(self, op: Op) -> Op:
        """A change of members, done if a majority runs."""
        running = self.up - self.paused
        answer = self.answers.pop(0) if self.answers else "ok"
        if sum(node in running for node in self.members) < len(self.members) // 2 + 1:
            answer = "lost"
        if answer in ("ok", "late"):
            others = [node for node in self.members if node != op.value]
            self.members = tuple(sorted([*others, *([op.value] if op.f == "add-node" else [])]))
        if answer == "ok":
            return ok(op, list(self.members))
        return fail(op, "refused") if answer == "fail" else info(op, "timeout")

    @property
    def is_whole(self) -> bool:
        runs = self.up == {*self.nodes, *self.managers} and not self.paused and not self.tags
        return runs and self.members == self.nodes

    def do(self, nemesis: Any, f: str, targets: Any = None, package: str = "p") -> FaultReport:
        """Inject one op; its report."""
        value = {"package": package} | ({"targets": targets} if targets is not None else {})
        return self.inject(nemesis, Op(0, 0, NEMESIS, INFO, f, value))[1]

    def inject(self, nemesis: Any, op: Op) -> tuple[Op, FaultReport]:
        running = injection(op, nemesis, self.view(), self.rng)
        outcome: Outcome | None = None
        try:
            while True:
                outcome = self.carry_out(running.send(outcome))  # type: ignore[arg-type]
        except StopIteration as over:
            done: Op = over.value
        assert done.type == INFO and done.process == NEMESIS
        return done, msgspec.convert(done.value, FaultReport)


def package(fault: str, name: str = "", seed: int = 1, **options: Any) -> Package:
    """A package as a plan's entry makes it, `for_` standing for `for`."""
    words = {key.rstrip("_"): value for key, value in options.items()}
    return REGISTRY[fault](words, Random(seed), 5 * SECOND, name or fault)


def run(
    world: World, packages: Sequence[Package], limit: Nanos = 60 * SECOND
) -> list[tuple[Op, FaultReport]]:
    """Run packages as a plan does, until all is healed: each invocation with its report."""
    whole = compose(packages)
    found: list[tuple[Op, FaultReport]] = []

    def heard(op: Op) -> Op:
        found.append((op, world.inject(whole.nemesis, op)[1]))
        return op

    main = gen.time_limit(limit, gen.nemesis(gen.map(heard, whole.generator)))
    play(gen.phases(main, gen.nemesis(gen.map(heard, whole.final_generator))), 1)
    return found
