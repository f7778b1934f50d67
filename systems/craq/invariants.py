"""What a chain promises, checked while it runs in the simulator."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core import Core, NodeId
from harness.error import InvariantViolated
from systems.craq.manager import Manager
from systems.craq.message import Config, Entry
from systems.craq.node import Node


class ChainInvariants:
    """- an epoch has one chain;
    - what is committed anywhere is committed everywhere, at the same place in the log;
    - every member that lacks nothing holds all that was ever committed, in every later epoch too;
    - the log of a later node of the chain is a prefix of an earlier one's: Hist_i = Hist_j + Sent_i
      (Chain Replication, section 3: the Update Propagation Invariant).

    Looks only at what is new since the last check.
    """

    def __init__(self) -> None:
        self.chains: dict[int, tuple[NodeId, ...]] = {}
        self.committed: list[Entry] = []  # the longest committed log seen so far
        self._seen: dict[NodeId, tuple[Node, int]] = {}  # how far each core's commits were compared
        self._compared: dict[tuple[NodeId, NodeId], tuple[Node, Node, int]] = {}

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """Raises InvariantViolated."""
        nodes = [core for core in cores.values() if isinstance(core, Node)]
        for core in cores.values():
            if isinstance(core, Manager):
                self._one_chain(core.config)
        for node in nodes:
            self._one_chain(node.place.config)
            self._same_commits(node)
        newest = max(self.chains, default=0)  # nobody may be up yet, or wait for its disk
        for node in nodes:
            if node.epoch == newest and node.place.inside and node.synced:
                self._has_all(node)
        self._prefixes({node.me: node for node in nodes})

    def _one_chain(self, config: Config) -> None:
        known = self.chains.setdefault(config.epoch, config.chain)
        if known != config.chain:
            raise InvariantViolated(f"epoch {config.epoch} has two chains: {known}, {config.chain}")

    def _same_commits(self, node: Node) -> None:
        core, start = self._seen.get(node.me, (node, 0))
        store = node.store
        if core is not node or start > store.committed:
            start = 0
        for i in range(start, store.committed):
            if i == len(self.committed):
                self.committed.append(store.log[i])
            elif store.log[i] != self.committed[i]:
                raise InvariantViolated(
                    f"{node.me} has committed {store.log[i]} where {self.committed[i]} was"
                )
        self._seen[node.me] = (node, store.committed)

    def _has_all(self, node: Node) -> None:
        log, done = node.store.log, len(self.committed)
        if len(log) < done:
            raise InvariantViolated(
                f"{node.me}, {node.place.role} of epoch {node.epoch}, has lost committed entries "
                f"{len(log) + 1} to {done}"
            )
        if done and log[done - 1] != self.committed[-1]:
            raise InvariantViolated(
                f"{node.me} holds {log[done - 1]} where {self.committed[-1]} was committed"
            )

    def _prefixes(self, nodes: Mapping[NodeId, Node]) -> None:
        """Neighbours of one epoch: the later one's log is a prefix of the earlier one's."""
        for later in nodes.values():
            earlier = nodes.get(later.place.pred)
            if earlier and earlier.epoch == later.epoch and later.synced:
                self._prefix(earlier, later)

    def _prefix(self, earlier: Node, later: Node) -> None:
        pair = (earlier.me, later.me)
        a, b, start = self._compared.get(pair, (earlier, later, 0))
        ours, theirs = earlier.store.log, later.store.log
        if a is not earlier or b is not later or start > len(theirs):
            start = 0
        if len(theirs) > len(ours):
            raise InvariantViolated(
                f"{later.me} has {len(theirs)} entries, its predecessor {earlier.me} {len(ours)}"
            )
        for i in range(start, len(theirs)):
            if ours[i] != theirs[i]:
                raise InvariantViolated(
                    f"{later.me} has {theirs[i]} where its predecessor has {ours[i]}"
                )
        self._compared[pair] = (earlier, later, len(theirs))
