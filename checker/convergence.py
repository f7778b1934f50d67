"""Convergence: after all is healed, every node holds the same state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from harness.core import Dump, NodeId, alike
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result


class Convergence:
    """The checker `convergence`: compares the digests of what the nodes held at the end.

    A node whose log ends where another's goes on is *behind*: it may yet get there, so that is
    unknown and not invalid. `nodes` are all the replicas there were, where that is known: one alone
    cannot differ. Others that hold a state of another kind (the servers z1, z2, ... beside a chain)
    are compared among themselves; and so are the nodes of each group (one chain of several).
    """

    name = "convergence"

    def __init__(self, nodes: Sequence[NodeId] = ()) -> None:
        self._nodes = tuple(nodes)

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid where two nodes differ that have come equally far; unknown where one is behind,
        or where fewer than two, or not all that answered clients, said what they hold."""
        dumps, kinds = history.dumps, _groups(history.dumps)
        if self._nodes:
            dumps = {n: d for n, d in history.dumps.items() if n in self._nodes}
            others = {n: d for n, d in history.dumps.items() if n not in self._nodes}
            kinds = [*_groups(dumps), *alike(others)]
        data = {"digests": {node: dump.digest for node, dump in sorted(history.dumps.items())}}
        for some in kinds:
            groups = by_digest({n: d for n, d in some.items() if n not in behind(some)})
            if len(groups) > 1:
                shown = " | ".join(f"[{' '.join(nodes)}]" for nodes in groups)
                return Result(INVALID, f"nodes hold different states at the end: {shown}", data)
        late = [words for some in kinds for words in behind(some).values()]
        if late:
            return Result(UNKNOWN, f"{'; '.join(late)} at the end", data)
        is_all = bool(dumps) and set(self._nodes) == set(dumps)
        if len(dumps) < 2 and not is_all:
            said = "no node" if not dumps else f"only {next(iter(dumps))}"
            return Result(UNKNOWN, f"{said} said what it holds at the end", data)
        silent = sorted({*_answering(history), *self._nodes} - set(history.dumps))
        if silent:
            return Result(
                UNKNOWN, f"{', '.join(silent)} did not say what it holds at the end", data
            )
        return Result(VALID, None, data)


def behind(dumps: Mapping[NodeId, Dump]) -> dict[NodeId, str]:
    """How far each node has come, in words, whose state is another than that of the node that has
    come farthest, and whose log is the beginning of that one's, as far back as both are kept."""
    found = {}
    farthest = max(dumps.values(), key=_reach, default=None)
    for node, dump in sorted(dumps.items()):
        if farthest is None or dump.digest == farthest.digest or _reach(dump) >= _reach(farthest):
            continue
        there = _by_index(farthest)
        mine = _by_index(dump)
        if all(_is_alike(line, there.get(index, line)) for index, line in mine.items()):
            found[node] = f"{node} has {_reach(dump)} of {_reach(farthest)} log entries"
    return found


def _by_index(dump: Dump) -> dict[int, Any]:
    """The lines of a log by their index; those that name none are counted from 1. A log may begin
    later, where a snapshot has taken the place of what came before."""
    if all(isinstance(line, dict) and type(line.get("index")) is int for line in dump.log):
        return {line["index"]: line for line in dump.log}
    return dict(enumerate(dump.log, 1))


def _is_alike(line: Any, other: Any) -> bool:
    """Whether two lines of an index may be of one log: one that only says how far a snapshot goes
    is like any."""
    ends = (one.get("type") == "snapshot" for one in (line, other) if isinstance(one, dict))
    return line == other or any(ends)


def _reach(dump: Dump) -> int:
    """The index of a log's last line; 0 for one that has none."""
    return max(_by_index(dump), default=0)


def _groups(dumps: Mapping[NodeId, Dump]) -> list[dict[NodeId, Dump]]:
    """By their groups alone."""
    found: dict[str, dict[NodeId, Dump]] = {}
    for node, dump in dumps.items():
        found.setdefault(dump.group, {})[node] = dump
    return list(found.values())


def by_digest(dumps: Mapping[NodeId, Dump]) -> list[list[NodeId]]:
    """The nodes in groups that hold the same, the largest group first."""
    groups: dict[str, list[NodeId]] = {}
    for node, dump in sorted(dumps.items()):
        groups.setdefault(dump.digest, []).append(node)
    return sorted(groups.values(), key=lambda nodes: (-len(nodes), nodes))


def _answering(history: History) -> set[NodeId]:
    """The nodes that answered some client ok."""
    ops = history.ops
    return {op.node for op in ops if op.is_client and op.type == "ok" and op.node is not UNSET}
