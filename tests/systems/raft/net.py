"""A few nodes and a network between them, small enough to step through: for facts about several.

Messages take 1 to 3 ms, with `slow` so much more; with `loss`, `double` and `shuffle` they are
lost, doubled and held back at random. What a node persists is durable at once. Clients are
mailboxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any

from harness.clock import MS, Nanos
from harness.core import (
    CancelTimer,
    Compact,
    Effect,
    Note,
    Persist,
    Record,
    Send,
    SetTimer,
    Snapshot,
)
from systems.raft.host import Host, Keeping
from systems.raft.invariant import ReplicaInvariants
from systems.raft.machine import Put
from systems.raft.message import Administer, Administered
from systems.raft.replica import Write
from systems.raft.store import RaftStore


class Net:
    """Nodes of a system, with the invariants checked after every step."""

    def __init__(
        self,
        seed: int = 0,
        nodes: int = 3,
        every: int = 0,
        plant: Callable[[Any], Any] = lambda system: system,
        **options: Any,
    ) -> None:
        self.system: Any = plant(RaftStore(nodes, snapshot_every=every, **options))
        self.rng = Random(seed)
        self.now: Nanos = 0
        self.loss = self.double = self.shuffle = 0.0
        self.slow: Nanos = 0  # more than usual
        self.up: dict[str, Host] = {}
        self.stored: dict[str, list[Record]] = {n: [] for n in self.system.nodes}
        self.cut: set[str] = set()  # nodes that nobody reaches
        self.inbox: list[tuple[str, str, Any]] = []  # node, client, message
        self.carried: dict[type, int] = {}  # messages delivered between nodes, by type
        self.notes: list[tuple[str, Note]] = []
        self.starts = 0
        self.seq = 0
        self._queue: list[tuple[Nanos, int, Callable[[], None]]] = []
        self._n = 0
        self._timers: dict[tuple[str, str], int] = {}
        self._watch = ReplicaInvariants()
        for node in self.system.nodes:
            self.start(node)

    # --- nodes

    def start(self, node: str) -> None:
        self.starts += 1
        core = self.system.node(node, Random(f"{node}/{self.starts}"))
        self.up[node] = core
        self._carry_out(node, core.start(list(self.stored[node]), self.now))

    def kill(self, node: str) -> None:
        del self.up[node]
        self._timers = {key: n for key, n in self._timers.items() if key[0] != node}

    def wipe(self, node: str) -> None:
        assert node not in self.up
        self.stored[node] = []

    def restart(self, node: str, *, wiped: bool = False) -> None:
        self.kill(node)
        if wiped:
            self.wipe(node)
        self.start(node)

    @property
    def leader(self) -> str | None:
        """Who leads the highest term that is led."""
        leads = [(c.raft.term, n) for n, c in self.up.items() if c.raft.is_leader]
        return max(leads)[1] if leads else None

    # --- time

    def run(self, span: Nanos, until: Callable[[], object] = lambda: False) -> bool:
        """Let time pass; whether `until` came true."""
        end = self.now + span
        while self._queue and self._queue[0][0] <= end:
            self.now, _, act = heappop(self._queue)
            act()
            self._watch.check(self.up)
            if until():
                return True
        self.now = end
        return bool(until())

    def elect(self, node: str | None = None) -> str:
        """Until anybody leads and has committed in its term; then hand over to `node`."""

        def is_settled() -> bool:
            at = self.leader
            if at is None or at in self.cut:
                return False
            raft = self.up[at].raft
            return raft.log.term(raft.commit) == raft.term

        assert self.run(20_000 * MS, is_settled), "nobody leads"
        assert self.leader is not None
        if node not in (None, self.leader):
            self.administer("transfer", str(node))
        return self.leader

    # --- clients

    def tell(self, node: str, message: Any, client: str = "c1") -> None:
        if node in self.up:
            self._carry_out(node, self.up[node].receive(client, message, self.now))

    def write(self, count: int = 1, span: Nanos = 20_000 * MS) -> None:
        """Write x = 1, 2, ... through whoever leads, each until it is acknowledged."""
        for _ in range(count):
            self.seq += 1
            write = Write("c1", self.seq, Put("x", self.seq))
            end = self.now + span
            while not self._answered(self.seq):
                assert self.now < end, f"write {self.seq} is not acknowledged"
                if self.leader is not None:
                    self.tell(self.leader, write)
                self.run(100 * MS, lambda: self._answered(self.seq))

    def administer(self, what: str, node: str, span: Nanos = 10_000 * MS) -> Administered:
        """Ask who leads until it is so, or refused."""
        self.seq += 1
        answer: list[Administered] = []
        end = self.now + span
        while not any(a.done or a.refused for a in answer):
            assert self.now < end, f"{what} {node} does not come about"
            if self.leader is not None:
                self.tell(self.leader, Administer(self.seq, what, node), "admin")
            self.run(40 * MS)
            said = [m for _, _, m in self.inbox if isinstance(m, Administered)]
            answer = [m for m in said if m.id == self.seq]
        return next(a for a in answer if a.done or a.refused)

    def voters(self, node: str | None = None) -> list[str]:
        """Who votes, in the log of a node or of the leader."""
        at = node or self.leader
        assert at is not None
        return sorted(self.up[at].raft.members.voters)

    def _answered(self, seq: int) -> bool:
        return any(getattr(m, "seq", None) == seq for _, _, m in self.inbox)

    # --- effects

    def _carry_out(self, node: str, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Persist):
                self.stored[node].append(effect.record)
            elif isinstance(effect, (Snapshot, Compact)):
                self.stored[node] = [effect.record]
            elif isinstance(effect, Send):
                self._send(node, effect)
            elif isinstance(effect, SetTimer):
                self._set(node, effect)
            elif isinstance(effect, CancelTimer):
                self._timers.pop((node, effect.name), None)
            elif isinstance(effect, Note):
                self.notes.append((node, effect))

    def _at(self, delay: Nanos, act: Callable[[], None]) -> int:
        self._n += 1
        heappush(self._queue, (self.now + delay, self._n, act))
        return self._n

    def _set(self, node: str, timer: SetTimer) -> None:
        key = (node, timer.name)

        def fire() -> None:
            if self._timers.get(key) == number:
                del self._timers[key]
                self._carry_out(node, self.up[node].timer(timer.name, self.now))

        number = self._timers[key] = self._at(timer.delay, fire)

    def _send(self, node: str, send: Send) -> None:
        if send.to not in self.stored:
            self.inbox.append((node, send.to, send.message))
            return
        rng = self.rng
        for _ in range(1 + (rng.random() < self.double)):
            if rng.random() >= self.loss:
                held = 50 * MS if rng.random() < self.shuffle else 0
                delay = rng.randint(1, 3) * MS + held + self.slow
                self._at(delay, lambda: self._deliver(node, send.to, send.message))

    def _deliver(self, source: str, to: str, message: Any) -> None:
        if to in self.up and not {source, to} & self.cut:
            self.carried[type(message)] = self.carried.get(type(message), 0) + 1
            self._carry_out(to, self.up[to].receive(source, message, self.now))


def digests(net: Net, nodes: Sequence[str] | None = None) -> set[int]:
    """The digests of the states of nodes that have applied everything; one where all agree."""
    return {net.up[n].machine.digest for n in nodes or net.up}


def keeping(every: int, *, keep_log: bool = False) -> Keeping:
    """Shorthand."""
    return Keeping(every, keep_log)
