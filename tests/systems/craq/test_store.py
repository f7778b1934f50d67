"""What a replica holds: versions clean and dirty, and where two logs part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems.craq.message import BEGIN, COMMIT, Entry, Stage, Write
from systems.craq.options import Times, checked
from systems.craq.store import Store


def entry(seq: int, epoch: int = 1, key: str = "k", version: int = 0) -> Entry:
    value, version = f"{epoch}.{seq}", version or seq
    return Entry(seq, epoch, f"c{value}", 1, (Write(key, version, value),), value, version)


def store(*epochs: int) -> Store:
    """A store whose entries have these epochs."""
    made = Store()
    made.extend(entry(i + 1, epoch) for i, epoch in enumerate(epochs))
    return made


def test_commit_returns_what_was_not_committed_yet() -> None:
    s = store(1, 1, 1)
    assert [e.seq for e in s.commit(2)] == [1, 2]
    assert [e.seq for e in s.commit(3)] == [3]
    assert s.commit(1) == ()


def test_truncated_log_leaves_no_trace_of_what_was_cut() -> None:
    s = store(1, 1, 2)
    s.commit(1)
    s.truncate(2)
    again = store(1, 1)
    again.commit(1)
    assert s.log == again.log
    assert s.done == again.done
    assert s.stretches() == again.stretches() == ((1, 2),)
    assert (s.cell("k").value, s.cell("k").dirty) == ("1.1", {2: "1.2"})


def state(s: Store) -> tuple[Any, ...]:
    """All there is to know of a store."""
    cells = {k: (c.version, c.value, c.dirty) for k, c in s.cells.items() if c.version or c.dirty}
    across = (s.pending, s.locks, s.ended)
    return s.log, s.committed, cells, s.done, s.stretches(), across


def slow(log: Sequence[Entry], committed: int) -> Store:
    """A store to which this log came entry by entry."""
    made = Store()
    made.extend(log)
    made.commit(committed)
    return made


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=12),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_cut_or_restored_store_is_as_if_its_log_had_come_entry_by_entry(
    shape: list[tuple[int, int, bool]], committed: int, last: int
) -> None:
    versions: Counter[int] = Counter()
    log = []
    for i, (epochs, client, refused) in enumerate(shape):
        epoch = 1 + sum(more for more, _, _ in shape[: i + 1])
        key = client % 2
        versions[key] += not refused
        writes = () if refused else (Write(key, versions[key], i),)
        log.append(Entry(i + 1, epoch, f"c{client}" if epochs < 2 else "", i, writes))
    committed, last = min(committed, len(log)), min(last, len(log))
    restored = Store()
    restored.restore(log, committed)
    assert state(restored) == state(slow(log, committed))
    restored.truncate(last)
    assert state(restored) == state(slow(log[:last], min(committed, last)))


def test_log_with_a_transaction_over_chains_is_restored_and_cut_as_it_came() -> None:
    parts = (("w", "x", "2"),)
    begun = Stage(BEGIN, 0, (0, 1), (parts, ()))
    ended = Stage(COMMIT, 0, (0, 1))
    log = [
        Entry(1, 1, "c1", 1, (Write("x", 1, "1"),), "1", 1),
        Entry(2, 1, "c2", 1, (Write("x", 2, "2"),), parts, stage=begun),
        Entry(3, 1, "c1", 2, (Write("y", 1, "3"),), "3", 1),
        Entry(4, 1, "c2", 1, (Write("x", 2, "2"),), parts, stage=ended),
        Entry(5, 1, "c3", 1, (Write("y", 2, "4"),), "4", 2),
    ]
    for committed in range(6):
        restored = Store()
        restored.restore(log, committed)
        assert state(restored) == state(slow(log, committed))
        for last in range(committed, 6):
            cut = Store()
            cut.restore(log, committed)
            cut.truncate(last)
            assert state(cut) == state(slow(log[:last], committed))


def test_refused_entry_changes_no_value_and_is_remembered() -> None:
    s = Store()
    s.append(Entry(1, 1, "c1", 7, (), error="busy"))
    s.commit(1)
    assert (s.cell("k").version, s.done["c1"].id) == (0, 7)


def test_dumps_of_equal_states_have_equal_digests_whatever_the_order_of_keys() -> None:
    a, b = Store(), Store()
    a.extend([entry(1, key="x", version=1), entry(2, key="y", version=1)])
    b.extend([entry(1, key="y", version=1), entry(2, key="x", version=1)])
    a.commit(2)
    b.commit(2)
    assert a.dump().digest != b.dump().digest  # the values differ
    b.cell("x").value, b.cell("y").value = "1.1", "1.2"
    assert a.dump().digest == b.dump().digest


@given(st.lists(st.integers(1, 4), max_size=8), st.integers(0, 8), st.lists(st.integers(5, 6)))
def test_common_part_of_two_logs_is_where_they_were_the_same(
    epochs: list[int], shared: int, other: list[int]
) -> None:
    mine = sorted(epochs)
    shared = min(shared, len(mine))
    theirs = [*mine[:shared], *sorted(other)]
    slow = 0
    while slow < min(len(mine), len(theirs)) and mine[slow] == theirs[slow]:
        slow += 1
    assert store(*mine).common(store(*theirs).stretches()) == slow


def test_times_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="lease"):
        checked(Times(ping=400, lease=600, detect=900))
