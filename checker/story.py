"""A story: which tasks contradict one another and how, before it is told as an anomaly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from checker.encode import Task
from harness.result import Edge, Fold

CHAINED = "compared with its value"  # the label of an edge from a writer to a compare-and-set of it
LEAST = 2  # operations between the ends of a chain: fewer are drawn as they are


class Story(Struct, frozen=True):
    """What contradicts what: tasks of the core, edges between them by `at`, and the sentence.

    `kind` is the kind of violation. `judged` are the tasks to judge alone, where they are not those
    of the core: some may be without their answers, or nothing but a moment; `starts` are the
    states they may begin in (none: the initial one). `more` tasks belong to it besides the core.
    """

    core: tuple[Task, ...]
    edges: tuple[Edge, ...]
    sentence: str
    kind: str = ""
    judged: tuple[Task, ...] = ()
    starts: tuple[Any, ...] = ()
    more: int = 0


def folded(edges: Sequence[Edge], keep: int) -> tuple[list[Edge], list[Fold]]:
    """The edges with every long chain of compare-and-sets as one arrow, which says how many lie
    between; and these chains. `keep` is an operation (by `at`) that no chain may hide."""
    into: dict[int, list[Edge]] = {}
    out: dict[int, list[Edge]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge)
        out.setdefault(edge.source, []).append(edge)

    def is_link(at: int) -> bool:
        """Whether an operation only leads on from one compare-and-set to the next."""
        ends = into.get(at, []), out.get(at, [])
        one = len(ends[0]) == len(ends[1]) == 1
        return one and at != keep and all(e[0].label == CHAINED for e in ends)

    folds = []
    for first in edges:
        if first.label != CHAINED or is_link(first.source) or not is_link(first.target):
            continue
        chain = [first.target]
        while is_link(end := out[chain[-1]][0].target):
            chain.append(end)
        if len(chain) >= LEAST:
            folds.append(Fold(first.source, end, tuple(chain)))
    hidden = {at for fold in folds for at in fold.ops}
    left = [e for e in edges if e.source not in hidden and e.target not in hidden]
    arrows = [Edge(f.source, f.target, "ww", f"{len(f.ops)} cas between") for f in folds]
    return left + arrows, folds
