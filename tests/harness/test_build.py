"""What a plan asks of a system, a workload or a driver that cannot do it is refused early."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness import build
from harness.cost import Costs
from harness.fault import Cut, Mend
from harness.plan import Named, Plan
from harness.rng import stream
from harness.sim.driver import SimDriver
from harness.system import plain
from harness.workload import Workload
from systems.toy import Toy


def plan(system: str = "craq", *, workload: str = "register", **fault: Any) -> Plan:
    """A plan with at most one fault."""
    nemesis = (Named(fault.pop("fault"), fault),) if fault else ()
    return Plan("x", Named(system), Named(workload), nemesis=nemesis)


def test_workload_that_the_system_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "supports", frozenset({"read", "write"}))
    assert build.validate(plan("toy", workload="cas-register")) == [
        ("workload", "'toy' cannot do cas: it supports read, write")
    ]
    assert build.validate(plan("toy", workload="register")) == []


def test_fault_that_the_system_cannot_do_is_refused() -> None:
    cannot = "'toy' cannot do add-node, remove-node, which"
    assert build.validate(plan("toy", fault="member")) == [("nemesis.0", f"{cannot} member needs")]
    assert build.validate(plan("toy", fault="kill", wipe=True)) == [
        ("nemesis.0", f"{cannot} kill needs")
    ]
    assert build.validate(plan("toy", fault="kill")) == []
    assert build.validate(plan("raft", fault="member")) == []


def test_move_where_there_are_too_few_chains_is_told_how_many_it_takes() -> None:
    assert build.validate(plan(fault="move")) == [
        (
            "nemesis.0",
            "'craq' cannot do begin-move, move-range, which move needs: that takes "
            "`chains: 2` or more",
        )
    ]
    two = Named("craq", {"chains": 2})
    assert build.validate(replace(plan(fault="move", shards=3), system=two)) == [
        ("nemesis.0.shards", "3 are asked for, but 'craq' has 2 here")
    ]
    assert build.validate(replace(plan(fault="move", shards=2), system=two)) == []
    assert build.validate(replace(plan(fault="move"), system=two)) == []


def test_option_of_the_workload_that_the_system_is_given_otherwise_is_refused() -> None:
    def wrong(system: dict[str, Any], **workload: Any) -> list[tuple[str, str]]:
        made = replace(plan(), system=Named("craq", system), workload=Named("kv", workload))
        return build.validate(made)

    asked = {"read_mode": "bounded", "bound": "500ms"}
    assert wrong({}, **asked) == wrong(asked, **asked) == wrong({"bound": "500ms"}, **asked) == []
    assert wrong({"bound": "2s"}, **asked) == [
        ("workload.bound", "'500ms', but system.bound is '2s': give it once")
    ]
    assert [field for field, _ in wrong({}, bound="500ms")] == ["workload.bound"]
    assert [field for field, _ in wrong(asked, bound="500ms")] == ["workload.bound"]


def test_negative_number_of_spares_is_refused_as_such() -> None:
    assert build.validate(replace(plan(), system=Named("craq", {"spares": -1}))) == [
        ("system.spares", "system 'craq': spares: cannot be negative, got -1")
    ]


def test_fault_that_the_driver_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimDriver, "able", frozenset({Cut, Mend}))
    assert build.validate(plan(fault="kill")) == [
        ("nemesis.0", "the sim driver cannot do kill (Kill, Start)")
    ]
    assert build.validate(plan(fault="partition")) == []


def test_role_that_no_node_of_the_system_has_is_refused() -> None:
    assert build.validate(plan("raft", fault="kill", targets=["leader", "head"])) == [
        ("nemesis.0.targets", "'raft' has no head; its roles: follower, leader")
    ]
    assert build.validate(plan(fault="kill", targets="head")) == []


def test_cost_of_a_message_that_the_system_does_not_have_is_refused() -> None:
    def wrong(system: str, **costs: Any) -> list[tuple[str, str]]:
        return build.validate(replace(plan(system), costs=Costs(**costs)))

    known = "adopted, beat, reply, request, request/cas, request/read, request/write, state, write"
    assert wrong("toy", receive={"zzz": 1}, nodes={"n9": 2.0}) == [
        ("costs.zzz", f"'toy' has no such message: Known: {known}, written"),
        ("costs.nodes.n9", "there is no node 'n9': one of n1, n2, n3"),
    ]
    assert wrong("toy", receive={"request/raed": 1}, send={"reply": 1}) == [
        (
            "costs.request/raed",
            "'toy' has no such message: did you mean 'request/read'? Known: request/read, "
            "request/write, request/cas, request, adopted, beat, reply, state, write, written",
        )
    ]
    said = wrong("craq", receive={"updat": 1})[0][1]
    assert said.startswith("'craq' has no such message: did you mean 'update'? Known: update, ")
    assert said.count(",") == 11 and " more" in said
    assert "getdata" not in said  # of the service inside it, whose messages come last
    assert wrong("toy", nodes={"n1": 2.0}) == [
        ("costs.nodes", "no message has a cost that could be multiplied")
    ]
    assert wrong("craq", receive={"request/read": 1, "Request/getdata": 1, "append": 1}) == []
    assert wrong("zookeeper", receive={"request/getdata": 1, "forward/multi": 1}) == []
    assert wrong("raft", receive={"write/put": 1, "appended": 1}, send={"append": 1}) == []


def test_live_run_has_no_costs() -> None:
    asked = replace(plan("toy"), driver="live", costs=Costs({"request": 1}))
    assert build.validate(asked) == [
        ("costs", "only the simulator knows costs: a live run takes the time that it takes")
    ]


def test_administrator_gets_the_client_without_the_workloads_own() -> None:
    def wrap(core: Any, me: str, rng: Any) -> Any:
        return ("mine", core)

    bare = Toy(3)
    load = Workload("recipe", frozenset(), None, None, {}, wrap=wrap)
    made = build.wrapped(bare, load)
    assert plain(made) is bare and plain(bare) is bare
    assert made.client("c0", "n1", stream(1, "c0"))[0] == "mine"  # type: ignore[index]
