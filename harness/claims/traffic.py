"""What an operation costs in messages: of one client that asks one thing at a time, counted."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from msgspec import Struct

from harness.claims.lab import Lab, Run
from harness.claims.trace import Passed
from harness.clock import MS, SECOND, Nanos
from harness.core import NodeId

QUIET: Nanos = 30 * MS  # between two operations: what belongs to the first is over by then
BEGIN, END = 12 * SECOND, 28 * SECOND  # the cluster has settled; the plans run for 30 s


Counts = dict[tuple[NodeId, str], Fraction]


class Traffic(Struct, frozen=True):
    """Messages an operation, over `operations` of them. `sent` and `taken` are by node and kind of
    message; what is sent without an operation (heartbeats, leases) is left out."""

    system: str
    nodes: int
    operations: int
    sent: Counts
    taken: Counts

    def of(self, node: NodeId, *kinds: str) -> Fraction:
        """What this node sends for an operation; of these kinds, or of all."""
        return _sum(self.sent, node, kinds)

    def most(self, *kinds: str) -> Fraction:
        """The most that any node sends for an operation; of these kinds, or of all."""
        return max(self.of(node, *kinds) for node in self._nodes())

    def load(self, node: NodeId) -> Fraction:
        """What this node sends and takes for an operation."""
        return _sum(self.sent, node, ()) + _sum(self.taken, node, ())

    @property
    def all(self) -> Fraction:
        """All messages an operation, the client's own too."""
        return sum(self.sent.values(), Fraction(0))

    def busiest(self) -> tuple[NodeId, Fraction]:
        """The node that sends and takes most for an operation."""
        return max(((node, self.load(node)) for node in self._nodes()), key=lambda one: one[1])

    def _nodes(self) -> list[NodeId]:
        return sorted({node for node, _ in (*self.sent, *self.taken) if node[0] == "n"})


def _sum(counts: Counts, node: NodeId, kinds: tuple[str, ...]) -> Fraction:
    return sum(
        (n for (who, kind), n in counts.items() if who == node and (not kinds or kind in kinds)),
        Fraction(0),
    )


# What goes round whether anybody asks for anything or not: liveness, leases, sessions.
BACKGROUND = frozenset({"Beat", "Ping", "Pong", "Grant", "Heard"})


def measured(lab: Lab, plan: str, *sets: str) -> Traffic:
    """Of a plan with one client and one kind of operation."""
    run = lab.run(plan, *sets, trace=True, judged=False)
    assert not run.violated, run.violated
    assert run.plan.concurrency == 1
    since, until = _quiet(run)
    operations = len(run.ok(since=since, until=until))
    sent: Counter[tuple[NodeId, str]] = Counter()
    taken: Counter[tuple[NodeId, str]] = Counter()
    for one in _for_operations(run.trace.passed):
        if since <= one.time < until:
            if one.was_sent:
                sent[one.source, one.kind] += 1
            else:
                taken[one.target, one.kind] += 1
    return Traffic(
        run.plan.system.name,
        run.plan.nodes,
        operations,
        {key: Fraction(n, operations) for key, n in sent.items()},
        {key: Fraction(n, operations) for key, n in taken.items()},
    )


def _quiet(run: Run) -> tuple[Nanos, Nanos]:
    """From and until when nothing was under way, some time after BEGIN and before END."""
    calls = run.ok()
    pauses = [
        after.invoke.time
        for before, after in pairwise(calls)
        if before.completion and after.invoke.time - before.completion.time > QUIET
    ]
    return (
        next(time for time in pauses if time > BEGIN),
        next(time for time in reversed(pauses) if time < END),
    )


def _for_operations(passed: Sequence[Passed]) -> Iterator[Passed]:
    """What nodes and clients say to one another for operations: not what a node sends by itself,
    such as a heartbeat, nor the answer to that."""
    background: set[int] = set()  # ids of messages, which the trace keeps alive
    unanswered: dict[tuple[NodeId, NodeId], deque[bool]] = defaultdict(deque)
    for one in passed:
        if one.kind in BACKGROUND or {one.source[:1], one.target[:1]} - {"n", "c"}:
            continue
        if one.was_sent and one.by_itself and one.source[0] == "n":
            background.add(id(one.message))
        if one.kind == "Append" and not one.was_sent:
            unanswered[one.source, one.target].append(id(one.message) in background)
        elif one.kind in ("Appended", "Rejected") and one.was_sent:
            if unanswered[one.target, one.source].popleft():
                background.add(id(one.message))
        if id(one.message) not in background:
            yield one
