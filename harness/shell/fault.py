"""Faults that were typed, as actions on the cluster, and what came of them in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.core import NodeId
from harness.fault import Action, Cut, Kill, Link, Mend, Outcome, Pause, Resume, Start, View
from harness.shell.command import Strike

TAG = "partition"
MADE: dict[str, Callable[[NodeId], Action]] = {
    "kill": Kill,
    "start": Start,
    "pause": Pause,
    "resume": Resume,
}
DONE = {"kill": "killed", "start": "started", "pause": "paused", "resume": "goes on"}

Resolve = Callable[[str], Sequence[NodeId]]  # the nodes that a target names now


def strikes(strike: Strike, view: View, resolve: Resolve) -> list[tuple[NodeId, Action]]:
    """The nodes that a command hits, each with what is done to it."""
    everyone = (*view.nodes, *view.managers)
    nodes: Sequence[NodeId] = [node for target in strike.targets for node in resolve(target)]
    if not strike.targets:
        nodes = [n for n in everyone if n not in view.up or n in view.paused]
        if strike.word == "start":
            nodes = [n for n in nodes if n not in view.up]
        else:
            nodes = [n for n in nodes if n in view.paused]
    return [(node, MADE[strike.word](node)) for node in dict.fromkeys(nodes)]


def nothing(strike: Strike) -> str:
    """Why a command hits no node, in words.

    >>> nothing(Strike("start", ())), nothing(Strike("kill", ("leader",)))
    ('start: all nodes are up', 'kill: nothing to do: no node is leader now')
    """
    if strike.targets:
        return f"{strike.word}: nothing to do: no node is {' or '.join(strike.targets)} now"
    why = "all nodes are up" if strike.word == "start" else "no node is paused"
    return f"{strike.word}: {why}"


def sides(
    groups: Sequence[Sequence[str]], view: View, resolve: Resolve
) -> list[tuple[NodeId, ...]]:
    """The groups of nodes that are to hear nothing of one another; one that is alone is cut off
    from all the rest. Nodes that are in no group keep their links."""
    found = [tuple(dict.fromkeys(n for name in group for n in resolve(name))) for group in groups]
    if len(found) == 1:
        found.append(tuple(n for n in (*view.nodes, *view.managers) if n not in found[0]))
    taken: set[NodeId] = set()
    for i, group in enumerate(found):  # "leader|n1 n2 n3": whoever comes first has the node
        found[i] = tuple(n for n in group if n not in taken)
        taken |= set(group)
    return [group for group in found if group]


def cut(groups: Sequence[Sequence[NodeId]]) -> Cut:
    """Every link between two groups, in both directions; clients keep theirs."""
    links: list[Link] = [
        (a, b)
        for i, left in enumerate(groups)
        for j, right in enumerate(groups)
        if i != j
        for a in left
        for b in right
    ]
    return Cut(TAG, tuple(links))


def mend() -> Mend:
    """Undo the Cut."""
    return Mend(TAG)


def shape(groups: Sequence[Sequence[NodeId]]) -> str:
    """A partition as people write it.

    >>> shape([("n3",), ("n1", "n2")])
    '[n3] | [n1 n2]'
    """
    return " | ".join(f"[{' '.join(group)}]" for group in groups)


def told(node: NodeId, word: str, outcome: Outcome) -> str:
    """What came of one action."""
    if not outcome.done:
        return f"{node}: nothing done: {outcome.why}"
    return f"{node} {DONE[word]}"


def healed(outcome: Outcome) -> str:
    """What came of a heal."""
    if not outcome.done:
        return "no partition is in force"
    return f"healed: {outcome.proof.get('dropped', 0)} messages were dropped"
