"""A story: a generator function that drives a driver step by step, with exact control.

    def story():
        done = yield Do("put", 5, node="n1")            # -> the completion
        first, second = yield [Do("echo", 1), Do("echo", 2)]   # at the same time
        outcomes = yield Act(Kill("n1"))                # -> the driver's outcomes
        yield Rest(200 * MS)

Each Do runs on a thread of its own, by its place in the list; a process that got an info retires.
A list may end with one Act.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from msgspec import UNSET, Struct, structs

from harness.clock import Nanos
from harness.cost import NO_COSTS, Costs
from harness.driver import Driver, Ending, Setup, SystemSpec
from harness.fault import Action, Outcome, View
from harness.interpreter import Command, Inject, Invoke, Stop, Wake
from harness.op import INFO, NEMESIS, Op, info, invoke
from harness.system import System


class Do(Struct, frozen=True):
    """Run a client operation; answered by its completion."""

    f: str
    value: Any = None
    node: str | None = None
    key: Any = UNSET


class Act(Struct, frozen=True):
    """Carry out actions, by one nemesis op, `after` so many ns; answered by the list of
    outcomes."""

    actions: tuple[Action, ...]
    after: Nanos = 0


class Look(Struct, frozen=True):
    """Answered by the View that a nemesis is shown."""


class Rest(Struct, frozen=True):
    """Let this many ns pass."""

    time: Nanos


Step = Do | Act | Look | Rest | Sequence[Do | Act]
Story = Callable[[], Generator[Step, Any, None]]


class Told(Struct, frozen=True):
    """What came of a story: every op with the time it was reported, and the driver's ending."""

    ops: list[Op]
    ending: Ending


class _Verbatim:
    """A nemesis whose ops carry their actions, and whose completions carry view and outcomes."""

    fs = frozenset({"act"})
    needs: frozenset[type] = frozenset()
    asks: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.view: View | None = None

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        self.view = view
        actions: Sequence[Action] = op.value
        return actions

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        return structs.replace(op, value=list(outcomes))


class _Teller:
    """Steps of a story: one command or list of commands at a time."""

    def __init__(self, story: Story, concurrency: int, nemesis: _Verbatim) -> None:
        self.story = story()
        self.nemesis = nemesis
        self.concurrency = concurrency
        self.ops: list[Op] = []
        self.processes = list(range(concurrency))
        self.step: Step = Rest(0)
        self.answers: list[Any] = []
        self.missing = 0

    def start(self, now: Nanos) -> Sequence[Command]:
        return self._go_on(None, now)

    def woken(self, now: Nanos) -> Sequence[Command]:
        if isinstance(self.step, Rest):
            return self._go_on(None, now)
        late = self.step[-1] if isinstance(self.step, Sequence) else self.step
        assert isinstance(late, Act)
        return (self._command(0, Act(late.actions), now),)

    def observed(self, op: Op, now: Nanos) -> None:
        self._record(structs.replace(op, time=now))

    def completed(self, op: Op, now: Nanos) -> Sequence[Command]:
        op = structs.replace(op, time=now, index=len(self.ops))
        self.ops.append(op)
        process = op.process
        place = -1
        if isinstance(process, int):
            place = process % self.concurrency
            if op.type == INFO:
                self.processes[place] = process + self.concurrency
        answer = (
            op if place >= 0 else self.nemesis.view if isinstance(self.step, Look) else op.value
        )
        if not isinstance(self.step, Sequence):
            return self._go_on(answer, now)
        self.answers[place] = answer  # an Act of a list is its last item
        self.missing -= 1
        return self._go_on(self.answers, now) if not self.missing else ()

    def _go_on(self, answer: Any, now: Nanos) -> Sequence[Command]:
        try:
            step = self.step = self.story.send(answer)
        except StopIteration:
            return (Stop(),)
        if isinstance(step, Rest):
            return (Wake(now + step.time),)
        if not isinstance(step, Sequence):
            return (self._command(0, step, now),)
        self.missing = len(step)
        self.answers = [None] * len(step)
        return [self._command(place, one, now) for place, one in enumerate(step)]

    def _command(self, place: int, step: Do | Act | Look, now: Nanos) -> Command:
        if isinstance(step, Do):
            node = step.node if step.node is not None else UNSET
            op = invoke(
                step.f,
                step.value,
                process=self.processes[place],
                key=step.key,
                node=node,
                time=now,
            )
            self._record(op)
            return Invoke(place, op)
        if isinstance(step, Act) and step.after:
            return Wake(now + step.after)
        actions = step.actions if isinstance(step, Act) else ()
        op = info(invoke("act", actions, process=NEMESIS, time=now), UNSET)
        self._record(op)
        return Inject(op)

    def _record(self, op: Op) -> None:
        self.ops.append(structs.replace(op, index=len(self.ops)))


def tell(
    driver: Driver,
    story: Story,
    *,
    system: str | System = "harness.testing.echo:system",
    nodes: int = 3,
    seed: int | str = 1,
    concurrency: int = 5,
    folder: Path | None = None,
    system_options: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    pipeline: int = 1,
    costs: Costs = NO_COSTS,
) -> Told:
    """Run a story on this driver; raises what the story's own assertions raise. A system that is
    not given by name can only be simulated."""
    from harness.build import system as build

    name = system if isinstance(system, str) else system.name
    spec = SystemSpec(name, nodes, system_options or {})
    built = build(spec) if isinstance(system, str) else system
    nemesis = _Verbatim()
    teller = _Teller(story, concurrency, nemesis)
    setup = Setup(spec, built, nemesis, seed, concurrency, folder, options or {}, pipeline, costs)
    ending = driver.drive(setup, teller, lambda status: None)
    return Told(teller.ops, ending)
