"""The checker `transactions` on histories made by hand: each anomaly by its name."""

from __future__ import annotations

from typing import Any

import pytest
from by_hand import fault, h, merged
from txn_history import t, txns

from checker import Transactions
from checker.budget import Unlimited
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Result


def judge(history: History, **options: Any) -> Result:
    return Transactions(**options).check(history, Unlimited())


CASES: dict[str, tuple[str, str, History]] = {
    # name of the case: anomaly, strongest model that held, history
    "dirty write": (
        "G0",
        "none",
        txns(
            t(0, 0, 9, "ax1 ay1"),
            t(1, 0, 9, "ax2 ay2"),
            t(2, 10, 11, "rx12"),
            t(3, 10, 11, "ry21"),
        ),
    ),
    "dirty write among appends of one key": (
        "G0",
        "none",
        txns(t(0, 0, 9, "ax1 ax2"), t(1, 0, 9, "ax3"), t(2, 10, 11, "rx132")),
    ),
    "aborted read": (
        "G1a",
        "read uncommitted",
        txns(t(0, 0, 9, "ax1", "fail"), t(1, 10, 11, "rx1")),
    ),
    "intermediate read": (
        "G1b",
        "read uncommitted",
        txns(t(0, 0, 9, "ax1 ax2"), t(1, 0, 9, "rx1"), t(2, 10, 11, "rx12")),
    ),
    "intermediate read of what nobody read to its end": (
        "G1b",
        "read uncommitted",
        txns(t(0, 0, 9, "ax1 ax2", "info"), t(1, 0, 9, "rx1")),
    ),
    "circular information flow": (
        "G1c",
        "read uncommitted",
        txns(t(0, 0, 9, "ax1 ry1"), t(1, 0, 9, "ay1 rx1")),
    ),
    "read skew": (
        "G-single",
        "read committed",
        txns(t(0, 0, 9, "ax1 ay1"), t(1, 0, 9, "rx ry1")),
    ),
    "lost update that a later read shows": (
        "lost-update",
        "read committed",
        txns(t(0, 0, 9, "rx ax1"), t(1, 0, 9, "rx ax2"), t(2, 10, 11, "rx12")),
    ),
    "lost update of a key that nobody read again": (
        "lost-update",
        "read committed",
        txns(t(0, 0, 9, "rx ax1"), t(1, 0, 9, "rx ax2")),
    ),
    "snapshots that do not fit": (
        "G-nonadjacent",
        "read committed",
        txns(  # the long fork: two readers see two appends in two orders
            t(0, 0, 9, "ax1"),
            t(1, 0, 9, "ay1"),
            t(2, 0, 9, "rx1 ry"),
            t(3, 0, 9, "rx ry1"),
        ),
    ),
    "write skew": (
        "G2",
        "snapshot isolation",
        txns(t(0, 0, 9, "rx ay1"), t(1, 0, 9, "ry ax1"), t(2, 10, 11, "rx1 ry1")),
    ),
    "write skew of keys that nobody read again": (
        "G2",
        "snapshot isolation",
        txns(t(0, 0, 9, "rx ay1"), t(1, 0, 9, "ry ax1")),
    ),
    "a process does not see what it did": (
        "G-single-process",
        "serializable",
        txns(t(0, 0, 1, "ax1"), t(0, 1, 9, "rx"), t(1, 10, 11, "rx1")),
    ),
    "stale read": (
        "G-single-realtime",
        "strong session serializable",
        txns(t(0, 0, 1, "ax1"), t(1, 2, 3, "rx"), t(2, 10, 11, "rx1")),
    ),
    "stale read of what nobody read": (
        "G-single-realtime",
        "strong session serializable",
        txns(t(0, 0, 1, "ax1"), t(1, 2, 3, "rx")),
    ),
    "append behind what came after it": (
        "G0-realtime",
        "strong session serializable",
        txns(t(0, 0, 1, "ax1"), t(1, 2, 3, "ax2"), t(2, 10, 11, "rx21")),
    ),
    "stale by way of another": (
        "G1c-realtime",
        "strong session serializable",
        # the reader of 1 returned before 1 was called; y orders nothing
        txns(t(0, 0, 1, "rx1"), t(1, 2, 3, "ax1")),
    ),
    "write skew in time": (
        "G2-realtime",
        "strong session serializable",
        txns(t(0, 0, 1, "ay1"), t(1, 2, 9, "rx"), t(2, 0, 9, "ax1 ry"), t(3, 10, 11, "rx1 ry1")),
    ),
    "incompatible order": (
        "incompatible-order",
        "read uncommitted",
        txns(t(0, 0, 9, "ax1"), t(1, 0, 9, "ax2"), t(2, 10, 11, "rx12"), t(3, 10, 11, "rx2")),
    ),
    "duplicate": (
        "duplicate-elements",
        "none",
        txns(t(0, 0, 9, "ax1"), t(1, 10, 11, "rx11")),
    ),
    "an append without the one before it": (
        "partial-append",
        "none",
        txns(t(0, 0, 9, "ax1 ax2"), t(1, 10, 11, "rx2")),
    ),
    "appends of one transaction in another order": (
        "partial-append",
        "none",
        txns(t(0, 0, 9, "ax1 ax2"), t(1, 10, 11, "ax3"), t(2, 12, 13, "rx213")),
    ),
    "a value from nowhere": ("phantom", "none", txns(t(0, 0, 9, "ax1"), t(1, 10, 11, "rx13"))),
    "a read without the own append": (
        "internal",
        "none",
        txns(t(0, 0, 9, "ax1 rx"), t(1, 10, 11, "rx1")),
    ),
    "a read that is not repeated": (
        "internal",
        "read committed",
        txns(t(0, 0, 9, "rx rx1"), t(1, 0, 9, "ax1")),
    ),
    "a read of the own append to come": (
        "future-read",
        "none",
        txns(t(0, 0, 9, "rx1 ax1")),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_anomaly_has_its_name_and_the_strongest_model_that_held_is_said(case: str) -> None:
    name, strongest, history = CASES[case]
    result = judge(history)
    assert result.verdict == INVALID
    assert name in result.data["names"]
    assert result.data["strongest"] == strongest
    assert (result.cause or "").startswith(f"{name} (")


def test_a_cycle_is_told_in_one_sentence_and_drawn_by_its_edges() -> None:
    result = judge(CASES["read skew"][2])
    assert result.cause == (
        'G-single (read skew): T2 read "y" as [1] with 1 of T1; T2 read "x" as [] without 1 of T1 '
        "(T1 is process 0 at 0 ns, T2 is process 1 at 0 ns)"
    )
    (drawn,) = result.anomalies
    assert drawn.core == (0, 1)
    assert [(e.source, e.target, e.kind, e.label) for e in drawn.edges] == [
        (0, 1, "wr", '"y": 1'),
        (1, 0, "rw", '"x" without 1'),
    ]


def test_real_time_says_how_long_and_a_fault_in_force_is_named() -> None:
    history = merged(
        t(0, 0, 1, "ax1"), fault(2, "kill"), t(1, 4, 5, "rx"), fault(6, "start"), t(2, 9, 10, "rx1")
    )
    result = judge(history)
    assert "T1 had returned 3 ms before T2 was called" in (result.cause or "")
    assert "after kill" in (result.cause or "")


def test_many_readers_of_a_list_and_many_writers_nobody_read_are_few_edges() -> None:
    readers = [t(i, 0, 9, "rx") for i in range(300)]
    writers = [
        [
            (0, 300 + i, "invoke", "txn", [["append", "x", i]]),
            (9, 300 + i, "ok", "txn", [["append", "x", i]]),
        ]
        for i in range(300)
    ]
    late = t(600, 10, 11, "rx")
    assert judge(txns(*readers, *writers)).verdict == VALID
    result = judge(txns(*readers, *writers, late))
    assert set(result.data["names"]) == {"G-single-realtime"}
    assert result.data["edges"]["rw"] == 301


def test_a_cycle_too_long_to_be_read_is_cut_in_words_and_picture() -> None:
    count = 30
    rows = []
    for i in range(count):
        parts = [["append", f"k{i}", 1], ["r", f"k{(i + 1) % count}", None]]
        told = [parts[0], ["r", parts[1][1], [1]]]
        rows.append([(0, i, "invoke", "txn", parts), (9, i, "ok", "txn", told)])
    result = judge(txns(*rows))
    assert result.data["names"] == {"G1c": 1}
    assert "and so on over 30 transactions back to T1" in (result.cause or "")
    (drawn,) = result.anomalies
    assert len(drawn.core) == 7


def test_a_correct_history_is_strict_serializable() -> None:
    history = txns(
        t(0, 0, 9, "rx ax1 rx1 ay1"),
        t(1, 0, 9, "rx1 ax2"),
        t(2, 10, 11, "rx12 ry1"),
    )
    result = judge(history)
    assert (result.verdict, result.cause) == (VALID, None)
    assert result.data["statement"] == "strict serializable"
    assert set(result.data["models"].values()) == {VALID}


def test_a_transaction_of_unknown_outcome_counts_exactly_if_somebody_saw_it() -> None:
    unseen = txns(t(0, 0, 1, "ax1", "info"), t(1, 2, 3, "rx"))
    late = txns(t(0, 0, 1, "ax1", "open"), t(1, 2, 3, "rx"), t(1, 4, 5, "rx1"))
    back = txns(t(0, 0, 1, "ax1 ay1", "info"), t(1, 2, 3, "rx1"), t(1, 4, 5, "ry"))
    assert judge(unseen).verdict == judge(late).verdict == VALID
    assert judge(late).data["unknown_but_seen"] == 1
    assert judge(back).data["names"] == {"G-single-process": 1}


def test_what_failed_for_certain_may_be_tried_again_with_the_same_element() -> None:
    assert judge(txns(t(0, 0, 1, "ax1", "fail"), t(0, 2, 3, "ax1"), t(1, 4, 5, "rx1"))).verdict == (
        VALID
    )


def test_keys_that_nobody_read_accuse_nobody() -> None:
    assert judge(txns(t(0, 0, 1, "ax1 ay1"), t(1, 0, 1, "ay2 ax2"))).verdict == VALID


def test_true_is_not_one() -> None:
    history = h(
        (0, 0, "invoke", "txn", [["append", "x", 1]]),
        (1, 0, "ok", "txn", [["append", "x", 1]]),
        (2, 0, "invoke", "txn", [["append", "x", True]]),
        (3, 0, "ok", "txn", [["append", "x", True]]),
        (4, 0, "invoke", "txn", [["r", "x", None]]),
        (5, 0, "ok", "txn", [["r", "x", [1, True]]]),
    )
    assert judge(history).verdict == VALID


def test_a_weaker_level_may_be_asked_for() -> None:
    history = CASES["write skew"][2]
    assert judge(history, level="snapshot isolation").verdict == VALID
    assert judge(history, level="serializable").verdict == INVALID
    with pytest.raises(ValueError, match=r"unknown level 'serialisable'.*serializable"):
        Transactions(level="serialisable")


def test_write_skew_that_overlaps_on_a_key_nobody_read_is_no_snapshot_isolation() -> None:
    # each misses the other's append, and both append to z: of these one should have been refused
    history = txns(t(0, 0, 9, "rx ay1 az1"), t(1, 0, 9, "ry ax1 az2"))
    result = judge(history, level="snapshot isolation")
    assert result.verdict == INVALID
    assert "must have overlapped" in (result.cause or "")
    assert result.data["strongest"] == "read committed"


@pytest.mark.parametrize(
    ("value", "told", "why"),
    [
        (5, 5, "a transaction is"),
        ([["w", "x", 1]], [], 'r and append, not "w"'),
        ([["r", "x"]], [], "a part of a transaction is"),
        ([["r", "x", None]], [["r", "y", []]], "the answer has"),
        ([["r", "x", None]], [], "0 parts in the answer"),
        ([["r", "x", None]], [["r", "x", 5]], "a read gives a list, not 5"),
        ([["append", "x", 1], ["append", "x", 1]], None, "appended twice"),
    ],
)
def test_what_is_no_transaction_over_lists_is_unknown_with_its_line(
    value: Any, told: Any, why: str
) -> None:
    history = h(
        (0, 0, "invoke", "txn", value), (1, 0, "ok", "txn", value if told is None else told)
    )
    result = judge(history)
    assert result.verdict == UNKNOWN
    assert why in (result.cause or "")
    assert (result.cause or "").startswith("line ")


class Spent:
    """A budget that is spent after it was asked so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def expired(self) -> str | None:
        self.left -= 1
        return "time limit of 1 s" if self.left < 0 else None


def test_without_time_nothing_is_said_and_with_little_a_broken_model_is_still_known() -> None:
    history = CASES["write skew"][2]
    none, little = (Transactions().check(history, Spent(times)) for times in (0, 1))
    assert (none.verdict, none.cause) == (
        UNKNOWN,
        "time limit of 1 s: reads compared, no cycle looked for",
    )
    assert (little.verdict, little.anomalies) == (INVALID, ())
    assert little.data["strongest"] == "snapshot isolation"
    assert little.cause == "not serializable: transactions in a circle (groups: 1)"


def test_an_empty_history_is_strict_serializable() -> None:
    assert judge(h()).verdict == VALID
