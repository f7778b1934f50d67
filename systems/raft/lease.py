"""A leader's lease: for so long nobody else can have been elected, so that it may answer reads at
once (Raft thesis, 6.4.1).

A voter that has heard of a leader votes for nobody (but whom that leader named itself, see
TimeoutNow) until `Timing.steadfast` has passed on its own clock; one that has just started does not
know whom it heard, and waits as long (election.py). So nobody is elected before that time has
passed since the leader *sent* what a majority has answered. The lease counts from there, on the
leader's clock, and is shorter by as much as two clocks' speeds may differ. A leader that has told
another to lead has none for the rest of its term: whom it told may stand at any time.
"""

from __future__ import annotations

from harness.clock import Nanos


class Lease:
    """What one leader keeps for its lease: when each of its rounds began. A round's Appends were
    sent then or later. `length` is 0 where there are no leases."""

    def __init__(self, length: Nanos) -> None:
        self.length = length
        self._began: dict[int, Nanos] = {}

    def begin(self, round_: int, now: Nanos) -> None:
        """A round begins, now or later; those that are too old to matter are forgotten."""
        if not self.length:
            return
        for old in [r for r, began in self._began.items() if began + self.length < now]:
            del self._began[old]
        self._began[round_] = now

    def sent(self, round_: int, now: Nanos) -> Nanos:
        """From when a voter's answer to a round, heard now, counts; 0 where it does no more."""
        return self._began.get(round_, 0)

    def holds(self, since: Nanos, now: Nanos) -> bool:
        """Whether it still runs, of what a majority has answered that was sent at `since`."""
        return now < since + self.length

    def give_up(self) -> None:
        """No more leases in this term."""
        self.length = 0
