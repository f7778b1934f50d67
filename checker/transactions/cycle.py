"""A shortest cycle inside one strongly connected component."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from msgspec import Struct

from harness.result import Budget

SMALL = 400  # nodes up to which every one is tried as the start: then the cycle is a shortest
STARTS = 48  # of those in a larger one
MOST_WORK = 200_000  # nodes looked at; then the cycle that was found will do


class Step(Struct, frozen=True, gc=False):
    """One edge of a cycle."""

    source: int
    target: int
    kind: int
    key: int


class Arcs(Struct, frozen=True):
    """The edges of a component: after[node] lists (cost, target, step). A cost is positive."""

    after: dict[int, list[tuple[int, int, Step]]]
    starts: Sequence[int]


def cheapest(arcs: Arcs, budget: Budget) -> list[Step]:
    """The steps of a cycle of the least cost, in order. In a large component only some starts are
    tried, the given ones first, and the cycle is a cheapest through one of them."""
    starts = arcs.starts if len(arcs.after) <= SMALL else arcs.starts[:STARTS]
    best: list[Step] = []
    least = 1 << 60
    work = 0
    for start in starts:
        cost, steps, looked = _around(arcs, start, least)
        work += looked
        if steps:
            best, least = steps, cost
        if best and (work > MOST_WORK or budget.expired()):
            break
    return best


def _around(arcs: Arcs, start: int, limit: int) -> tuple[int, list[Step], int]:
    """The cheapest way from a node back to it that costs less than `limit` (no steps if none), and
    how many nodes were looked at."""
    came: dict[int, Step] = {}
    settled: set[int] = set()
    costs = {start: 0}
    heap = [(0, start)]
    while heap:
        cost, v = heappop(heap)
        if v in settled:
            if v != start or not cost:
                continue
            return cost, _way(came, start), len(settled)
        settled.add(v)
        for more, w, step in arcs.after.get(v, ()):
            reached = cost + more
            known = costs.get(w, limit)
            if w == start:
                known = min(limit, known or limit)
            if reached < known:
                costs[w] = reached
                came[w] = step
                heappush(heap, (reached, w))
    return limit, [], len(settled)


def _way(came: dict[int, Step], start: int) -> list[Step]:
    steps = [came[start]]
    while steps[-1].source != start:
        steps.append(came[steps[-1].source])
    return steps[::-1]
