"""A node's clock: how far it is from true time, and how fast it runs."""

from __future__ import annotations

from msgspec import Struct

from harness.clock import Nanos


class Clock(Struct, frozen=True):
    """At true time t this clock shows t + `offset` + (t - `since`) * `drift`.

    `drift` is the share of a second it gains each second (1e-4 is 100 parts per million).
    """

    offset: Nanos = 0
    drift: float = 0.0
    since: Nanos = 0

    def read(self, true: Nanos) -> Nanos:
        """What it shows at this true time."""
        return true + self.offset + round((true - self.since) * self.drift)

    def wait(self, delay: Nanos) -> Nanos:
        """How long, in true time, until it has moved on by `delay`."""
        return round(delay / (1.0 + self.drift))
