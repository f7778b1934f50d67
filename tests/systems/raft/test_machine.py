"""The store's state machine: each command, refusals, once only, and snapshots."""

from __future__ import annotations

from random import Random
from typing import Any

from systems.raft.machine import Add, Extend, Get, Put, Swap, Txn, Value, Values
from systems.raft.message import Entry


def after(*commands: Any) -> tuple[Values, list[Value]]:
    machine = Values()
    return machine, [machine.do(command) for command in commands]


def test_an_append_begins_a_list_and_goes_on() -> None:
    machine, told = after(Extend("k", 1), Extend("k", 2))
    assert told == [Value(1), Value(2)]
    assert machine.query(Get("k")) == Value([1, 2])


def test_an_increment_is_told_the_new_number() -> None:
    _, told = after(Add("k", 2), Add("k", 3), Add("k", -1))
    assert told == [Value(2), Value(5), Value(4)]


def test_what_does_not_fit_the_kind_of_value_is_refused_and_changes_nothing() -> None:
    machine, told = after(
        Put("k", "text"), Extend("k", 1), Add("k", 1), Put("t", True), Add("t", 1)
    )
    assert [value.done for value in told] == [True, False, False, True, False]
    assert machine.values == {"k": "text", "t": True}


def test_a_transaction_reads_what_it_has_done_itself() -> None:
    machine, told = after(
        Put("w", 1),
        Txn(
            [
                ("r", "w", None),
                ("w", "w", 2),
                ("r", "w", None),
                ("append", "l", 5),
                ("r", "l", None),
            ]
        ),
    )
    assert told[1].value == [
        ["r", "w", 1],
        ["w", "w", 2],
        ["r", "w", 2],
        ["append", "l", 5],
        ["r", "l", [5]],
    ]
    assert machine.values == {"w": 2, "l": [5]}


def test_a_transaction_that_cannot_be_done_whole_is_not_done() -> None:
    machine, told = after(Put("w", 1), Txn([("append", "l", 5), ("append", "w", 5)]))
    assert not told[1].done
    assert machine.values == {"w": 1}


def test_a_request_that_comes_twice_is_done_once_and_answered_the_same() -> None:
    for command in (Extend("k", 1), Add("k", 1), Txn([("append", "k", 1), ("r", "k", None)])):
        machine = Values()
        entry: Any = Entry(1, "c1", 1, command)
        first, second = machine.apply(entry, 5), machine.apply(entry, 6)
        assert first == second and first is not None and first.position == 5
        assert machine.values["k"] in ([1], 1)


def test_a_snapshot_has_all_and_shares_nothing_that_changes() -> None:
    rng = Random(1)
    machine = Values()
    for i in range(200):
        machine.apply(Entry(1, f"c{i % 3}", i, _any(rng, i)), i)
    parts, state, digest = machine.save(), machine.state(), machine.digest
    for i in range(200, 300):
        machine.apply(Entry(1, "c1", i, _any(rng, i)), i)
    other = Values()
    other.load(parts)
    assert (other.state(), other.digest) == (state, digest)
    assert machine.state() != state
    again: Any = Entry(1, "c2", 197, Extend("l1", 0))
    assert other.window.find("c2", 197) is not None
    assert other.apply(again, 9) == other.window.find("c2", 197)
    assert other.digest == digest


def _any(rng: Random, i: int) -> Any:
    key = str(rng.randrange(3))
    made = [
        Put("r" + key, i),
        Swap("r" + key, i - 1, i),
        Extend("l" + key, i),
        Add("c" + key, i),
        Txn([("append", "l" + key, i), ("r", "l0", None)]),
    ]
    return rng.choice(made)
