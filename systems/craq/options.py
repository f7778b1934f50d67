"""The times a chain lives by, and what must hold between them."""

from __future__ import annotations

from msgspec import Struct

from harness.clock import MS, Nanos


class Times(Struct, frozen=True):
    """All in ns. A node pings the manager every `ping`; its lease runs for `lease` from when the
    ping was sent. Whoever is not heard for `detect` is taken for lost. `drift` is the most by which
    two clocks' speeds differ (0.1: a tenth); `margin` is added to every wait for a lease to end."""

    ping: Nanos = 100 * MS
    lease: Nanos = 600 * MS
    detect: Nanos = 500 * MS
    drift: float = 0.1
    margin: Nanos = 50 * MS

    @property
    def fence(self) -> Nanos:
        """How long after its last grant a node may still believe in its lease."""
        return round(self.lease * (1 + self.drift)) + self.margin


def checked(times: Times) -> Times:
    """The same; raises ValueError where they cannot work together."""
    if not 0 < times.ping * 2 <= times.detect:
        raise ValueError("detect: must be at least twice `ping`")
    if times.ping * 2 > times.lease:
        raise ValueError("lease: must be at least twice `ping`")
    if not 0 <= times.drift < 1:
        raise ValueError("drift: a share from 0 to 1")
    return times
