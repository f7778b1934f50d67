"""A script: a client's protocol written as one straight-line function, run as a ClientCore.

    class Client:
        def __init__(self, home, nodes, timeout):
            self.home = home            # what outlives an operation is kept by the owner
            self.core = Script(self.run, timeout=timeout, reads=frozenset({"read"}))

        def run(self, op, now):
            reply = yield Ask(self.home, Get(id=7, key=op.key), wait=250 * MS)
            if reply is None:           # `wait` has passed
                yield Sleep(10 * MS)
                ...                     # ask another node; the same message id is the same request
            return ok(op, reply.message.value, node=reply.source)

The script need not watch the operation's time limit: when that has passed, the trampoline closes
it and completes the operation itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from msgspec import UNSET, Struct

from harness.clock import Nanos
from harness.core import CancelTimer, Complete, Effect, Message, NodeId, Note, Send, SetTimer
from harness.op import Op, fail, info

TIMER = "script"  # the only timer a script uses


class Ask(Struct, frozen=True, gc=False):
    """Send a message and wait at most `wait` ns for its reply, from whichever node it comes."""

    to: NodeId
    message: Message
    wait: Nanos


class Sleep(Struct, frozen=True, gc=False):
    """Go on after `delay` ns; what arrives meanwhile is ignored."""

    delay: Nanos


class Reply(Struct, frozen=True, gc=False):
    """What an Ask is answered with (None instead where nothing came in time)."""

    source: NodeId
    message: Message


Running = Generator[Ask | Sleep | Send | Note, Reply | None, Op]
Run = Callable[[Op, Nanos], Running]


def same_id(asked: Message, heard: Message) -> bool:
    """Whether `heard` answers `asked`: both have the same `id`."""
    return bool(getattr(heard, "id", UNSET) == asked.id)


class Script:
    """A ClientCore that runs one script an operation.

    `run(op, now)` yields Ask or Sleep (or Send, Note: carried out at once, answered None) and
    returns the completed op. At `timeout` ns after the invocation an operation that is not over
    completes as timeout: fail where `op.f` is one of `reads`, which change nothing, else info.
    `matches(asked, heard)` tells a reply from late ones.
    """

    def __init__(
        self,
        run: Run,
        *,
        timeout: Nanos,
        reads: frozenset[str] = frozenset({"read"}),
        matches: Callable[[Message, Message], bool] = same_id,
    ) -> None:
        self._run = run
        self._timeout = timeout
        self._reads = reads
        self._matches = matches
        self._op: Op | None = None  # None: idle
        self._script: Running | None = None
        self._asked: Any = None  # the message that is waited on; None while sleeping
        self._deadline = self._wake = 0

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin this operation."""
        assert self._op is None, f"{op.f} invoked while {self._op} is open"
        self._op, self._script = op, self._run(op, now)
        self._deadline = now + self._timeout
        return self._resume(None, now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message has come; only the reply that is waited for counts."""
        if self._asked is None or not self._matches(self._asked, message):
            return ()
        return self._resume(Reply(source, message), now)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A wait, a sleep or the operation's time is over."""
        if self._op is None or name != TIMER:
            return ()
        if self._wake < self._deadline:
            return self._resume(None, now)
        assert self._script is not None
        self._script.close()
        ends = fail if self._op.f in self._reads else info
        return self._complete(ends(self._op, "timeout"), [])

    def _resume(self, reply: Reply | None, now: Nanos) -> Iterable[Effect]:
        """Run the script up to its next wait."""
        assert self._script is not None
        effects: list[Effect] = []
        try:
            step = self._script.send(reply)
            while isinstance(step, (Send, Note)):
                effects.append(step)
                step = self._script.send(None)
        except StopIteration as returned:
            return self._complete(returned.value, [*effects, CancelTimer(TIMER)])
        if isinstance(step, Ask):
            self._asked, delay = step.message, step.wait
            effects.append(Send(step.to, step.message))
        else:
            self._asked, delay = None, step.delay
        self._wake = min(now + delay, self._deadline)
        effects.append(SetTimer(TIMER, max(0, self._wake - now)))
        return effects

    def _complete(self, op: Op, effects: list[Effect]) -> Iterable[Effect]:
        self._op = self._script = self._asked = None
        effects.append(Complete(op))
        return effects
