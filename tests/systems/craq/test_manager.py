"""The configuration manager: leases, who is left out, who comes back, and when."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import MS, SECOND
from harness.core import Persist, Send
from systems.craq.layout import Config, first_layout
from systems.craq.manager import BOOT, TICK, Manager
from systems.craq.message import Grant, Ping
from systems.craq.options import Times
from tests.systems.craq.by_hand import laid

TIMES = Times()
ALL = ("n1", "n2", "n3")


class Managed:
    """A manager whose nodes ping as they are told; time goes in steps of its timer."""

    def __init__(self, *stored: Config, first: int = 0) -> None:
        self.now = first
        self.manager = Manager("m1", ALL, first_layout(ALL), TIMES)
        self.sent: list[tuple[str, Grant]] = []
        self.leased: dict[str, int] = {}
        self.began: dict[int, int] = {}  # epoch -> when
        self.answered = dict.fromkeys(ALL, first)
        self.do(self.manager.start([laid(config) for config in stored], self.now))

    @property
    def config(self) -> Config:
        return self.manager.layout.chains[0]

    def do(self, effects: Any) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                grant = effect.message
                self.sent.append((effect.to, grant))
                if grant.lease:
                    self.leased[effect.to] = self.now
                self.began.setdefault(grant.layout.chains[0].epoch, self.now)

    def ping(self, node: str, *, deaf: bool = False, hears: Any = None, ready: bool = True) -> None:
        """`deaf`: it has had no answer since the last ping that was not deaf."""
        if not deaf:
            self.answered[node] = self.now
        others = tuple(n for n in ALL if n != node) if hears is None else tuple(hears)
        epoch = self.config.epoch
        ping = Ping(epoch, 1, self.now, self.answered[node], others, ready)
        self.do(self.manager.receive(node, ping, self.now))

    def run(self, time: int, *pinging: str, **how: Any) -> None:
        """Let time pass while these nodes ping."""
        until = self.now + time
        while self.now < until:
            self.now += TICK
            for node in pinging:
                self.ping(node, **how)
            self.do(self.manager.timer("tick", self.now))


def steady() -> Managed:
    managed = Managed()
    managed.run(1 * SECOND, *ALL)
    return managed


def test_first_chain_is_all_nodes_and_is_written_down_before_it_is_told() -> None:
    effects = list(Manager("m1", ALL, first_layout(ALL), TIMES).start((), 0))
    assert effects[0] == Persist(laid(Config(1, ALL)))
    assert Send("n1", Grant(laid(Config(1, ALL)))) in effects[1:]


def test_nodes_that_start_slowly_are_waited_for() -> None:
    managed = Managed()
    managed.run(BOOT, "n1", "n2")
    managed.run(TIMES.detect - TICK, *ALL)
    assert managed.config == Config(1, ALL)


def test_chain_that_is_well_is_left_alone() -> None:
    managed = steady()
    managed.run(5 * SECOND, *ALL)
    assert managed.config == Config(1, ALL)


def test_lost_node_is_left_out_when_its_lease_is_over_and_not_before() -> None:
    managed = steady()
    last = managed.leased["n2"]
    managed.run(2 * SECOND, "n1", "n3")
    assert managed.config == Config(2, ("n1", "n3"))
    assert last + TIMES.fence <= managed.began[2] <= last + TIMES.fence + 2 * TICK
    assert TIMES.fence > TIMES.lease * (1 + TIMES.drift)


def test_node_that_comes_back_in_time_stays() -> None:
    managed = steady()
    managed.run(TIMES.detect + TICK, "n1", "n3")
    managed.run(1 * SECOND, *ALL)
    assert managed.config == Config(1, ALL)


def test_lease_is_not_renewed_once_a_node_is_to_leave() -> None:
    managed = steady()
    managed.run(TIMES.detect + TICK, "n1", "n3")
    managed.ping("n2", deaf=True)
    assert managed.sent[-1][1].lease == 0


def test_manager_that_was_started_again_waits_one_lease_for_its_first_new_epoch() -> None:
    managed = Managed(Config(4, ALL), first=9 * SECOND)
    managed.run(2 * SECOND, "n1", "n3")
    assert managed.config == Config(5, ("n1", "n3"))
    assert managed.began[5] >= 9 * SECOND + TIMES.fence


def test_manager_that_was_started_again_goes_on_with_its_last_configuration() -> None:
    managed = Managed(Config(3, ALL), Config(4, ("n1", "n3")))
    managed.ping("n1")
    assert managed.sent[-1] == ("n1", Grant(laid(Config(4, ("n1", "n3"))), 1, 0, TIMES.lease))


def test_manager_that_stood_still_accuses_nobody() -> None:
    managed = steady()
    managed.now += 10 * SECOND
    managed.do(managed.manager.timer("tick", managed.now))
    managed.run(2 * SECOND, *ALL)
    assert managed.config == Config(1, ALL)


def test_node_that_does_not_hear_the_manager_is_left_out() -> None:
    managed = steady()
    managed.answered["n2"] = managed.now
    until = managed.now + 2 * SECOND
    while managed.now < until:
        managed.run(TICK, "n1", "n3")
        managed.ping("n2", deaf=True)
    assert managed.config == Config(2, ("n1", "n3"))


def test_of_nodes_that_do_not_hear_one_another_the_largest_set_stays() -> None:
    managed = steady()
    until = managed.now + 2 * SECOND
    while managed.now < until:
        managed.ping("n1", hears=())
        managed.ping("n2", hears=("n3",))
        managed.ping("n3", hears=("n2",))
        managed.run(TICK)
    assert managed.config.chain == ("n2", "n3")


def test_chain_of_which_nobody_is_heard_stays_as_it_is() -> None:
    managed = steady()
    managed.run(20 * SECOND)
    assert managed.config == Config(1, ALL)


def test_node_that_still_lacks_something_never_becomes_head() -> None:
    managed = Managed(Config(7, ("n1", "n2"), "n2"))
    managed.run(5 * SECOND, "n2", ready=False)
    assert managed.config == Config(7, ("n1", "n2"), "n2")


def test_node_that_still_lacks_something_may_be_the_head_of_one_that_does_not() -> None:
    managed = Managed(Config(7, ("n1", "n2", "n3"), "n2"))
    managed.run(3 * SECOND, "n2", "n3", ready=False)
    assert managed.config == Config(8, ("n2", "n3"), "n2")


@pytest.mark.parametrize(
    ("join", "chain"),
    [("head", ("n2", "n1", "n3")), ("middle", ("n1", "n2", "n3")), ("tail", ("n1", "n3", "n2"))],
)
def test_spare_joins_where_it_is_to(join: str, chain: tuple[str, ...]) -> None:
    managed = Managed(Config(4, ("n1", "n3")))
    managed.manager.join = join
    managed.run(1 * SECOND, "n1", "n3")
    managed.ping("n2")
    managed.run(TICK, "n1", "n3")
    assert managed.config == Config(5, chain, "n2")


def test_joined_tail_that_lacks_nothing_may_become_head() -> None:
    managed = Managed(Config(7, ("n1", "n2"), "n2"))
    managed.run(1 * SECOND, "n1", "n2")
    assert managed.config == Config(7, ("n1", "n2"))
    managed.run(2 * SECOND, "n2")
    assert managed.config == Config(9, ("n2",))


def test_spare_is_let_in_at_the_tail_once_it_has_caught_up() -> None:
    managed = Managed(Config(4, ("n1", "n3")))
    managed.run(1 * SECOND, "n1", "n3")
    for _ in range(20):
        managed.ping("n2", ready=False)
        managed.run(TICK, "n1", "n3")
    assert managed.config == Config(4, ("n1", "n3"))
    managed.ping("n2")
    managed.run(TICK, "n1", "n3")
    assert managed.config == Config(5, ("n1", "n3", "n2"), "n2")


def test_spare_that_the_chain_does_not_hear_stays_outside() -> None:
    managed = Managed(Config(4, ("n1", "n3")))
    for _ in range(40):
        managed.ping("n2")
        managed.ping("n1", hears=("n3",))
        managed.run(TICK, "n3")
    assert managed.config == Config(4, ("n1", "n3"))


def test_spares_come_in_one_at_a_time() -> None:
    managed = Managed(Config(4, ("n1",)))
    managed.ping("n1")
    managed.ping("n2")
    managed.ping("n3")
    managed.run(TICK)
    assert managed.config == Config(5, ("n1", "n2"), "n2")
    managed.run(500 * MS, "n1", "n3")
    assert managed.config.epoch == 5


# Spares and several chains


class Fleet:
    """A manager of n1 n2 | n3 n4 with the spares n5 and n6; whoever pings hears all others, and has
    caught up with the chain that calls it."""

    nodes = tuple(f"n{i}" for i in range(1, 7))

    def __init__(self) -> None:
        self.now = 0
        first = first_layout(self.nodes, chains=2, spares=2)
        self.manager = Manager("m1", self.nodes, first, TIMES)
        list(self.manager.start((), self.now))

    @property
    def chains(self) -> list[tuple[str, ...]]:
        return [config.chain for config in self.manager.layout.chains]

    def run(self, time: int, *lost: str) -> None:
        """Let time pass while all but these ping."""
        until = self.now + time
        while self.now < until:
            self.now += TICK
            layout = self.manager.layout
            for node in self.nodes:
                number = layout.place_of(node, self.nodes)
                epoch = layout.chains[number].epoch if number >= 0 else 0
                if node not in lost:
                    ping = Ping(epoch, 1, self.now, self.now - 1, self.nodes, True)
                    list(self.manager.receive(node, ping, self.now))
            list(self.manager.timer("tick", self.now))


def test_chain_that_lost_a_node_gets_a_spare_and_the_other_does_not() -> None:
    fleet = Fleet()
    fleet.run(5 * SECOND)
    assert fleet.chains == [("n1", "n2"), ("n3", "n4")]
    fleet.run(2 * SECOND, "n3")
    assert fleet.chains == [("n1", "n2"), ("n4", "n5")]


def test_node_that_comes_back_is_a_spare_and_makes_no_chain_longer() -> None:
    fleet = Fleet()
    fleet.run(5 * SECOND)
    fleet.run(2 * SECOND, "n1")
    fleet.run(3 * SECOND)
    assert fleet.chains == [("n2", "n5"), ("n3", "n4")]
    fleet.run(2 * SECOND, "n5", "n6")
    assert fleet.chains == [("n2", "n1"), ("n3", "n4")]


def test_two_chains_that_lose_nodes_at_once_both_get_spares() -> None:
    fleet = Fleet()
    fleet.run(5 * SECOND)
    fleet.run(4 * SECOND, "n1", "n4")
    assert sorted(node for chain in fleet.chains for node in chain) == ["n2", "n3", "n5", "n6"]
    epochs = [config.epoch for config in fleet.manager.layout.chains]
    assert len(set(epochs)) == 2
