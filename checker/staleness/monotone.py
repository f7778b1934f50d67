"""Reads through one node that go back to an older version."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from msgspec import UNSET

from checker import words
from checker.contradiction import say
from checker.encode import Task
from checker.growing import Chain
from checker.story import Story
from harness.history import History
from harness.result import Edge


def first_back(chain: Chain, history: History) -> tuple[Task, Task] | None:
    """Two reads answered by one node, the first returned before the second was called, of which
    the second saw an older version; those whose second returned first. None where there are none.
    """
    found: tuple[Task, Task] | None = None
    for reads in _by_node(chain, history).values():
        open_: list[tuple[int, int, int, Task]] = []  # by return: its rank, place
        best: tuple[int, Task] | None = None  # the newest version seen by now
        for number, (place, read) in enumerate(sorted(reads, key=lambda r: r[1].call)):
            while open_ and open_[0][0] < read.call:
                _, _, at, task = heappop(open_)
                if best is None or at > best[0]:
                    best = (at, task)
            is_back = best is not None and best[0] > place
            if is_back and best and (found is None or read.ret < found[1].ret):
                found = (best[1], read)
            heappush(open_, (read.ret, number, place, read))
    return found


def _by_node(chain: Chain, history: History) -> dict[Any, list[tuple[int, Task]]]:
    found: dict[Any, list[tuple[int, Task]]] = {}
    for place, tasks in chain.readers.items():
        for task in tasks:
            node = history.ops[history.partner[task.at]].node
            if task.f == "read" and node is not UNSET:
                found.setdefault(node, []).append((place, task))
    return found


def tell_back(history: History, first: Task, second: Task) -> tuple[Task, Story]:
    """The story of two such reads; and the one that went back."""
    late, early = say(history, second), say(history, first)
    sentence = (
        f"{late.whole}, {words.gap(late.returned, early.returned)} {early.what} by {early.who} "
        f"had {early.came}: the node went back to an older version"
    )
    edge = Edge(first.at, second.at, "rt", "returned before it was called")
    return second, Story((first, second), (edge,), sentence)
