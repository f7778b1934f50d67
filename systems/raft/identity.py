"""Whether a node remembers all that it ever promised: what it may say of itself after a start.

A node that lost its disk has forgotten votes it gave and entries it acknowledged. If it went on
under its old name, a leader could be elected without an entry that was acknowledged. So a node
draws a random *mark* when it starts with nothing stored, and is one of three:

    new    nothing was stored, and nobody has said yet what that means: it promises nothing
    first  one of the first members, in the incarnation that began the service
    later  any other: it counts where the configuration in the log names its very mark

A new node enrols: each of the first members notes (durably, once and for all) the first mark it
hears for each name, and answers with what it has noted. With the same answer from all the others it
is `first`; with any other answer it is `later`. One that is `later` itself vouches for nobody.

Why this is sound while a minority at a time loses its disk:
- A `first` node's mark was noted by all others before it promised anything. When it comes back
  empty, all others would have to say the new mark: none that is `first` does, for it has noted the
  old one, and none that is `later` does. So all the others would have to be new at once.
- A voter that is not `first` is named in the configuration by its mark, and answers and votes
  count under that mark only. Its leader had it as a learner before, by a committed entry; so no
  candidate without that entry can win any more, and none that has it counts the old incarnation's
  vote, nor does a leader that has it count the old incarnation's answers: what was forgotten is
  asked for no longer. Before that, the old incarnation's answers that are still on their way count
  for what they are, as if they had come sooner: the new one adds nothing to them.
The price: a new ensemble begins when all its members have once been up together.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from harness.clock import Nanos
from harness.core import NodeId, Note, Persist, Record
from systems.raft.message import Birth, Enrol, Enrolled, Image, Noted

if TYPE_CHECKING:
    from systems.raft.raft import Raft

NEW, FIRST, LATER = "new", "first", "later"
UNSURE = -1  # what a new node says of itself


class Identity:
    """What a node is, and which marks it has noted for others (`known`)."""

    def __init__(self, raft: Raft[Any], first: Sequence[NodeId], rng: Random) -> None:
        self._raft = raft
        self._others = tuple(node for node in first if node != raft.me)
        self._is_listed = raft.me in first
        self._rng = rng
        self._agree: set[NodeId] = set()
        self.mark = 0
        self.kind = NEW
        self.known: dict[NodeId, int] = {}

    @property
    def said(self) -> int:
        """What a node's answers carry: 0 for a first one, a later one's mark, or UNSURE."""
        if self.kind == FIRST:
            return 0
        return self.mark if self.kind == LATER else UNSURE

    @property
    def birth(self) -> Birth:
        """To be written down."""
        return Birth(self.mark, self.kind)

    def load(self, record: Record) -> None:
        """Something an earlier incarnation wrote down."""
        if isinstance(record, Birth):
            self.mark, self.kind = record.mark, record.kind
        elif isinstance(record, Noted):
            self.known[record.node] = record.mark
        elif isinstance(record, Image):
            self.load(record.birth)
            self.known = dict(record.known)

    def begin(self, now: Nanos) -> None:
        """After a start: draw a mark where none is stored, and find out what this node is."""
        if not self.mark:
            self.mark = 1 + self._rng.getrandbits(44) + now
            self._become(self._at_birth())
        if self.kind == NEW:
            self.enrol()

    def _at_birth(self) -> str:
        if not self._is_listed:
            return LATER
        return NEW if self._others else FIRST

    def enrol(self) -> None:
        """Ask the first members that have not answered yet."""
        for node in self._others:
            if node not in self._agree:
                self._raft.send(node, Enrol(self.mark))

    def on_enrol(self, source: NodeId, message: Enrol, now: Nanos) -> None:
        """Note a mark, and say what is noted."""
        if source not in self.known:
            self.known[source] = message.mark
            self._raft.effects.append(Persist(Noted(source, message.mark)))
        vouched = 0 if self.kind == LATER else self.known[source]
        self._raft.send(source, Enrolled(vouched))

    def on_enrolled(self, source: NodeId, message: Enrolled, now: Nanos) -> None:
        """What one of the first members has noted for this node."""
        if self.kind != NEW or source not in self._others:
            return
        if message.mark != self.mark:
            self._become(LATER)
        else:
            self._agree.add(source)
            if len(self._agree) == len(self._others):
                self._become(FIRST)

    def _become(self, kind: str) -> None:
        self.kind = kind
        self._raft.effects.append(Persist(self.birth))
        self._raft.effects.append(Note("identity", {"kind": kind, "mark": self.mark}))
