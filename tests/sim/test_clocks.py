"""A node's clock: what it shows, and how long it makes a node wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clock import MS, SECOND
from harness.core import SetTimer
from harness.rng import stream
from harness.sim.clocks import Clock
from harness.sim.cluster import Client
from harness.sim.network import Network
from harness.sim.simulator import Simulator


def test_clock_is_true_by_default() -> None:
    assert Clock().read(5 * SECOND) == 5 * SECOND
    assert Clock().wait(5 * SECOND) == 5 * SECOND


def test_fast_clock_gains_and_its_timers_come_early() -> None:
    fast = Clock(offset=7, drift=0.25, since=SECOND)
    assert fast.read(SECOND) == SECOND + 7
    assert fast.read(5 * SECOND) == 6 * SECOND + 7
    assert fast.wait(5 * SECOND) == 4 * SECOND


@given(st.integers(0, 10**12), st.integers(0, 10**10), st.floats(-0.5, 0.5))
def test_after_a_wait_the_clock_has_moved_on_by_the_delay(
    now: int, delay: int, drift: float
) -> None:
    clock = Clock(drift=drift)
    assert abs(clock.read(now + clock.wait(delay)) - clock.read(now) - delay) <= 3


class Watch:
    """A core that writes down the time at which its timer fires."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def timer(self, name: str, now: int) -> tuple[()]:
        self.seen.append(now)
        return ()


def test_skewed_endpoint_sees_its_own_time_and_true_time_goes_on() -> None:
    def nothing(_a: object, _b: object) -> None:
        raise AssertionError

    sim = Simulator(Network(stream(1, "network"), 1, 1), stream(1, "disk"), 1, nothing, nothing)
    me = Client("c0", 1)
    me.core = watch = Watch()  # type: ignore[assignment]
    me.clock = Clock(offset=-3 * MS, drift=-0.5)
    sim.carry_out(me, [SetTimer("t", 10 * MS)])
    sim.run(10, [])
    assert sim.now == 20 * MS
    assert watch.seen == [20 * MS - 3 * MS - 10 * MS]
