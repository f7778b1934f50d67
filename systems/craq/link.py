"""The link to a successor: what has been sent down it, and what has to be sent again."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import MS, Nanos
from harness.core import Effect, NodeId, Send
from systems.craq.message import Ack, Entry, Update

REWIND: Nanos = 20 * MS  # at least so long between two times a gap makes us go back


class Link:
    """To the successor `to` in `epoch`. Sends nothing before the successor has said where its log
    ends; then the entries it lacks, in order, and only then new ones.

    It says so in its Hello; or, where only this node was started again, in its next Ack: a
    successor acknowledges only what it took from us after its Hello, so its log is part of ours.
    """

    batch = 64  # entries of one message
    resend: Nanos = 150 * MS  # without news of what was sent for so long: send it again

    def __init__(self, to: NodeId, epoch: int) -> None:
        self.to = to
        self.epoch = epoch
        self.next = 0  # the seq to send next; 0: not known yet
        self.have = 0  # the successor has all up to this seq
        self._news = 0  # when anything was last heard or sent again
        self._rewound = 0

    def open(self, base: int, now: Nanos) -> None:
        """The successor's log is ours up to `base`."""
        self.next, self.have, self._news = base + 1, base, now

    def push(self, entry: Entry) -> list[Effect]:
        """A new entry at the end of the log."""
        if self.next != entry.seq:
            return []
        self.next += 1
        return [Send(self.to, Update(self.epoch, (entry,)))]

    def pump(self, log: Sequence[Entry]) -> list[Effect]:
        """Everything from `next` to the end of the log."""
        effects: list[Effect] = []
        while 0 < self.next <= len(log):
            batch = tuple(log[self.next - 1 : self.next - 1 + self.batch])
            effects.append(Send(self.to, Update(self.epoch, batch)))
            self.next += len(batch)
        return effects

    def heard(self, ack: Ack, log: Sequence[Entry], now: Nanos) -> list[Effect]:
        """The successor says what it has, and perhaps that it lacks what comes next."""
        if not self.next:
            self.open(ack.have, now)
            return self.pump(log)
        if ack.have > self.have:
            self.have = ack.have
        self._news = now
        if not ack.again or now - self._rewound < REWIND:
            return []
        self._rewound = now
        self.next = min(self.next, self.have + 1)
        return self.pump(log)

    def tick(self, log: Sequence[Entry], committed: int, now: Nanos) -> list[Effect]:
        """Send again what the successor may not have; ask about what it has but the tail may
        not."""
        if not self.next:
            return [Send(self.to, Update(self.epoch, ()))]
        if committed == len(log) or now - self._news < self.resend:
            return []
        self._news = now
        if self.have >= len(log):
            return [Send(self.to, Update(self.epoch, ()))]
        self.next = self.have + 1
        return self.pump(log)
