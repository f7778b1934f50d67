"""What chains promise, checked while they run in the simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.core import Core, NodeId
from harness.error import InvariantViolated
from systems.craq.brief import both
from systems.craq.custody import Custody
from systems.craq.layout import NOWHERE, Layout
from systems.craq.manager import Manager
from systems.craq.message import Entry
from systems.craq.node import Node


class ChainInvariants:
    """- a version has one layout, and an epoch one chain; nobody is in two chains of a layout, and
      no chain is longer than it is to be, those that are to leave it not counted;
    - what is committed anywhere in a chain is committed everywhere, at the same place in the log;
    - every member that lacks nothing holds all that its chain ever committed, in every later epoch
      too;
    - a slot is had by one chain at a time, and nothing is lost or made anew when it moves: see
      systems.craq.custody;
    - the log of a later node of the chain is a prefix of an earlier one's: Hist_i = Hist_j + Sent_i
      (Chain Replication, section 3: the Update Propagation Invariant);
    - a transaction over several chains ends in all of them alike.

    Looks only at what is new since the last check.
    """

    def __init__(self) -> None:
        self.layouts: dict[int, Layout] = {}
        self.epochs: dict[int, tuple[int, tuple[NodeId, ...]]] = {}  # of which chain, and who
        self.committed: dict[int, list[Entry]] = {}  # the longest committed log seen so far
        self.ends: dict[tuple[str, int], str] = {}  # of transactions over several chains
        self.custody: Custody | None = None  # where there are several chains
        self._seen: dict[NodeId, tuple[Node, int, int]] = {}  # a core, its chain, how far compared
        self._compared: dict[tuple[NodeId, NodeId], tuple[Node, Node, int]] = {}

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """Raises InvariantViolated."""
        nodes = [core for core in cores.values() if isinstance(core, Node)]
        self._layouts(cores.values())
        for node in nodes:
            if node.log_of != NOWHERE:
                self._same_commits(node)
        self._handed_over(nodes)
        for node in nodes:
            if node.place.inside and node.synced and node.epoch == self._newest(node.place.number):
                self._has_all(node)
        self._prefixes({node.me: node for node in nodes})

    def _layouts(self, cores: Iterable[Core]) -> None:
        for core in cores:
            if isinstance(core, Manager | Node):
                known = self.layouts.get(core.layout.version)
                if known is None:
                    self._is_sound(core.layout)
                elif known is not core.layout and known != core.layout:
                    raise InvariantViolated(f"two layouts: {known}, {core.layout}")

    def _is_sound(self, layout: Layout) -> None:
        """A layout seen for the first time."""
        self.layouts[layout.version] = layout
        if self.custody is None and len(layout.chains) > 1:
            self.custody = Custody(len(layout.chains))
        members = [node for config in layout.chains for node in config.chain]
        if len(set(members)) < len(members):
            raise InvariantViolated(f"somebody is in two chains: {layout}")
        for number, config in enumerate(layout.chains):
            staying = set(config.chain) - set(layout.out)
            if not config.chain or len(staying) > layout.wanted[number]:
                raise InvariantViolated(f"chain {number} is empty, or too long: {layout}")
            known = self.epochs.setdefault(config.epoch, (number, config.chain))
            if known != (number, config.chain):
                raise InvariantViolated(
                    f"epoch {config.epoch} has two chains: {known[1]}, {config.chain}"
                )

    def _handed_over(self, nodes: Iterable[Node]) -> None:
        """What a chain has taken over the other has handed over before: whoever of that lacks
        nothing knows."""
        for number in self.custody.unexplained if self.custody else ():
            moves = [layout.move for layout in self.layouts.values()]
            move = next((m for m in moves if m and m.number == number), None)
            for node in nodes:
                is_source = move is not None and node.place.number == move.source
                if not is_source or not node.place.inside or not node.synced:
                    continue
                if node.epoch == self._newest(node.place.number) and (
                    number not in node.store.handed
                ):
                    raise InvariantViolated(f"{node.me} has not handed over what was taken: {move}")

    def _newest(self, number: int) -> int:
        """The newest epoch of a chain that anybody has seen."""
        return self.layouts[max(self.layouts)].chains[number].epoch

    def _same_commits(self, node: Node) -> None:
        core, chain, start = self._seen.get(node.me, (node, node.log_of, 0))
        store = node.store
        committed = self.committed.setdefault(node.log_of, [])
        if core is not node or chain != node.log_of or start > store.committed:
            start = _same(store.log, committed, min(store.committed, len(committed)))
        for i in range(start, store.committed):
            if i == len(committed):
                if self.custody:
                    self.custody.saw(node.log_of, store.log[i], committed)
                committed.append(store.log[i])
                self._same_end(store.log[i])
            elif store.log[i] != committed[i]:
                ours, known = both(store.log[i], committed[i])
                raise InvariantViolated(f"{node.me} has committed {ours} where {known} was")
        self._seen[node.me] = (node, node.log_of, store.committed)

    def _same_end(self, entry: Entry) -> None:
        """A chain has committed this first."""
        stage = entry.stage
        if stage is None or stage.is_open:
            return
        known = self.ends.setdefault((entry.client, entry.id), stage.what)
        if known != stage.what:
            raise InvariantViolated(
                f"transaction {entry.id} of {entry.client} ended in one chain with {known}, in "
                f"another with {stage.what}"
            )

    def _has_all(self, node: Node) -> None:
        committed = self.committed[node.place.number]
        log, done = node.store.log, len(committed)
        if len(log) < done:
            raise InvariantViolated(
                f"{node.me}, {node.place.role} of epoch {node.epoch}, has lost committed entries "
                f"{len(log) + 1} to {done}"
            )
        if done and log[done - 1] != committed[-1]:
            ours, known = both(log[done - 1], committed[-1])
            raise InvariantViolated(f"{node.me} holds {ours} where {known} was committed")

    def _prefixes(self, nodes: Mapping[NodeId, Node]) -> None:
        """Neighbours of one epoch: the later one's log is a prefix of the earlier one's."""
        for later in nodes.values():
            earlier = nodes.get(later.place.pred)
            if earlier and earlier.epoch == later.epoch and later.synced and earlier.synced:
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
        start = start or _same(ours, theirs, len(theirs))
        for i in range(start, len(theirs)):
            if ours[i] != theirs[i]:
                has, before = both(theirs[i], ours[i])
                raise InvariantViolated(f"{later.me} has {has} where its predecessor has {before}")
        self._compared[pair] = (earlier, later, len(theirs))


def _same(a: Sequence[Entry], b: Sequence[Entry], length: int) -> int:
    """`length` if both begin with the same so many entries, else 0: then one has to look closer.
    Quick where they are the same objects."""
    return length if a[:length] == b[:length] else 0
