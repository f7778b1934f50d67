"""Histories of transactions in a few letters, for tests.

`t(0, 1, 9, "ax1 ry")` is a transaction of process 0 from 1 ms to 9 ms which appends 1 to x and
reads y; `"rx12"` reads x as [1, 2], `"rx"` as [].
"""

from __future__ import annotations

from typing import Any

from by_hand import merged

from harness.history import History


def parts(text: str) -> list[list[Any]]:
    """What was asked and told."""
    found: list[list[Any]] = []
    for word in text.split():
        f, key, digits = word[0], word[1], [int(digit) for digit in word[2:]]
        found += [["append", key, digits[0]]] if f == "a" else [["r", key, digits]]
    return found


def t(process: int, start: float, end: float, text: str, type_: str = "ok") -> list[Any]:
    """The two rows of a transaction; a third outcome `open` leaves the second out."""
    told = parts(text)
    asked = [[f, key, None if f == "r" else value] for f, key, value in told]
    rows: list[Any] = [(start, process, "invoke", "txn", asked)]
    if type_ != "open":
        rows.append((end, process, type_, "txn", told if type_ == "ok" else asked))
    return rows


def txns(*each: list[Any]) -> History:
    """The history of these transactions."""
    return merged(*each)
