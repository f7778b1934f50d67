"""Variants are planted by name, and workloads wrap the clients of a system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import replace

import systems
import workloads
from harness import build
from harness.driver import SystemSpec
from harness.error import PlanError, UserError
from harness.plan import load_plan
from harness.variant import CORRECT, Variant
from systems.zookeeper import ZooKeeper

PLANS = Path(__file__).resolve().parents[2] / "plans"


def slower(system: ZooKeeper) -> ZooKeeper:
    system.timeout *= 2
    return system


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A room with one variant."""
    room = ModuleType("a_room_of_bugs")
    room.VARIANTS = {"slower": Variant("waits longer", CORRECT, slower, ())}  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "a_room_of_bugs", room)
    monkeypatch.setitem(systems.BUGS, "zookeeper", ("a_room_of_bugs",))
    monkeypatch.setitem(workloads.BUGS, "register", "a_room_of_bugs")
    yield


@pytest.mark.usefixtures("planted")
def test_a_bug_of_the_system_is_planted_by_its_name() -> None:
    options = {"timeout": "3s", "bug": "slower"}
    built = build.system(SystemSpec("zookeeper", 3, options))
    assert isinstance(built, ZooKeeper) and built.timeout == 6_000_000_000


@pytest.mark.usefixtures("planted")
def test_a_bug_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="bug: unknown 'slowr': did you mean 'slower'"):
        build.system(SystemSpec("zookeeper", 3, {"bug": "slowr"}))
    with pytest.raises(PlanError, match=r"workload.*bug: unknown 'slowr'"):
        load_plan(PLANS / "zookeeper-sync-reads.yaml", ["workload.bug=slowr"])


def test_concurrency_that_leaves_half_a_client_is_refused() -> None:
    plan = load_plan(PLANS / "zookeeper-sync-reads.yaml")
    plan = replace(plan, concurrency=10, workload=replace(plan.workload, name="tree", options={}))
    options = {"pipeline": 4}
    plan = replace(plan, workload=replace(plan.workload, options=options))
    assert ("concurrency", "10 is no multiple of the workload's pipeline, 4") in build.validate(
        plan
    )
