"""A simulated disk: what a crash leaves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.core import Compact, Persist, Snapshot
from harness.rng import stream
from harness.sim.disk import Disk, Written

EFFECTS = st.lists(
    st.one_of([st.builds(kind, st.integers()) for kind in (Persist, Snapshot, Compact)])
)


def disk_with(*records: int) -> Disk:
    disk = Disk()
    disk.records.extend(records)
    return disk


def after(effects: list[Written]) -> list[int]:
    """The records that these effects leave, one by one."""
    records: list[int] = []
    for effect in effects:
        records = [*records, effect.record] if isinstance(effect, Persist) else [effect.record]
    return records


@given(EFFECTS, EFFECTS, st.integers())
def test_crash_leaves_all_that_was_synced_and_a_prefix_of_the_rest(
    synced: list[Written], written: list[Written], seed: int
) -> None:
    disk = disk_with()
    for effect in synced:
        disk.write(effect)
    disk.sync()
    for effect in written:
        disk.write(effect)
    disk.crash(stream(seed, "crash"))
    prefixes = [after([*synced, *written[:n]]) for n in range(len(written) + 1)]
    assert disk.records in prefixes
    assert not disk.unsynced


def test_crash_keeps_tears_and_loses_over_many_seeds() -> None:
    seen: Counter[str] = Counter()
    for seed in range(50):
        disk = disk_with(1)
        disk.write(Persist(2))
        seen.update(disk.crash(stream(seed, "crash")))
    assert seen.total() == 50
    assert min(seen["kept"], seen["torn"], seen["lost"]) >= 5


def test_crash_of_a_synced_disk_changes_nothing() -> None:
    disk = disk_with(1, 2)
    assert disk.crash(stream(1, "crash")) == {}
    assert disk.records == [1, 2]


def test_snapshot_is_never_torn() -> None:
    for seed in range(50):
        disk = disk_with(1, 2)
        disk.write(Snapshot(3))
        assert disk.crash(stream(seed, "crash"))["torn"] == 0
        assert disk.records in ([1, 2], [3])
