"""What a leader keeps: how far each follower is, and which reads wait for which round."""

from __future__ import annotations

from collections import deque

from harness.clock import Nanos
from harness.core import NodeId

Read = tuple[NodeId | None, int]  # who asked (None: this node) and its token


class Peer:
    """A follower as its leader knows it."""

    __slots__ = ("flying", "heard", "installed", "mark", "match", "moved", "next", "round", "sent")

    def __init__(self, next_index: int, now: Nanos) -> None:
        self.next = next_index  # the first entry not sent yet
        self.match = 0  # its log equals the leader's up to here, for certain
        self.flying = 0  # Appends with entries that are not answered yet, about
        self.heard = now
        self.mark: int | None = None  # what it says of itself, once it has answered
        self.round = 0  # the last round it has answered
        self.sent: Nanos = 0  # when that round began, or later
        self.installed = 0  # parts of the snapshot that it has, while it needs one
        self.moved = False  # whether `match` has grown since the last heartbeat

    def check_progress(self) -> None:
        """At a heartbeat: Appends that nothing came of are lost. What they carried is found to
        be missing by the next one, whose `prev` the follower then has not."""
        if not self.moved:
            self.flying = 0
        self.moved = False


class ReadRounds:
    """Reads that wait until a majority has confirmed a round begun after they came.

    One round with reads is under way at a time; those that come meanwhile share the next.
    """

    def __init__(self) -> None:
        self.round = 0  # the last round begun; every Append carries it
        self._held: list[Read] = []  # until the leader has committed in its own term
        self._next: list[tuple[Read, int]] = []
        self._running: deque[tuple[int, Read, int]] = deque()

    def hold_back(self, read: Read) -> None:
        """Keep a read that came before the leader's first commit."""
        self._held.append(read)

    def release(self) -> list[Read]:
        """The reads kept back, which are so no longer."""
        held, self._held = self._held, []
        return held

    def add(self, read: Read, position: int) -> bool:
        """Let a read wait for the next round; True where that should begin at once."""
        self._next.append((read, position))
        return not self._running

    def begin(self) -> None:
        """A round begins, for all reads that have come."""
        self.round += 1
        if self._next:
            self._running.extend((self.round, read, position) for read, position in self._next)
            self._next = []

    def finish(self, confirmed: int) -> list[tuple[NodeId | None, int, int]]:
        """The reads of all rounds up to `confirmed`: who asked, the token, the position."""
        done: list[tuple[NodeId | None, int, int]] = []
        while self._running and self._running[0][0] <= confirmed:
            _, (asker, token), position = self._running.popleft()
            done.append((asker, token, position))
        return done

    @property
    def is_due(self) -> bool:
        """Whether reads wait and no round is under way."""
        return bool(self._next) and not self._running
