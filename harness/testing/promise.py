"""The words in which promises of a driver are put: what a story asks, does and expects."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from harness.clock import MS
from harness.driver import Driver
from harness.fault import Action, Kill, Outcome, Start
from harness.op import INFO, OK, Op
from harness.testing.story import Act, Do, Rest, Story, Told, tell

MakeDriver = Callable[[], Driver]
Telling = Generator[Any, Any, Any]

PAIR = (("n1", "n2"),)
LIMIT = "500ms"  # the time limit of an operation; many below wait for it to pass


def run(make: MakeDriver, folder: Path | None, story: Story, pipeline: int = 1) -> Told:
    """Tell this story to three nodes and a manager."""
    options = {"timeout": LIMIT, "managers": 1}
    return tell(make(), story, folder=folder, system_options=options, pipeline=pipeline)


def ask(f: str, value: Any = None, *, node: str) -> Telling:
    """The value of an operation that has to be ok."""
    op: Op = yield Do(f, value, node)
    assert op.type == OK, f"{f} at {node} ends with {op.type} {op.error}"
    return op.value


def lost(f: str, value: Any = None, *, node: str) -> Telling:
    """An operation whose outcome has to stay unknown."""
    op: Op = yield Do(f, value, node)
    assert op.type == INFO, f"{f} at {node} ends with {op.type}, value {op.value!r}"


def act(*actions: Action) -> Telling:
    """Actions that have to be done. Returns the proof of the last."""
    outcomes: list[Outcome] = yield Act(actions)
    for action, outcome in zip(actions, outcomes, strict=True):
        assert outcome.done, f"{action} was skipped: {outcome.why}"
    return outcomes[-1].proof


def restart(node: str) -> Telling:
    """Kill a node and start it again."""
    yield from act(Kill(node))
    yield from act(Start(node))


def tell_numbers(source: str, target: str, numbers: range) -> Telling:
    """Send numbers from node to node and give them time to arrive. Returns what target heard."""
    yield from ask("tell", (target, list(numbers)), node=source)
    yield Rest(50 * MS)
    return (yield from ask("heard", node=target))
