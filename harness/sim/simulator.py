"""The simulator: a queue of events in time order, and the effects of pure cores carried out.

An event is (time, sequence, act, a, b): at its time `act(a, b)` is called. Equal times go by
sequence, so a run depends on its seed alone. A node that persists waits for its disk: further
inputs queue until the rest of its effects are carried out, hence in order, and a crash may fall
before any of them. A node whose messages have costs takes one at a time: it decides when the work
on one begins, and what it decided leaves when that ends.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from itertools import chain
from random import Random
from typing import Any

from harness.clock import Nanos
from harness.core import (
    CancelTimer,
    Compact,
    Complete,
    Effect,
    Message,
    NodeId,
    Note,
    Observe,
    Send,
    SetTimer,
)
from harness.op import Op
from harness.sim.cluster import Endpoint, Node, Timer, Work
from harness.sim.disk import Written
from harness.sim.network import Link, Network, drop

Event = tuple[Nanos, int, Callable[[Any, Any], None], Any, Any]


class Simulator:
    """Time, the queue, and the endpoints. `completed`, `noted` and `observed` are told of Complete,
    Note and Observe."""

    __slots__ = (
        "_hash",
        "completed",
        "deliver_",
        "endpoints",
        "events",
        "fsync",
        "messages",
        "network",
        "noted",
        "now",
        "observed",
        "queue",
        "random_disk",
        "seq",
        "trace",
    )

    def __init__(
        self,
        network: Network,
        disk: Random,
        fsync: Nanos,
        completed: Callable[[Any, Op], None],
        noted: Callable[[Endpoint, Note], None],
        observed: Callable[[Any, Op], None] = lambda who, op: None,
    ) -> None:
        self.network = network
        self.random_disk = disk
        self.fsync = fsync
        self.deliver_ = self.deliver  # bound once
        self.completed = completed
        self.noted = noted
        self.observed = observed
        self.now: Nanos = 0
        self.seq = 0
        self.queue: list[Event] = []
        self.endpoints: dict[NodeId, Endpoint] = {}
        self.events = 0
        self.messages = 0
        self.trace: list[int] = []
        self._hash = blake2b(digest_size=8)

    # The queue

    def at(
        self, time: Nanos, act: Callable[[Any, Any], None], a: Any = None, b: Any = None
    ) -> None:
        """Call `act(a, b)` at this time."""
        self.seq += 1
        heappush(self.queue, (time, self.seq, act, a, b))

    def run(self, count: int, todo: list[Any]) -> None:
        """Handle at most `count` events, until there is something in `todo` or none is left."""
        queue, pop = self.queue, heappop
        left = count
        while queue and left:
            event = pop(queue)
            self.now = event[0]
            event[2](event[3], event[4])
            left -= 1
            if todo:
                break
        self.events += count - left
        if len(self.trace) > 4096:
            self._fold()

    def trace_hash(self) -> str:
        """A hash over (time, who) of every input that any core was given."""
        self._fold()
        return self._hash.hexdigest()

    def _fold(self) -> None:
        self._hash.update(array("q", self.trace).tobytes())
        self.trace.clear()

    # Inputs

    def deliver(self, link: Link, message: Message) -> None:
        """A message has come to the end of its link."""
        if link.rules.cuts:
            drop(link.rules)
            return
        target = link.target
        core = target.core
        if core is None:
            return
        if target.blocked:
            target.inbox.append((link.source, message))
            if target.idle:
                self.unblock(target)  # type: ignore[arg-type]
            return
        now = self.now
        self.trace.append(now << 16 | link.code)
        clock = target.clock
        effects = core.receive(link.source, message, now if clock is None else clock.read(now))
        if effects:
            self.carry_out(target, effects)

    def fire(self, target: Endpoint, timer: Timer) -> None:
        """The event of a timer has come; its deadline may have moved on or gone meanwhile."""
        if timer.queued != self.now:
            return  # an earlier event took its place
        timer.queued = -1
        deadline = timer.deadline
        if deadline > self.now:
            self._queue_timer(target, timer, deadline)
        elif deadline >= 0 and target.core is not None:
            if target.blocked:
                target.inbox.append((None, timer))
                if target.idle:
                    self.unblock(target)  # type: ignore[arg-type]
            else:
                self._fire_now(target, timer)
        else:
            self._tidy(target, timer)

    def _fire_now(self, target: Endpoint, timer: Timer) -> None:
        timer.deadline = -1
        now = self.now
        self.trace.append(now << 16 | target.index | 0x8000)
        clock = target.clock
        self.carry_out(
            target, target.core.timer(timer.name, now if clock is None else clock.read(now))
        )
        self._tidy(target, timer)

    def _tidy(self, target: Endpoint, timer: Timer) -> None:
        """Forget a timer that is not set and has no event."""
        if timer.deadline < 0 and timer.queued < 0 and target.timers.get(timer.name) is timer:
            del target.timers[timer.name]

    def unblock(self, node: Node) -> None:
        """Go on with what waited: the rest of the effects, then the inbox."""
        work = node.work
        if node.paused or node.syncing or node.core is None or (work and work.ends >= 0):
            return
        node.blocked = node.idle = False
        if node.rest is not None:
            rest, node.rest = node.rest, None
            self.carry_out(node, rest)
        inbox = node.inbox
        while inbox and not node.blocked:
            source, item = inbox.popleft()
            if source is not None:
                self._receive(node, source, item)
            elif 0 <= item.deadline <= self.now:
                self._fire_now(node, item)
        if work and not node.blocked:
            node.blocked = node.idle = True

    def _receive(self, node: Node, source: NodeId, message: Message) -> None:
        assert node.core is not None
        now = self.now
        self.trace.append(now << 16 | node.index)
        clock = node.clock
        effects = node.core.receive(source, message, now if clock is None else clock.read(now))
        if node.work is None:
            self.carry_out(node, effects)
        else:
            self._work(node, node.work, message, list(effects))

    # Work, where messages have costs

    def _work(self, node: Node, work: Work, message: Message, effects: list[Effect]) -> None:
        """The node has decided what follows from a message; that leaves when the time is over that
        the message takes, and what is sent for it."""
        sent = (effect.message for effect in effects if type(effect) is Send)
        took = work.service.handling(message) + work.service.sending(sent)
        work.longest = max(work.longest, len(node.inbox) + 1)
        if not took:
            self.carry_out(node, effects)
            return
        work.busy += took
        node.rest = iter(effects)
        node.blocked = True
        self._end_work(node, work, self.now + took)

    def _end_work(self, node: Node, work: Work, at: Nanos) -> None:
        work.ends = at
        work.turn += 1
        self.at(at, self._worked, node, work.turn)

    def _worked(self, node: Node, turn: int) -> None:
        work = node.work
        if work is None or work.turn != turn or work.ends < 0:
            return  # it was killed or paused meanwhile
        work.ends = -1
        self.unblock(node)

    def pause(self, node: Node) -> None:
        """Stop the node's process: nothing is handled, and work stands still."""
        node.paused = node.blocked = True
        node.idle = False
        work = node.work
        if work and work.ends >= 0:
            work.left = work.ends - self.now
            work.turn += 1

    def resume(self, node: Node) -> None:
        """Let it go on where it was."""
        node.paused = False
        work = node.work
        if work and work.ends >= 0:
            self._end_work(node, work, self.now + work.left)
        self.unblock(node)

    def begin(self, node: Node, effects: Iterable[Effect]) -> None:
        """A node has started: carry out what it asks for first, which costs nothing."""
        self.carry_out(node, effects)
        self.unblock(node)

    def local(self, target: Endpoint) -> Nanos:
        """The time on this endpoint's clock."""
        return self.now if target.clock is None else target.clock.read(self.now)

    # Effects

    def carry_out(self, me: Endpoint, effects: Iterable[Effect]) -> None:
        """Carry out effects in order, up to one that has to wait for the disk."""
        me.mark = self.seq
        links = me.links
        rest: Iterator[Any] = iter(effects)
        for effect in rest:
            kind = type(effect)
            if kind is Send:
                link = links.get(effect.to)
                if link is None or not link.rules.plain:
                    self._send(me, effect.to, effect.message)
                    continue
                network = self.network  # in line, since most effects come this way
                at = self.now + network.latency + int(network.random() * network.jitter)
                if at < link.last:
                    at = link.last
                else:
                    link.last = at
                self.messages += 1
                self.seq = seq = self.seq + 1
                heappush(self.queue, (at, seq, self.deliver_, link, effect.message))
            elif kind is SetTimer:
                self._set_timer(me, effect.name, effect.delay)
            elif kind is CancelTimer:
                timer = me.timers.get(effect.name)
                if timer is not None:
                    timer.deadline = -1
            elif kind is Complete:
                self.completed(me, effect.op)
            elif kind is Observe:
                self.observed(me, effect.op)
            elif kind is Note:
                self.noted(me, effect)
            elif kind is Compact:
                assert isinstance(me, Node), f"{me.name} is a client, and has no disk: {effect!r}"
                me.disk.write(effect)  # durable with the next record that is synced
            else:
                self._persist(me, effect, rest)
                if me.blocked:
                    return

    def _send(self, me: Endpoint, to: NodeId, message: Message) -> None:
        """Over a link that is new or not plain."""
        link = me.links.get(to)
        if link is None:
            target = self.endpoints.get(to)
            if target is None:
                return  # a client that has retired
            link = me.links[to] = self.network.connect(me, target)
        self.messages += 1
        for at in self.network.arrivals(link, self.now):
            self.at(at, self.deliver_, link, message)

    def _set_timer(self, me: Endpoint, name: str, delay: Nanos) -> None:
        timer = me.timers.get(name)
        if timer is None:
            timer = me.timers[name] = Timer(name)
        clock = me.clock
        at = self.now + (delay if clock is None else clock.wait(delay))
        timer.deadline = at
        if timer.queued < 0 or timer.queued > at:
            self._queue_timer(me, timer, at)

    def _queue_timer(self, me: Endpoint, timer: Timer, at: Nanos) -> None:
        timer.queued = at
        self.seq = seq = self.seq + 1
        heappush(self.queue, (at, seq, self.fire, me, timer))

    def _persist(self, me: Endpoint, first: Written, rest: Iterator[Effect]) -> None:
        """Write this record and those right after it, and block the node until they are synced."""
        assert isinstance(me, Node), f"{me.name} is a client, and has no disk: {first!r}"
        me.disk.write(first)
        for effect in rest:
            if isinstance(effect, Written):
                me.disk.write(effect)
            else:
                rest = chain((effect,), rest)
                break
        me.rest = rest
        me.blocked = me.syncing = True
        took = self.fsync // 2 + int(self.random_disk.random() * self.fsync)
        self.at(self.now + took, self._synced, me, me.incarnation)

    def _synced(self, node: Node, incarnation: int) -> None:
        if node.incarnation != incarnation or node.core is None:
            return
        node.disk.sync()
        node.syncing = False
        self.unblock(node)

    def lose_tail(self, node: Node, rng: Random) -> int:
        """A crash may fall between any two effects: drop some of the last messages of the last
        input's effects, if they have not arrived yet. Returns how many were dropped."""
        flying = [e for e in self.queue if e[1] > node.mark and e[2] is self.deliver_]
        flying = [e for e in flying if e[3].source == node.name]
        if not flying:
            return 0
        flying.sort()
        lost = {e[1] for e in flying[rng.randint(0, len(flying)) :]}
        self.queue[:] = [e for e in self.queue if e[1] not in lost]
        heapify(self.queue)
        return len(lost)
