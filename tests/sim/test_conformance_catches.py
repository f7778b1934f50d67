"""The conformance suite notices a driver that breaks a promise: here, the simulator made worse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from harness.fault import Outcome
from harness.sim.cluster import Client, Endpoint, Node
from harness.sim.disk import Disk
from harness.sim.driver import SimDriver
from harness.sim.network import Network
from harness.sim.simulator import Simulator
from harness.testing import promise_administrator, promise_link, promise_node, promise_run

_disturb = Network.disturb
_mend = Network.mend


def _deaf_disturb(self: Network, action: Any) -> None:
    """Takes note of a disturbance that then does nothing."""
    links = action.links
    _disturb(self, action)
    for link in links:
        self.rules(*link).plain = True
        self.rules(*link).cuts = []


def _both_ways(self: Network, action: Any) -> None:
    back = tuple((b, a) for a, b in action.links)
    _disturb(self, replace(action, links=action.links + back))


def _mend_all(self: Network, tag: str) -> dict[str, int]:
    proofs = {each: _mend(self, each) for each in list(self.in_force)}
    for each in proofs:
        self.in_force.setdefault(each, None)  # type: ignore[arg-type]
    return proofs[tag]


def _never_sync(self: Disk) -> None:
    self.unsynced.clear()


def _append(self: Disk, effect: Any) -> None:
    self.records.append(effect.record)


def _synced_late(self: Simulator, me: Any, first: Any, rest: Any) -> None:
    """Carries on before the disk has the record."""
    me.disk.write(first)
    self.at(self.now + 10**8, lambda node, _: node.disk.sync(), me)


def _keep_timers(self: Endpoint) -> None:
    pass


def _no_pause(self: Any, node: Node) -> Outcome:
    node.paused = True
    return Outcome(True, "", {"state": "stopped"})


def _forget_inbox(self: Any, node: Node) -> Outcome:
    node.paused = False
    node.inbox.clear()
    self.sim.unblock(node)
    return Outcome(True)


def _nothing(self: Any, *_: Any) -> None:
    pass


def _rehire(self: Any, client: Client, process: int) -> None:
    """The thread's next process gets the client whose outcome is unknown."""
    self.clients[process + self.setup.concurrency] = self.clients.pop(process)


def _wipe_nothing(self: Any, node: Node) -> Outcome:
    return Outcome(True, "", {"records": len(node.disk.records)})


def _last_said(self: Any, data: Any) -> None:
    self.now = tuple(data["members"])


def _observe_all(self: Any, client: Client, op: Any) -> None:
    self.steps.observed(op, self._time())


def _never_dismissed(self: Any, client: Client, op: Any) -> None:
    client.open.clear()
    self._go_on(Outcome(True, "", {"type": op.type, "value": op.value}))


def _never_refuse(*_: Any) -> str:
    return ""


BROKEN: tuple[tuple[str, Callable[..., Any], Callable[..., None]], ...] = (
    ("sim.network.Network.disturb", _deaf_disturb, promise_link.a_cut_link_delivers_nothing),
    ("sim.network.Network.disturb", _deaf_disturb, promise_link.clients_can_be_cut_off),
    ("sim.network.Network.disturb", _deaf_disturb, promise_link.a_delay_slows_its_link),
    ("sim.network.Network.disturb", _deaf_disturb, promise_link.loss_loses_and_counts),
    (
        "sim.network.Network.disturb",
        _deaf_disturb,
        promise_link.duplicates_come_twice_and_are_counted,
    ),
    ("sim.network.Network.disturb", _deaf_disturb, promise_link.reordering_reorders_and_is_counted),
    ("sim.network.Network.disturb", _both_ways, promise_link.a_one_way_cut_passes_the_other_way),
    ("sim.network.Network.mend", _mend_all, promise_link.mending_one_tag_leaves_the_other),
    ("sim.disk.Disk.sync", _never_sync, promise_node.what_was_acknowledged_survives_a_kill),
    ("sim.disk.Disk._apply", _append, promise_node.a_snapshot_replaces_what_was_persisted),
    ("sim.disk.Disk._apply", _append, promise_node.a_compaction_loses_and_doubles_nothing),
    (
        "sim.simulator.Simulator._persist",
        _synced_late,
        promise_node.what_was_acknowledged_survives_a_kill,
    ),
    ("sim.cluster.Endpoint.forget_timers", _keep_timers, promise_node.old_timers_never_fire),
    (
        "sim.driver._Run._pause",
        _no_pause,
        promise_node.a_paused_node_misses_time_and_keeps_its_state,
    ),
    (
        "sim.driver._Run._resume",
        _forget_inbox,
        promise_node.a_paused_node_misses_time_and_keeps_its_state,
    ),
    ("sim.driver._Run._retire", _rehire, promise_run.an_unknown_outcome_retires_the_process),
    ("inject.Roles.clear", _nothing, promise_run.the_newest_role_wins),
    ("inject.Members.note", _last_said, promise_administrator.the_newest_members_are_seen),
    ("sim.driver._Run._wipe", _wipe_nothing, promise_node.a_wiped_node_starts_with_nothing),
    (
        "sim.driver._Run._observed",
        _observe_all,
        promise_administrator.an_administrator_is_waited_for,
    ),
    (
        "sim.driver._Run._administered",
        _never_dismissed,
        promise_administrator.an_administrator_that_is_not_answered_gives_up,
    ),
    (
        "sim.driver._Run._dumps",
        lambda self: {},
        promise_run.the_ending_has_a_dump_of_every_node_that_is_up,
    ),
    ("sim.driver.refusal", _never_refuse, promise_node.actions_that_make_no_sense_are_skipped),
)


@pytest.mark.parametrize(
    ("place", "worse", "promise"),
    BROKEN,
    ids=[f"{place}-{promise.__name__}" for place, _, promise in BROKEN],
)
def test_suite_notices(
    place: str,
    worse: Callable[..., Any],
    promise: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"harness.{place}", worse)
    with pytest.raises((AssertionError, KeyError)):
        promise(SimDriver, None)
