"""A client of the managers: it asks for changes of the layout, until they are made."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from harness.clock import MS, Nanos
from harness.core import ClientCore, Effect, Message, NodeId
from harness.op import Op, fail, ok
from harness.script import Ask, Reply, Script, Sleep
from systems.craq.administration import ADMINISTRATION
from systems.craq.message import Administer, Administered

WAIT = 200 * MS  # for an answer, before another manager is asked
PAUSE = 40 * MS  # between two looks whether it is so yet


class Administrator:
    """A script for the operations of systems.craq.administration. A change that is made completes
    with what the manager says of it: at last, or, where that is nothing any more, when it began."""

    def __init__(self, managers: Sequence[NodeId]) -> None:
        self._managers = tuple(managers)
        self._turn = 0
        self._id = 0

    def run(self, op: Op, now: Nanos) -> Generator[Ask | Sleep, Reply | None, Op]:
        """One operation; see harness.script."""
        begun = None
        while True:
            self._id += 1
            manager = self._managers[self._turn]
            reply = yield Ask(manager, Administer(self._id, op.f, op.value), WAIT)
            answer: Administered | None = None if reply is None else reply.message
            if answer is None or not answer.leads:
                self._turn = (self._turn + 1) % len(self._managers)
            elif answer.refused:
                return fail(op, ["refused", answer.refused])
            elif answer.done:
                return ok(op, answer.value or begun or answer.value, node=manager)
            elif answer.value:
                begun = answer.value
            if answer is not None:
                yield Sleep(PAUSE)


class Administrable:
    """A client that may also administer. It does one thing at a time, so both scripts may use the
    one timer."""

    def __init__(self, core: ClientCore, administrator: Script) -> None:
        self._core = core
        self._administrator = administrator
        self._present = core

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin this operation."""
        self._present = self._administrator if op.f in ADMINISTRATION else self._core
        return self._present.invoke(op, now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message has come: to the present operation."""
        is_administrators = isinstance(message, Administered)
        if is_administrators != (self._present is self._administrator):
            return ()
        return self._present.receive(source, message, now)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """The timer has fired."""
        return self._present.timer(name, now)
