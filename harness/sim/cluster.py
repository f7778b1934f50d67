"""The simulated cluster: nodes that can be started, killed, paused and resumed, and clients."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from harness.clock import Nanos
from harness.core import ClientCore, Core, Effect, NodeId
from harness.cost import Service
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

    `blocked` is true while inputs wait in `inbox`: the node is paused, at work (see Node) or waits
    for its disk. One that is `idle` has nothing to do, but takes its inputs from there all the
    same, since they take time.
    """

    __slots__ = (
        "blocked",
        "clock",
        "core",
        "idle",
        "inbox",
        "index",
        "links",
        "mark",
        "name",
        "timers",
    )

    is_node = False

    def __init__(self, name: NodeId, index: int) -> None:
        self.name = name
        self.index = index
        self.core: Any = None
        self.clock: Clock | None = None
        self.links: dict[NodeId, Link] = {}
        self.timers: dict[str, Timer] = {}
        self.inbox: deque[tuple[NodeId | None, Any]] = deque()
        self.blocked = self.idle = False
        self.mark = 0  # the queue's sequence number when the last input was handled

    def forget_timers(self) -> None:
        """None of the timers set so far will fire."""
        for timer in self.timers.values():
            timer.deadline = -1
        self.timers = {}


class Work:
    """A node at work: its messages cost time, one after another.

    `ends` is when the present one will be done, -1 for none; `left` what remains of it while the
    node is paused; `turn` counts the ends that were set, since only the last one counts. `busy` is
    the time spent so far, `longest` the longest queue that was met.
    """

    __slots__ = ("busy", "ends", "left", "longest", "service", "turn")

    def __init__(self, service: Service) -> None:
        self.service = service
        self.ends: Nanos = -1
        self.left: Nanos = 0
        self.turn = 0
        self.busy: Nanos = 0
        self.longest = 0

    def stop(self) -> None:
        """What was being done is lost."""
        self.ends = -1


class Node(Endpoint):
    """A node or manager. `core` is None while it is down; `rest` are the effects that wait for the
    disk, or for the end of the work on the input that asked for them; `incarnation` counts its
    starts. `work` is the part that its messages' costs have in it; None where they have none."""

    __slots__ = ("disk", "incarnation", "paused", "rest", "syncing", "work")

    is_node = True
    core: Core | None

    def __init__(self, name: NodeId, index: int) -> None:
        super().__init__(name, index)
        self.disk = Disk()
        self.incarnation = 0
        self.paused = False
        self.syncing = False
        self.rest: Iterator[Effect] | None = None
        self.work: Work | None = None

    def stop(self) -> None:
        """The process is gone, and with it its inputs, timers and unfinished effects."""
        self.core = None
        self.rest = None
        self.paused = self.syncing = self.blocked = self.idle = False
        if self.work is not None:
            self.work.stop()
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
