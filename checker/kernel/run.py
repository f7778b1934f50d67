"""One key's walk: its arrays, where it begins, and how it goes on."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from msgspec import Struct

from checker.kernel import walk
from checker.kernel.rows import more_room, room
from checker.kernel.steps import Steps, steps_of
from checker.kernel.walk import CROSSING, FULL, MAY, MUST, STOPPED, Key, Open
from checker.model import UPDATE
from checker.scan import Scan
from checker.search import BYTES_A_CONFIGURATION, Meter, Progress

SLICE = 20_000  # configurations looked at between two times that a search can be stopped
EACH_RUN = 64  # what a run takes in any case, in configurations
FIRST_ROOM = 256  # rows
ALL = 1 << 40  # more than there can be


class Pace:
    """When a search is to stop for a moment: when the work of a slice is done."""

    def __init__(self) -> None:
        self.left = SLICE

    def is_over(self, spent: int) -> bool:
        """Whether the slice is over after so much more work; then the next one begins."""
        self.left -= spent
        if self.left > 0:
            return False
        self.left = SLICE
        return True


class Mark(Struct, frozen=True):
    """A frontier to begin from: at step `k`, rows of these `states` and `bits`; `loss` if some were
    cut off, `crossing` if it is of a window: then what is open there may have happened before."""

    k: int
    states: Any
    bits: Any
    loss: bool = False
    crossing: bool = False

    @property
    def bytes(self) -> int:
        """What it takes."""
        size: int = self.states.nbytes + self.bits.nbytes
        return size


class Walk:
    """Walks over one key, one after the other."""

    def __init__(self, key: Key) -> None:
        self.last = len(key.returns)
        self._key = key
        bits = int(key.slot.max(initial=0)) + 1
        self._width = width = max(1, -(-bits // 64))
        self._view = _open(bits, width, self._key.next.shape)
        self._sets = [room(FIRST_ROOM, width) for _ in range(3)]
        self._heap = np.zeros(FIRST_ROOM, np.int64)
        self._row = np.zeros(3 * width, np.uint64)
        self._at = np.zeros(walk.PLACES, np.int64)
        self._crossing = np.zeros(0, np.int64)
        self.spent = 0  # what the last `go` has looked at
        self.begin(self.start())

    @property
    def step(self) -> int:
        """The return at which the walk is; where it is dead, that after the one it died at."""
        return int(self._at[walk.STEP])

    @property
    def loss(self) -> bool:
        """Whether rows have been cut off or joined."""
        return bool(self._at[walk.LOSS])

    @property
    def bytes(self) -> int:
        """What the configurations take."""
        total: int = sum(array.nbytes for rows in self._sets for array in rows)
        return total + self._heap.nbytes

    def start(self) -> Mark:
        """The beginning of the history."""
        return Mark(0, np.zeros(1, np.int32), np.zeros((1, 3 * self._width), np.uint64))

    def mark(self) -> Mark:
        """Where the walk is, between two steps."""
        front, rows = self._sets[0], self._at[walk.FRONT]
        return Mark(self.step, front.states[:rows].copy(), front.bits[:rows].copy(), self.loss)

    def window(self, k: int) -> Mark:
        """Every configuration that there could be before step k, and more: any state, all observers
        satisfied, all writes settled, none used, and each open update of which it is not known
        whether it has happened.

        Proof that each configuration there is has no completion that one of these has not (compare
        R5): take the row of the same state. Observers that are satisfied are skipped. A write that
        has been used lets its return pass, being settled, and so does an update that has happened,
        being CROSSING. What the completion linearizes is unused here, too.
        """
        if k == 0:
            return self.start()
        states = np.arange(self._key.next.shape[0], dtype=np.int32)
        bits = np.zeros((len(states), 3 * self._width), np.uint64)
        for slot in self._key.slot[self._open_at(k)]:
            bits[:, self._width + (slot >> 6)] |= np.uint64(1 << (int(slot) & 63))
        return Mark(k, states, bits, True, True)

    def begin(self, mark: Mark) -> None:
        """Go to a mark."""
        key, at = self._key, self._at
        opened = self._open_at(mark.k)
        key.must[self._crossing] = MUST
        is_crossing = (key.kinds[key.mine[opened]] == UPDATE) & (key.must[opened] == MUST)
        self._crossing = opened[is_crossing & mark.crossing]
        key.must[self._crossing] = CROSSING
        self._view.tasks[: len(opened)] = opened
        turn = at[walk.TURN]
        at[:] = 0
        at[walk.TURN] = turn
        at[walk.STEP], at[walk.OPEN], at[walk.FRONT] = mark.k, len(opened), len(mark.states)
        at[walk.CALLED] = key.called[mark.k - 1] if mark.k else 0
        at[walk.LOSS] = mark.loss
        while len(self._heap) < len(mark.states):
            self._grow()
        front = self._sets[0]
        front.states[: len(mark.states)] = mark.states
        front.bits[: len(mark.states)] = mark.bits

    def run(self, limit: int, until: int, most: int, way: int, bytes_: int) -> int:
        """Walk on to a step; see checker.kernel.walk. FULL where that would take more bytes."""
        while True:
            front, kept, queue = self._sets
            end: int = walk.walk(
                limit,
                until,
                most,
                way,
                self._at,
                self._key,
                self._view,
                front,
                kept,
                queue,
                self._heap,
                self._row,
            )
            if end != FULL or 3 * self.bytes > bytes_:
                return end
            self._grow()

    def go(
        self, until: int, most: int, way: int, meter: Meter, pace: Pace, looks: int = ALL
    ) -> Generator[None, None, int]:
        """The same, stopping now and then; STOPPED after about so many configurations."""
        held = self.spent = 0
        try:
            while looks > 0:
                now = self.bytes // BYTES_A_CONFIGURATION
                meter.held += now - held
                held = now
                room = (meter.limit - meter.held + held) * BYTES_A_CONFIGURATION
                end = self.run(min(pace.left, looks), until, most, way, room)
                spent = int(self._at[walk.SPENT])
                self.spent += spent
                looks -= spent
                if pace.is_over(spent + EACH_RUN):
                    yield
                if end != STOPPED:
                    return end
        finally:
            meter.held -= held
        return STOPPED

    def tell(self, progress: Progress, scan: Steps) -> None:
        """How far it has come, if it has come there without joining rows; `scan` is of its key."""
        at = self._at
        progress.looked(scan, int(at[walk.MOST_AT]), int(at[walk.MOST]))
        progress.looked(scan, min(self.step, self.last - 1), int(at[walk.LOOKED]))
        progress.passed(scan, self.step if at[walk.FRONT] else self.step - 1)

    def _open_at(self, k: int) -> Any:
        """The tasks called before the return before step k, and not returned by then."""
        key = self._key
        called = np.arange(key.called[k - 1] if k else 0)
        found = called[key.order[: len(called)] >= k]
        return found[np.argsort(key.order[found], kind="stable")]

    def _grow(self) -> None:
        rows = 2 * len(self._heap)
        at = self._at
        used = (0, at[walk.KEPT], at[walk.QUEUED]) if at[walk.PHASE] else (0, 0, 0)
        for i, n in enumerate(used):
            self._sets[i] = more_room(self._sets[i], rows, int(n), int(at[walk.TURN]))
        self._heap = np.concatenate([self._heap, np.zeros(rows - len(self._heap), np.int64)])


def key_of(scan: Scan | Steps) -> Key:
    """A key as arrays; the state table of a scan must be closed."""
    steps = steps_of(scan)
    lay, states = steps.layout, steps.states
    must = np.full(len(lay.order), MUST, np.int8)
    must[lay.order >= steps.last] = MAY
    return Key(
        lay.mine,
        lay.slot,
        lay.order,
        must,
        lay.returns,
        lay.called,
        states.kinds,
        states.landing,
        states.next,
    )


def _open(bits: int, width: int, table: tuple[int, int]) -> Open:
    def ints(n: int) -> Any:
        return np.zeros(n, np.int32)

    def words(n: int) -> Any:
        return np.zeros((n, width), np.uint64)

    states, classes = table
    n = bits + 1
    return Open(
        tasks=ints(n),
        kinds=np.zeros(n, np.int8),
        classes=ints(n),
        first=ints(n),
        last=ints(n),
        after=ints(n),
        lands=ints(n),
        sees=words(n),
        enables=words(n),
        seen_at=np.zeros(2 * classes, np.int64),
        group=ints(2 * classes),
        told_at=np.zeros(states, np.int64),
        told=words(states),
        observers=words(1)[0],
        settled=words(1)[0],
        counts=np.zeros(448 * width + 1, np.int64),
    )
