"""Packages: when faults begin and end, how several run at once, and that all is healed."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SECOND
from harness.fault import KINDS, Kill, Mend, Role, Start, kind_of
from nemesis import REGISTRY, compose
from tests.nemesis.world import World, package, run

TARGETS = ("one", "minority", "majority", "leader", "follower", "primaries", "all", ["n1", "n2"])
FAULTS = ("partition", "kill", "pause", "packet", "slow")
ROLES = {"n1": Role("leader", 2), "n2": Role("follower", 2), "n3": Role("head", 1)}


def times(found) -> dict[str, list[float]]:
    by_f: dict[str, list[float]] = {}
    for op, _ in found:
        by_f.setdefault(op.f, []).append(round(op.time / SECOND, 1))
    return by_f


def test_at_and_for_fix_the_times():
    found = run(World(), [package("partition", at="4s", for_="10s")], 20 * SECOND)
    assert times(found) == {"start-partition": [4.0], "stop-partition": [14.0, 14.0]}


def test_every_repeats_the_fixed_times():
    found = run(World(), [package("kill", at="2s", for_="3s", every="10s")], 25 * SECOND)
    assert times(found) == {"kill": [2.0, 12.0, 22.0], "start": [5.0, 15.0, 25.0]}


def test_interval_is_the_mean_of_the_gaps():
    found = run(World(), [package("pause", interval="2s")], 400 * SECOND)
    gaps = [(b.time - a.time) / SECOND for (a, _), (b, _) in pairwise(found[:-1])]
    assert 1.8 < sum(gaps) / len(gaps) < 2.2
    assert all(0.99 <= gap <= 3.01 for gap in gaps)


def test_default_interval_is_the_plans():
    found = run(World(), [package("pause")], 400 * SECOND)
    assert 60 < len(found) < 100  # 5 s


def test_start_and_stop_alternate_and_every_start_takes_hold():
    found = run(World(), [package("partition", interval="2s")])
    main = [op.f for op, _ in found[:-1]]
    assert set(main[::2]) == {"start-partition"} and set(main[1::2]) == {"stop-partition"}
    assert all(r.state == "installed" for op, r in found if op.f == "start-partition")


def test_op_carries_its_package_and_the_drawn_target():
    words = ["one", "majority", "leader"]
    found = run(World(roles=ROLES), [package("partition", targets=words, interval="2s")])
    drawn = [op.value["targets"] for op, _ in found if op.f == "start-partition"]
    assert sorted(drawn[:3]) == sorted(words)
    assert {op.value["package"] for op, _ in found} == {"partition"}


def test_packages_of_one_kind_do_not_touch_one_another():
    world = World()
    packages = [
        package("partition", "partition-1", targets=["n1"], at="1s", for_="10s"),
        package("partition", "partition-2", targets=["n2"], at="3s", for_="2s"),
    ]
    found = run(world, packages, 20 * SECOND)
    mends = [act.tag for act in world.acts if isinstance(act, Mend)]
    assert mends == ["partition-2", "partition-1"]
    assert {report.package for _, report in found} == {"partition-1", "partition-2"}


def test_faults_of_several_packages_overlap():
    found = run(
        World(),
        [
            package("partition", targets=["n3"], at="3s", for_="6s"),
            package("slow", targets=["n2"], at="7s", for_="6s"),
            package("kill", targets=["n1"], at="8s", for_="3s"),
        ],
        20 * SECOND,
    )
    order = [op.f for op, _ in found[:6]]
    assert order == [
        "start-partition",
        "start-packet",
        "kill",
        "stop-partition",
        "start",
        "stop-packet",
    ]
    assert all(report.state in ("installed", "healed") for _, report in found[:6])


def test_fault_in_force_when_time_is_up_is_healed_by_the_final_generator():
    world = World()
    run(world, [package("kill", targets=["n1"], at="5s", for_="100s")], 10 * SECOND)
    assert world.acts == [Kill("n1"), Start("n1")]


packages = st.lists(
    st.tuples(st.sampled_from(FAULTS), st.sampled_from(TARGETS), st.integers(0, 99)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(packages, st.integers(1, 5), st.integers(0, 2), st.integers(0, 99))
def test_whatever_the_packages_all_is_whole_at_the_end(entries, nodes, managers, seed):
    world = World(nodes, managers, {n: r for n, r in ROLES.items() if int(n[1:]) <= nodes}, seed)
    made = [
        package(fault, f"{fault}-{i}", seed, targets=targets, interval="3s")
        for i, (fault, targets, seed) in enumerate(entries)
    ]
    found = run(world, made)
    assert world.is_whole
    for op, report in found:
        kind = kind_of(op.f)
        assert kind is not None and report.fault == kind.name
        assert report.state != "skipped" or report.why


@settings(max_examples=30, deadline=None)
@given(packages, st.integers(0, 99))
def test_same_seeds_make_the_same_faults(entries, seed):
    def once():
        world = World(5, 1, ROLES, seed)
        made = [
            package(fault, f"{fault}-{i}", seed, targets=targets, interval="3s")
            for i, (fault, targets, seed) in enumerate(entries)
        ]
        return run(world, made), world.acts

    assert once() == once()


def test_colours_are_those_of_the_kinds():
    colours = {kind.name: kind.colour for kind in KINDS}
    assert package("slow").colour == colours["packet"]
    assert package("kill").colour == colours["kill"]


def test_composition_needs_what_its_parts_need():
    whole = compose([package("kill"), package("partition")])
    assert whole.nemesis.needs == package("kill").nemesis.needs | package("partition").nemesis.needs
    assert whole.nemesis.fs == {"kill", "start", "start-partition", "stop-partition"}


def test_no_package_at_all_is_fine():
    assert run(World(), []) == []


@pytest.mark.parametrize("fault", sorted(REGISTRY))
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intervall": "5s"}, "did you mean 'interval'"),
        ({"interval": "5 parsecs"}, "interval: not a duration: '5 parsecs'"),
        ({"interval": 0}, "interval: expected more than nothing"),
        ({"interval": None}, "interval: expected a duration"),
        ({"at": "5s"}, "`at` needs `for`"),
        ({"for": "5s"}, "go with `at`"),
        ({"at": "5s", "for": "5s", "every": "5s"}, "`every` must be longer"),
        ({"at": "5s", "for": "0s"}, "for: expected more than nothing"),
        ({"at": "5s", "for": "1s", "interval": "1s"}, "not both"),
        ({"targets": "heda"}, "did you mean 'head'|unknown option 'targets'"),  # move
    ],
)
def test_wrong_option_is_refused_by_every_fault(fault, options, message):
    with pytest.raises(ValueError, match=message):
        REGISTRY[fault](options, Random(1), SECOND, fault)


def test_changes_of_members_are_healed_last_and_nodes_before_members() -> None:
    whole = compose([package("member"), package("kill", wipe=True), package("partition")])
    assert [op.f for op in whole.final_generator] == ["stop-partition", "start", "grow"]
    assert whole.nemesis.asks == {"add-node", "remove-node"}
