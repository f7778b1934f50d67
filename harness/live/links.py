"""Directed links as the proxy sees them: what passes, and what disturbs it."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from heapq import heappop, heappush
from random import Random
from typing import Any

from harness.clock import Nanos
from harness.core import NodeId
from harness.disturbance import HELD_BACK, Disturbance
from harness.fault import Cut, Shape
from harness.live.clocks import Clock
from harness.live.wire import split


class Link:
    """One directed link. `sink` is the connection to its target; while there is none, or too much
    waits for it, frames are dropped, as they are on their way to a machine that is gone."""

    def __init__(
        self, source: NodeId, target: NodeId, rng: Random, loop: AbstractEventLoop
    ) -> None:
        self.source = source
        self.target = target
        self.sink: Any = None
        self.choked = False
        self.forwarded = self.unreachable = self.overflowed = 0
        self._random = rng.random
        self._loop = loop
        self._clock = Clock()
        self._cuts: list[Disturbance] = []
        self._shapes: list[Disturbance] = []
        self._queue: list[tuple[Nanos, int, bytes]] = []
        self._sequence = 0
        self._last: dict[bytes, Nanos] = {}  # latest arrival so far, by the name in the frame
        self._alarm: Any = None

    def disturb(self, disturbance: Disturbance) -> None:
        """Put a Cut or Shape in force here."""
        is_cut = isinstance(disturbance.action, Cut)
        (self._cuts if is_cut else self._shapes).append(disturbance)

    def mend(self, disturbance: Disturbance) -> None:
        """End it; others stay, and what is delayed already arrives when it was to."""
        self._cuts = [d for d in self._cuts if d is not disturbance]
        self._shapes = [d for d in self._shapes if d is not disturbance]

    def carry(self, data: bytes, count: int) -> None:
        """Take `count` whole frames from the source."""
        if self._cuts:
            self._drop(count)
        elif self._shapes or self._queue:
            for frame in split(data):
                self._bend(frame)
        else:
            self._pass(data, count)

    def _drop(self, count: int) -> None:
        for cut in self._cuts:
            cut.dropped += count

    def _pass(self, data: bytes, count: int) -> None:
        if self.sink is None:
            self.unreachable += count
        elif self.choked:
            self.overflowed += count
        else:
            self.forwarded += count
            self.sink.write(data)

    def _bend(self, frame: bytes) -> None:
        """Lose a frame, or queue it to arrive once or twice, later, perhaps overtaken."""
        at, copies, overtaken = self._clock.now(), 1, False
        for disturbance in self._shapes:
            shape = disturbance.action
            assert isinstance(shape, Shape)
            if shape.loss and self._random() < shape.loss:
                disturbance.lost += 1
                return
            if shape.delay or shape.jitter:
                swing = (2 * self._random() - 1) * shape.jitter
                at += max(0, shape.delay + int(swing))
                disturbance.delayed += 1
            if shape.duplicate and self._random() < shape.duplicate:
                disturbance.duplicated += 1
                copies += 1
            if shape.reorder and self._random() < shape.reorder:
                disturbance.reordered += 1
                at += int(self._random() * HELD_BACK) + 1
                overtaken = True
        if not overtaken:
            # Nobody is overtaken without `reorder`, as in TCP. Each client has a place of its own.
            name = frame[5 : 5 + frame[4]]
            self._last[name] = at = max(at, self._last.get(name, 0))
        for _ in range(copies):
            self._sequence += 1
            heappush(self._queue, (at, self._sequence, frame))
        self._deliver()

    def _deliver(self) -> None:
        """Pass on what is due, and look again when the next is."""
        now = self._clock.now()
        while self._queue and self._queue[0][0] <= now:
            _, _, frame = heappop(self._queue)
            if self._cuts:
                self._drop(1)
            else:
                self._pass(frame, 1)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._queue:
            self._alarm = self._loop.call_later((self._queue[0][0] - now) / 1e9, self._deliver)
        else:
            self._last.clear()
