"""The simulated cluster: nodes that can be started, killed, paused and resumed, and clients."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from harness.clock import Nanos
from harness.core import ClientCore, Core, Effect, NodeId
from harness.op import Op, Process
from harness.sim.clocks import Clock
from harness.sim.disk import Disk
from harness.sim.network import Link


class Timer:
    """A named timer. `deadline` is -1 when it is not set, `queued` the time of its event in the
    queue, or -1. Putting the deadline off leaves the event where it is: when that comes, it is
    queued again. So a time limit set and cancelled for each operation costs almost nothing."""

    __slots__ = ("deadline", "name", "queued")

    def __init__(self, name: str) -> None:
        self.name = name
        self.deadline: Nanos = -1
        self.queued: Nanos = -1


class Endpoint:
    """Who can send and be sent to: a node or a client.

    `blocked` is true while inputs wait in `inbox`: the node is paused or waits for its disk.
    """

    __slots__ = ("blocked", "clock", "core", "inbox", "index", "links", "mark", "name", "timers")

    is_node = False

    def __init__(self, name: NodeId, index: int) -> None:
        self.name = name
        self.index = index
        self.core: Any = None
        self.clock: Clock | None = None
        self.links: dict[NodeId, Link] = {}
        self.timers: dict[str, Timer] = {}
        self.inbox: deque[tuple[NodeId | None, Any]] = deque()
        self.blocked = False
        self.mark = 0  # the queue's sequence number when the last input was handled

    def forget_timers(self) -> None:
        """None of the timers set so far will fire."""
        for timer in self.timers.values():
            timer.deadline = -1
        self.timers = {}


class Node(Endpoint):
    """A node or manager. `core` is None while it is down; `rest` are the effects that wait for the
    disk; `incarnation` counts its starts."""

    __slots__ = ("disk", "incarnation", "paused", "rest", "syncing")

    is_node = True
    core: Core | None

    def __init__(self, name: NodeId, index: int) -> None:
        super().__init__(name, index)
        self.disk = Disk()
        self.incarnation = 0
        self.paused = False
        self.syncing = False
        self.rest: Iterator[Effect] | None = None

    def stop(self) -> None:
        """The process is gone, and with it its inputs, timers and unfinished effects."""
        self.core = None
        self.rest = None
        self.paused = self.syncing = self.blocked = False
        self.inbox.clear()
        self.forget_timers()


class Client(Endpoint):
    """The client of one process, or of several that share it; `open` are their operations, and
    when (simulated ns) each was invoked."""

    __slots__ = ("open",)

    core: ClientCore | None

    def __init__(self, name: NodeId, index: int) -> None:
        super().__init__(name, index)
        self.open: dict[Process, tuple[Op, Nanos]] = {}
