"""A recipe: a client's operation made of several operations of the system, in one straight line.

A workload puts it around the system's client (Workload.wrap), so that the history holds the
recipe's own operations ("acquire") and the system sees what they are made of.

    class Counter(Recipe):
        def run(self, op, now):
            while True:
                got = yield Do("getData", "/counter")
                if got.type != OK:
                    return fail(op, got.error)
                data, stat = got.value
                done = yield Do("setData", ["/counter", data + 1, stat["version"]])
                if done.type == OK:
                    return ok(op, data + 1, position=done.position)
                if done.type == INFO:
                    return info(op, done.error)

Lines that the system's client observes (watch events) are recorded as ever, and lie in the recipe's
mailbox from the moment they come until an Await takes them or `clear` empties it; so none is lost
between a read that sets a watch and the Await for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from harness.clock import Nanos
from harness.core import (
    CancelTimer,
    ClientCore,
    Complete,
    Effect,
    Message,
    NodeId,
    Observe,
    SetTimer,
)
from harness.op import INVOKE, WATCH, Op, info

TIMER = "recipe"  # the recipe's own timer; the inner client's keep their names


class Do(Struct, frozen=True, gc=False):
    """Let the system's client do this operation; answered by its completion, whatever its type."""

    f: str
    value: Any = None
    node: NodeId | None = None
    key: Any = UNSET


class Pipeline(Struct, frozen=True, gc=False):
    """Let the system's client do these operations in this order, each sent without waiting for the
    one before; answered by the list of their completions, in the same order."""

    steps: tuple[Do, ...]


class Await(Struct, frozen=True, gc=False):
    """Wait for an observed line that fits, at most `limit` ns; answered by it, or by None. One that
    lies in the mailbox already is taken at once, the oldest first."""

    fits: Callable[[Op], bool]
    limit: Nanos


class Sleep(Struct, frozen=True, gc=False):
    """Go on after `delay` ns; the system's client goes on meanwhile (it keeps its session)."""

    delay: Nanos


class Freeze(Struct, frozen=True, gc=False):
    """Stand still for `span` ns, the system's client too, as a process that is paused: what comes
    for it, messages and timers, is handed to it in order when the time is over."""

    span: Nanos


class Die(Struct, frozen=True, gc=False):
    """End here: the operation completes as info "client died", and nothing is sent any more, so
    that the session of the system's client runs out."""


Step = Do | Pipeline | Await | Sleep | Freeze | Die
Running = Generator[Step, Any, Op]


class Recipe:
    """A ClientCore around a system's. Subclasses write `run`; what an object keeps outlives its
    operations.

    `limit` (ns) is the time for a whole operation: when it has passed, the operation completes as
    info timeout at its next step (a frozen or waiting one at once; an inner operation ends by its
    own limit). `requests` and `events` count the inner operations begun, and the watch events
    received, since the operation began. `now` is the time of what is being handled.
    """

    def __init__(self, inner: ClientCore, limit: Nanos) -> None:
        self.inner = inner
        self.limit = limit
        self.requests = self.events = 0
        self.now: Nanos = 0
        self.mailbox: deque[Op] = deque()
        self._op: Op | None = None
        self._running: Running | None = None
        self._waiting: Step | None = None
        self._answers: dict[int, Op] = {}  # of a pipeline, by place
        self._deadline: Nanos = 0
        self._wake: Nanos = 0
        self._dead = False
        self._frozen: deque[tuple[NodeId | None, Any]] | None = None

    def run(self, op: Op, now: Nanos) -> Running:
        """One operation, from its invocation to its completion."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget the observed lines that nobody has waited for."""
        self.mailbox.clear()

    # --- ClientCore

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin a recipe."""
        assert self._op is None, f"{op.f} invoked while {self._op} is open"
        self._op, self._running = op, self.run(op, now)
        self._deadline = now + self.limit
        self.now = now
        self.requests = self.events = 0
        return self._go_on(None, now)

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message for the system's client."""
        self.now = now
        if self._dead:
            return ()
        if self._frozen is not None:
            self._frozen.append((source, message))
            return ()
        return self._inner(self.inner.receive(source, message, now), now)

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer of the recipe, or of the system's client."""
        self.now = now
        if self._dead:
            return ()
        if name != TIMER:
            if self._frozen is not None:
                self._frozen.append((None, name))
                return ()
            return self._inner(self.inner.timer(name, now), now)
        return list(self._woken(now))

    # --- steps

    def _woken(self, now: Nanos) -> Iterator[Effect]:
        """A wait is over, by its own time or the operation's."""
        step = self._waiting
        if step is None or isinstance(step, (Do, Pipeline)):
            return
        if isinstance(step, Freeze):
            yield from self._thaw(now)
        if self._waiting is not step:  # what waited through the freeze has ended it
            return
        if now >= self._deadline and self._wake >= self._deadline:
            yield from self._give_up()
        else:
            yield from self._go_on(None, now)

    def _thaw(self, now: Nanos) -> Iterator[Effect]:
        """Hand over what came during a freeze."""
        held, self._frozen = self._frozen, None
        for source, what in held or ():
            if source is None:
                yield from self._inner(self.inner.timer(what, now), now)
            else:
                yield from self._inner(self.inner.receive(source, what, now), now)

    def _go_on(self, answer: Any, now: Nanos) -> Iterable[Effect]:
        """Run the recipe up to its next wait."""
        assert self._running is not None
        effects: list[Effect] = []
        self._waiting = None
        try:
            step = self._running.send(answer)
            while isinstance(step, Await) and (found := self._take(step)) is not None:
                step = self._running.send(found)
        except StopIteration as returned:
            return [*effects, *self._complete(returned.value)]
        if now >= self._deadline and not isinstance(step, Die):
            return [*effects, *self._give_up()]
        self._waiting = step
        return [*effects, *self._begin(step, now)]

    def _begin(self, step: Step, now: Nanos) -> Iterable[Effect]:
        assert self._op is not None
        if isinstance(step, Do):
            return self._ask(step, -1, now)
        if isinstance(step, Pipeline):
            assert step.steps, "a pipeline of nothing"
            self._answers = {}
            parts = [self._ask(do, place, now) for place, do in enumerate(step.steps)]
            return [effect for part in parts for effect in part]
        if isinstance(step, Die):
            self._dead = True
            return self._complete(info(self._op, "client died"))
        if isinstance(step, Freeze):
            self._frozen = deque()
            return self._sleep(step.span, now, now + step.span)
        span = step.limit if isinstance(step, Await) else step.delay
        return self._sleep(span, now, self._deadline)

    def _ask(self, step: Do, place: int, now: Nanos) -> Iterable[Effect]:
        """Begin an inner operation; its completion says by its index where in a pipeline it is."""
        assert self._op is not None
        self.requests += 1
        node = UNSET if step.node is None else step.node
        op = Op(place, now, self._op.process, INVOKE, step.f, step.value, UNSET, step.key, node)
        return self._inner(self.inner.invoke(op, now), now)

    def _sleep(self, span: Nanos, now: Nanos, deadline: Nanos) -> Iterable[Effect]:
        self._wake = min(now + span, deadline)
        return (SetTimer(TIMER, max(0, self._wake - now)),)

    def _take(self, step: Await) -> Op | None:
        """The oldest line in the mailbox that fits."""
        for place, seen in enumerate(self.mailbox):
            if step.fits(seen):
                del self.mailbox[place]
                return seen
        return None

    def _give_up(self) -> Iterable[Effect]:
        assert self._op is not None and self._running is not None
        self._running.close()
        return self._complete(info(self._op, "timeout"))

    def _complete(self, op: Op) -> Iterable[Effect]:
        assert self._op is not None
        op = replace(op, process=self._op.process)
        self._op = self._running = self._waiting = None
        return (CancelTimer(TIMER), Complete(op))

    # --- the system's client

    def _inner(self, effects: Iterable[Effect], now: Nanos) -> Iterable[Effect]:
        """Pass on what the system's client asks for, but keep its completions for the recipe, and a
        copy of what it observes."""
        passed: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Complete):
                passed += self._answered(effect.op, now)
                continue
            passed.append(effect)
            if isinstance(effect, Observe):
                passed += self._saw(effect.op, now)
        return passed

    def _answered(self, op: Op, now: Nanos) -> Iterable[Effect]:
        step = self._waiting
        assert isinstance(step, (Do, Pipeline)), f"nobody waits for {op}"
        if isinstance(step, Do):
            return self._go_on(op, now)
        assert op.index not in self._answers, f"answered twice: {op}"
        self._answers[op.index] = replace(op, index=-1)
        if len(self._answers) < len(step.steps):
            return ()
        return self._go_on([self._answers[i] for i in range(len(step.steps))], now)

    def _saw(self, op: Op, now: Nanos) -> Iterable[Effect]:
        if op.f == WATCH:
            self.events += 1
        self.mailbox.append(op)
        if not isinstance(self._waiting, Await):
            return ()
        found = self._take(self._waiting)
        return () if found is None else self._go_on(found, now)
