"""All cycles of a history: one for each part of the graph that has any, named by its edges.

G0: only ww. G1c: ww and wr. G-single: exactly one rw. G-nonadjacent: several, never two in a row.
G2: two in a row. With an edge of process order or real time the name says so: G-single-realtime. A
part is named by the worst that is in it, and a larger part around it is not told of again, unless
that cycle was too long to be read and a short one is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct

from checker.transactions.component import components
from checker.transactions.cycle import Arcs, Step, cheapest
from checker.transactions.edges import PROCESS, RT, RW, VIA, WR, WW, Edges
from checker.transactions.level import (
    COMMITTED,
    SERIALIZABLE,
    SESSION,
    SNAPSHOT,
    STRICT,
    UNCOMMITTED,
)
from checker.transactions.snapshot import INSIDE, halves
from checker.transactions.txn import Txn
from harness.result import Budget

Component = Sequence[int]

READABLE = 8  # transactions of a cycle that a reader can follow
MOST_SHORTENED = 200  # of a cycle in which shortcuts are looked for

# What is searched, the weakest model first; all but snapshot isolation are plain edge kinds.
KINDS = {
    UNCOMMITTED: (WW,),
    COMMITTED: (WW, WR),
    SNAPSHOT: (WW, WR, RW, VIA),
    SERIALIZABLE: (WW, WR, RW, VIA),
    SESSION: (WW, WR, RW, VIA, PROCESS),
    STRICT: (WW, WR, RW, VIA, PROCESS, RT),
}


class Cycle(Struct, frozen=True):
    """A cycle, and the weakest model that forbids it."""

    name: str
    breaks: str
    steps: tuple[Step, ...]


class Parts(Struct, frozen=True):
    """The edges that are on cycles, and for each model the components in which it is broken (for
    snapshot isolation: of starts and ends)."""

    edges: Edges
    halves: Edges
    components: dict[str, list[list[int]]]


def parts(edges: Edges, txns: int) -> Parts:
    """Every component, from the strongest model down. O(edges)."""
    found: dict[str, list[list[int]]] = {}
    inside = edges
    halved = halves(edges.of(), txns)
    for model in (STRICT, SESSION, SERIALIZABLE, SNAPSHOT, COMMITTED, UNCOMMITTED):
        kept = inside.of(*KINDS[model])
        if model == SNAPSHOT:
            halved = halves(kept, txns)
            found[model] = components(halved.nodes, halved.source, halved.target)
            continue
        found[model] = components(kept.nodes, kept.source, kept.target)
        inside = _inside(kept, found[model])
        if model == STRICT:
            edges = inside
    return Parts(edges, halved, found)


def cycles(
    found: Parts, txns: Sequence[Txn], lost: Iterable[int], budget: Budget
) -> Iterator[Cycle]:
    """A cycle of each component, of the weakest model first. From snapshot isolation on those that
    have a transaction of `lost` in them (its update was lost) are told of already. Ends early where
    the budget is spent."""
    rows = [(txn.call, txn.ret, txn.process) for txn in txns]
    when = np.array(rows, np.int64).reshape(-1, 3)
    told: set[int] = set()
    long: set[int] = set()
    for model in KINDS:
        if model == SNAPSHOT:
            told.update(lost)
        in_halves = model == SNAPSHOT
        edges = found.halves if in_halves else found.edges.of(*KINDS[model])
        for component, mine in _each(edges, found.components[model]):
            members = {v // 2 for v in component} if in_halves else set(component)
            if members & told:
                continue
            if budget.expired():
                return
            steps = _cycle(model, component, mine, when, budget)
            if not steps:
                continue
            if len(steps) > READABLE:
                if members & long:
                    continue
                long.add(steps[0].source)
            else:
                told.add(steps[0].source)
            yield Cycle(_name(steps), model, tuple(steps))


def _label(nodes: int, groups: Sequence[Component]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    label = np.full(nodes, -1, np.int64)
    for i, group in enumerate(groups):
        label[list(group)] = i
    return label


def _inside(edges: Edges, groups: Sequence[Component]) -> Edges:
    label = _label(edges.nodes, groups)
    source = label[edges.source]
    return edges.where((source >= 0) & (source == label[edges.target]))


def _each(edges: Edges, groups: Sequence[Component]) -> Iterator[tuple[Component, Edges]]:
    """The components with their own edges, in order."""
    if not groups:
        return
    edges = _inside(edges, groups)
    label = _label(edges.nodes, groups)[edges.source]
    order = np.argsort(label, kind="stable")
    bounds = np.searchsorted(label[order], np.arange(len(groups) + 1))
    for i, group in enumerate(groups):
        mine = order[bounds[i] : bounds[i + 1]]
        yield (
            group,
            Edges(
                edges.nodes,
                edges.source[mine],
                edges.target[mine],
                edges.kind[mine],
                edges.key[mine],
            ),
        )


Times = np.ndarray[tuple[int, int], np.dtype[np.int64]]  # call, return and process


def _cycle(
    model: str, component: Component, edges: Edges, when: Times, budget: Budget
) -> list[Step]:
    if model == STRICT:
        pair = _against_time(edges, when)
        if pair:
            return pair
    steps = cheapest(_arcs(model, component, edges, when), budget)
    if model == SNAPSHOT:
        steps = [
            Step(s.source // 2, s.target // 2, s.kind, s.key) for s in steps if s.kind != INSIDE
        ]
    steps = _without_helpers(steps, len(when))
    return _shortened(steps, when, model)


def _against_time(edges: Edges, when: Times) -> list[Step]:
    """The first edge that leads to a transaction which had returned before the other was called:
    with real time, a cycle of two."""
    txns = len(when)
    plain = np.flatnonzero((edges.source < txns) & (edges.target < txns))
    source, target = edges.source[plain], edges.target[plain]
    back = when[target, 1] < when[source, 0]
    if not back.any():
        return []
    at = plain[back]
    i = at[np.lexsort((edges.kind[at], when[edges.source[at], 0]))[0]]
    a, b = int(edges.source[i]), int(edges.target[i])
    return [Step(a, b, int(edges.kind[i]), int(edges.key[i])), Step(b, a, RT, -1)]


def _arcs(model: str, component: Component, edges: Edges, when: Times) -> Arcs:
    """The edges with their costs: the fewest edges, and of these the fewest rw; below snapshot
    isolation the fewest rw before all."""
    rw, other = (10_001, 10) if model == SNAPSHOT else (11, 10)
    costs = {RW: rw, VIA: 0, INSIDE: 0}
    after: dict[int, list[tuple[int, int, Step]]] = {v: [] for v in component}
    for a, b, kind, key in zip(
        edges.source.tolist(),
        edges.target.tolist(),
        edges.kind.tolist(),
        edges.key.tolist(),
        strict=True,
    ):
        after[a].append((costs.get(kind, other), b, Step(a, b, kind, key)))
    return Arcs(after, _starts(component, edges, when, 2 if model == SNAPSHOT else 1))


def _starts(component: Component, edges: Edges, when: Times, half: int) -> list[int]:
    """Every cycle has an edge that leads back in time; where these end, the first of them first,
    and then all other nodes. `half`: two nodes are one transaction, or one is."""
    txns = len(when)
    a, b = edges.source // half, edges.target // half
    plain = np.flatnonzero((a < txns) & (b < txns))
    back = plain[when[a[plain], 0] > when[b[plain], 0]]
    first = back[np.argsort(when[a[back], 0], kind="stable")]
    return list(dict.fromkeys([*edges.target[first].tolist(), *component]))


def _without_helpers(steps: Sequence[Step], txns: int) -> list[Step]:
    """The same cycle from transaction to transaction."""
    if not steps:
        return []
    turn = next(i for i, step in enumerate(steps) if step.source < txns)
    found: list[Step] = []
    for step in (*steps[turn:], *steps[:turn]):
        if step.source < txns:
            found.append(step)
        else:
            found[-1] = Step(found[-1].source, step.target, RW, step.key)
    return found


def _shortened(steps: list[Step], when: Times, model: str) -> list[Step]:
    """The cycle with every shortcut that real time or process order allows, as far as the model
    asks for these."""
    if model not in (STRICT, SESSION):
        return steps
    while len(steps) <= MOST_SHORTENED:
        count = len(steps)
        nodes = [step.source for step in steps]
        ways = [
            ((i - j) % count, i, j, kind)
            for i in range(count)
            for j in range(count)
            if i != j and (kind := _leads(nodes[i], nodes[j], when, model)) is not None
        ]
        if not ways or min(ways)[0] + 1 >= count:
            break
        length, i, j, kind = min(ways)
        kept = [steps[(j + k) % count] for k in range(length)]
        steps = [*kept, Step(nodes[i], nodes[j], kind, -1)]
    return steps


def _leads(a: int, b: int, when: Times, model: str) -> int | None:
    """Whether one transaction was done before another, and why."""
    if when[a, 2] == when[b, 2] and when[a, 0] < when[b, 0]:
        return PROCESS
    return RT if model == STRICT and when[a, 1] < when[b, 0] else None


def _name(steps: Sequence[Step]) -> str:
    kinds = [step.kind for step in steps]
    count = kinds.count(RW)
    if count > 1:
        in_a_row = any(kinds[i] == RW == kinds[i - 1] for i in range(len(kinds)))
        base = "G2" if in_a_row else "G-nonadjacent"
    elif count == 1:
        base = "G-single"
    else:
        base = "G1c" if WR in kinds else "G0"
    if RT in kinds:
        return f"{base}-realtime"
    return f"{base}-process" if PROCESS in kinds else base
