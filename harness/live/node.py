"""A node's process: it gives a core its messages and timers, and carries out its effects.

Started as `python -m harness.live.node NAME FD`, where FD is its end of the control pipe.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness import build
from harness.clock import Nanos
from harness.core import (
    CancelTimer,
    Compact,
    Core,
    Effect,
    Message,
    NodeId,
    Note,
    Persist,
    Send,
    SetTimer,
    Snapshot,
)
from harness.error import WorldError
from harness.live import control, process
from harness.live.clocks import Clock, Timers
from harness.live.disk import Disk
from harness.live.network import Network
from harness.live.wire import Codec
from harness.rng import stream


class Node:
    """One incarnation of a node.

    A Persist is handed to the disk and the core goes on taking inputs; whatever it then wants to
    send or say waits, in order, until the record is durable. Timers are set at once: they are seen
    by nobody else, and what they lead to waits its turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._clock = Clock()
        self._timers = Timers(loop, self._clock, self._fired)
        self._held: deque[Send | Note | control.Dumped | int] = deque()  # an int: a disk's mark
        self._tasks: set[asyncio.Task[None]] = set()
        self._core: Core | None = None
        self._disk: Any = None
        self._network: Any = None
        self.channel = control.Channel(control.ToNode, self._ordered, process.leave)

    def _ordered(self, order: control.ToNode) -> None:
        """Do what the controller says."""
        if isinstance(order, control.Begin):
            task = self._loop.create_task(self._begin(order))
            self._tasks.add(task)
            task.add_done_callback(process.finished)
        elif isinstance(order, control.Go):
            self._go(order.origin)
        else:
            assert self._core is not None
            self._do(control.Dumped(self._core.dump(), self._disk.syncs))

    async def _begin(self, begin: control.Begin) -> None:
        """Build the core, open the file, listen."""
        system = build.system(begin.spec)
        me = self._me = begin.me
        self._core = system.node(me, stream(begin.seed, f"{me}/{begin.incarnation}"))
        self._disk = Disk(Path(begin.data), system.record, self._loop, self._release)
        self._network = Network(me, begin.peers, Codec(system.message), self._received)
        try:
            ports = await self._network.listen(begin.ports)
        except WorldError as error:
            self.channel.send(control.Failed(str(error)))
            return
        await self._network.connect()
        gc.freeze()  # what is built now stays: the collector need not look at it again
        self.channel.send(control.Listening(*ports))

    def _go(self, origin: Nanos) -> None:
        """Start the core with what is in the file."""
        assert self._core is not None
        self._clock.origin = origin
        try:
            stored = self._disk.load()
        except WorldError as error:
            self._log(str(error))
            self._core = None
            self.channel.send(control.Failed(f"node {self._me} cannot start: {error}"))
            return
        self._log(f"start with {len(stored)} records")
        if self._disk.dropped:
            self._log(f"dropped a torn record of {self._disk.dropped} bytes")
        self._carry_out(self._core.start(stored, self._clock.now()))
        self.channel.send(control.Ready())

    def _received(self, source: NodeId, message: Message) -> None:
        if self._core is not None and self._clock.origin:
            self._carry_out(self._core.receive(source, message, self._clock.now()))

    def _fired(self, name: str, now: Nanos) -> None:
        assert self._core is not None
        self._carry_out(self._core.timer(name, now))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        held = self._held
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                if held:
                    held.append(effect)  # type: ignore[arg-type]
                else:
                    self._network.send(effect.to, effect.message)  # type: ignore[union-attr]
            elif kind is SetTimer:
                self._timers.set(effect.name, effect.delay)  # type: ignore[union-attr]
            elif kind is CancelTimer:
                self._timers.cancel(effect.name)  # type: ignore[union-attr]
            elif kind is Persist:
                held.append(self._disk.append(effect.record))  # type: ignore[union-attr]
            elif kind is Snapshot:
                held.append(self._disk.replace(effect.record))  # type: ignore[union-attr]
            elif kind is Compact:
                mark = self._disk.compact(effect.record)  # type: ignore[union-attr]
                if mark:
                    held.append(mark)
            else:
                assert isinstance(effect, Note), f"a node cannot do {effect!r}"
                self._do(effect)

    def _do(self, effect: Send | Note | control.Dumped) -> None:
        """Now, or when all before it is durable."""
        if self._held:
            self._held.append(effect)
        elif isinstance(effect, Send):
            self._network.send(effect.to, effect.message)
        elif isinstance(effect, control.Dumped):
            self.channel.send(effect)
        else:
            self._log(f"{effect.what} {effect.data}")
            if effect.what == "role":
                self.channel.send(control.RoleNote(effect.data["role"], effect.data["epoch"]))
            elif effect.what == "members":
                said = control.MembersNote(effect.data["members"], effect.data["epoch"])
                self.channel.send(said)

    def _release(self, mark: int) -> None:
        """Every record up to `mark` is durable: do what waited for them."""
        held = self._held
        ready: list[Any] = []
        while held:
            first = held[0]
            if isinstance(first, int):
                if first > mark:
                    break
                held.popleft()
            else:
                ready.append(held.popleft())
        waits, self._held = held, deque()  # `_do` does it now only while nothing is held
        for effect in ready:
            self._do(effect)
        self._held = waits

    def _log(self, text: str) -> None:
        sys.stderr.write(f"{self._clock.now() / 1e9:12.6f} {self._me} {text}\n")
        sys.stderr.flush()


def main() -> None:
    """Run one node until killed, or until the control pipe closes."""
    # The disk's thread must not wait 5 ms for the interpreter's lock each time a write is durable.
    sys.setswitchinterval(0.0005)
    process.run(lambda: (Node(asyncio.get_running_loop()).channel, None), int(sys.argv[2]))


if __name__ == "__main__":
    main()
