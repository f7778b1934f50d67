"""The planted variants of the chain: each has plans that hunt it, and does what it says."""

from __future__ import annotations

import pytest

from harness import build
from harness.clock import MS
from harness.driver import SystemSpec
from harness.error import UserError
from harness.plan import load_plan
from harness.rng import stream
from harness.variant import CORRECT
from systems.craq.bugs import MISSING, VARIANTS, TakesAnything
from systems.craq.layout import Config
from systems.craq.message import Ack, Reply, Update
from tests.simulation.test_plans import ROOT
from tests.systems.craq.by_hand import Chain, entry_of


@pytest.mark.parametrize("name", list(VARIANTS))
def test_variant_makes_every_node_and_names_plans_that_are_there(name: str) -> None:
    variant = VARIANTS[name]
    system = build.system(SystemSpec("craq", 3, {**variant.options, "bug": name}))
    for me in (*system.nodes, *system.managers):
        assert system.node(me, stream(1, me)) is not None
    for plan in variant.plans:
        load_plan(ROOT / "plans" / f"{plan}.yaml", [f"system.bug={name}"])
    assert (variant.kind == CORRECT) == (not variant.plans) == (not variant.caught_by)


def test_bug_of_elected_managers_needs_some() -> None:
    alone = {"ensemble": 0, "managers": 1, "bug": "two-configs-one-epoch"}
    with pytest.raises(UserError, match="ensemble"):
        build.system(SystemSpec("craq", 3, alone))


def test_hole_in_a_log_changes_nothing_and_answers_nobody() -> None:
    chain = Chain()
    tail = _planted(chain, "n3")
    chain.hear("n3", Update(1, (entry_of(2, "c2", "b"),)), "n2")
    assert [entry.error for entry in tail.store.log] == [MISSING, ""]
    assert chain.told == [("c2", Reply(1, 1, "", "b", 2))]
    assert chain.flying == [("n3", "n2", Ack(1, 2, 2))]


def _planted(chain: Chain, name: str) -> TakesAnything:
    """A node of a chain that takes updates as they come."""
    chain.now += 1 * MS
    old = chain[name]
    node = TakesAnything(name, chain.names, ("m1",), old.times, stream(1, name))
    chain.nodes[name] = node
    chain.do(name, node.start((), chain.now))
    chain.follow(Config(1, chain.names), name)
    chain.flow()
    return node
