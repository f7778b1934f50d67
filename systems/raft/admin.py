"""A client's side of administration: adding and removing nodes, and handing leadership over.

Operations: add-node, remove-node, transfer, each with a node's name as its value. Asked again until
it is so; the answer is the list of voters, or the new leader's name, and the position up to which
the leader's log was applied then.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence

from harness.clock import MS, Nanos
from harness.core import CancelTimer, ClientCore, Effect, Message, NodeId, SetTimer
from harness.op import Op, fail, ok
from harness.script import TIMER, Ask, Reply, Script, Sleep
from systems.raft.message import Administer, Administered

ADMINISTRATION = frozenset({"add-node", "remove-node", "transfer"})
OWN_TIMER = "administer"
WAIT = 200 * MS  # for an answer, before another node is asked
PAUSE = 40 * MS  # between two looks whether it is so yet


class Administrator:
    """Does one such operation at a time; a ClientCore. `place` turns a position into the one that
    completions carry."""

    def __init__(
        self, nodes: Sequence[NodeId], timeout: Nanos, place: Callable[[int], int] = int
    ) -> None:
        self._nodes = tuple(nodes)
        self._place = place
        self._id = 0
        self._script = Script(self._run, timeout=timeout)

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin this operation."""
        return _renamed(self._script.invoke(op, now))

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A node has answered."""
        return _renamed(self._script.receive(source, message, now))

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer has fired."""
        return _renamed(self._script.timer(TIMER, now)) if name == OWN_TIMER else ()

    def _run(self, op: Op, now: Nanos) -> Generator[Ask | Sleep, Reply | None, Op]:
        self._id += 1
        at = self._nodes[0]
        while True:
            reply = yield Ask(at, Administer(self._id, op.f, op.value), WAIT)
            if reply is None:
                at = self._after(at)
                continue
            answer: Administered = reply.message
            if answer.refused:
                return fail(op, ["refused", answer.refused])
            if answer.done:
                value = answer.leader if op.f == "transfer" else list(answer.members)
                return ok(op, value, node=reply.source, position=self._place(answer.position))
            yield Sleep(PAUSE)
            at = answer.leader or self._after(at)

    def _after(self, node: NodeId) -> NodeId:
        return self._nodes[(self._nodes.index(node) + 1) % len(self._nodes)]


def _renamed(effects: Iterable[Effect]) -> list[Effect]:
    """With a timer that is not the one of another script in the same client."""
    made: list[Effect] = []
    for effect in effects:
        if isinstance(effect, SetTimer):
            effect = SetTimer(OWN_TIMER, effect.delay)
        elif isinstance(effect, CancelTimer):
            effect = CancelTimer(OWN_TIMER)
        made.append(effect)
    return made


class Administrable:
    """A client core that can administer, too."""

    def __init__(self, core: ClientCore, administrator: Administrator) -> None:
        self._core = core
        self._administrator = administrator

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin this operation."""
        return (self._administrator if op.f in ADMINISTRATION else self._core).invoke(op, now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message has come from a node."""
        to = self._administrator if isinstance(message, Administered) else self._core
        return to.receive(source, message, now)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer has fired."""
        return (self._administrator if name == OWN_TIMER else self._core).timer(name, now)
