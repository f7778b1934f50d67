"""Read modes under everything at once: how far reads are behind, by the versions they tell."""

from __future__ import annotations

from bisect import bisect_right

import pytest

from harness.clock import MS, Nanos
from harness.op import OK, Op
from tests.systems.craq.chain_storm import chain_storm
from tests.systems.storm import Run

SEEDS = range(3)
STORM = {"every": 250 * MS, "pause": 10 * MS}


class Reads:
    """The ok reads of a run, and the versions that were acknowledged before any time."""

    def __init__(self, run: Run) -> None:
        self.begun: dict[int, Op] = {}
        self.pairs: list[tuple[Op, Op]] = []
        self._acknowledged: dict[int, list[tuple[Nanos, int]]] = {}
        for op in run.client_ops:
            assert isinstance(op.process, int)
            if op.type != OK:
                self.begun[op.process] = op
            elif op.f == "read":
                self.pairs.append((self.begun[op.process], op))
            else:
                versions = self._acknowledged.setdefault(op.key, [])
                newest = max(versions[-1][1] if versions else 0, op.position)
                versions.append((op.time, newest))

    def behind(self, age: Nanos = 0) -> list[int]:
        """For each read: by how many versions it was behind what had been acknowledged `age`
        before it began."""
        return [self._newest(begun, age) - op.position for begun, op in self.pairs]

    def _newest(self, begun: Op, age: Nanos) -> int:
        versions = self._acknowledged.get(begun.key, [])
        at = bisect_right(versions, (begun.time - age - 1, 1 << 60))
        return versions[at - 1][1] if at else 0


def reads(seed: int, **options: object) -> Reads:
    run = chain_storm(seed, **STORM, **options)
    assert run.ending.violation is None
    return Reads(run)


def test_strong_reads_are_never_behind() -> None:
    for seed in SEEDS:
        assert max(reads(seed).behind()) <= 0


def test_reads_bounded_by_time_are_behind_but_not_what_is_older_than_the_bound() -> None:
    runs = [reads(seed, read_mode="bounded", bound="500ms") for seed in SEEDS]
    assert max(max(run.behind()) for run in runs) > 0
    assert all(max(run.behind(500 * MS)) <= 0 for run in runs)


def test_reads_bounded_by_versions_are_behind_by_no_more() -> None:
    runs = [reads(seed, read_mode="bounded", bound_versions=2) for seed in SEEDS]
    assert 0 < max(max(run.behind()) for run in runs) <= 2


@pytest.mark.parametrize("options", [{"bound": "500ms"}, {"bound_versions": 2}])
def test_replica_that_looks_at_no_bound_is_behind_by_more(options: dict[str, object]) -> None:
    runs = (reads(s, read_mode="bounded", bug="bound-ignored", **options) for s in range(12))
    if "bound" in options:
        assert any(max(run.behind(500 * MS)) > 0 for run in runs)
    else:
        assert any(max(run.behind()) > 2 for run in runs)


def test_eventual_reads_never_go_back_at_a_node() -> None:
    for seed in SEEDS:
        seen: dict[tuple[object, object], int] = {}
        for _, op in reads(seed, read_mode="eventual").pairs:
            place = (op.key, op.node)
            assert op.position >= seen.get(place, 0)
            seen[place] = op.position
