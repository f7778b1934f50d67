"""A move of slots from one chain to another: both chains' parts are entries of their logs.

    manager   layout with the move
    source    head: Handover in the log -> committed -> Deliver, part by part
    target    head: Takeover in the log, part by part -> the last committed: each node says so
    manager   layout with the new ranges

Why no update is lost, done twice or missed by a read:
- The Handover ends the slots' part of the source's log. Its tail commits it after all that was
  before it, and every replica has it by then. So a replica that has it asks the tail of each read
  of these slots, and the tail answers, once it has committed it, that they are elsewhere. Nothing
  is delivered before that.
- What is delivered follows from the log up to the Handover, so any head of the source, also a later
  one, delivers the same; and the target's log says which parts it has.
- With the keys come the requests that the source has done, of all clients: one that is sent again
  to the target is answered as it was. One that is older than its client's last is a late copy.
- A head takes a request only under its own chain's epoch, so what a client has sent to one chain is
  never done by the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.clock import Nanos
from harness.core import Effect, NodeId, Send
from systems.craq.layout import Move, first_owner, slot_of
from systems.craq.message import (
    Deliver,
    Delivered,
    Entry,
    Handover,
    Moved,
    NotReady,
    Request,
    Takeover,
)
from systems.craq.operation import keys_of
from systems.craq.store import Handed

if TYPE_CHECKING:
    from systems.craq.node import Node

DELIVERIES = (Deliver, Delivered)


class Moving:
    """What a node does for the move that is under way, and what it knows of the slots' places."""

    size = 32  # keys or requests of a part

    def __init__(self, node: Node) -> None:
        self.node = node
        self.delivered = (0, 0)  # the number of a move, and how many parts its target has
        self.told = 0  # the number of the last move of which the manager was told at once

    # -- where a key is --

    def is_here(self, key: Any) -> bool:
        """Whether a key is this chain's, by the log as far as it goes."""
        slot = slot_of(key)
        moved = self.node.store.slots.get(slot)
        if moved is not None:
            return moved.is_here
        return first_owner(slot, len(self.node.layout.chains)) == self.node.log_of

    def is_settled(self, key: Any) -> bool:
        """Whether that is known to be committed."""
        moved = self.node.store.slots.get(slot_of(key))
        return moved is None or moved.seq <= self.node.store.committed

    def is_settled_here(self, key: Any) -> bool:
        """Both."""
        return self.is_here(key) and self.is_settled(key)

    def may_take(self, key: Any) -> bool:
        """At the head: whether a key is this chain's, and not about to go."""
        move = self.node.layout.move
        if move is not None and move.source == self.node.place.number:
            return self.is_here(key) and not move.moves(slot_of(key))
        return self.is_here(key)

    def may_write(self, request: Request) -> bool:
        """At the head: whether its first key is this chain's to write, and so are all others that
        no other chain is asked for."""
        first, *others = keys_of(request.f, request.key, request.value)
        number_of, number = self.node.layout.number_of, self.node.place.number
        here = (key for key in others if number_of(key) == number)
        return number_of(first) == number and all(map(self.may_take, (first, *here)))

    def elsewhere(self, request: Request) -> Send:
        """Where the (first) key is now, or that it is nowhere yet."""
        node, client = self.node, request.client
        key = keys_of(request.f, request.key, request.value)[0]
        if node.layout.number_of(key) != node.place.number:
            return Send(client, Moved(request.id, node.layout))
        return Send(client, NotReady(request.id, node.epoch))

    # -- the move that is under way --

    def go_on(self, now: Nanos) -> list[Effect]:
        """What this node has to do for it: once it knows of it, of what is committed, and again
        and again."""
        move = self.node.layout.move
        assert move is not None
        if move.source == self.node.place.number and self.node.leads:
            return self._hand_over(move, now)
        if self.has_moved() == move.number != self.told:
            self.told = move.number
            return self.node.ping(now)
        return []

    def receive(self, source: NodeId, message: Deliver | Delivered, now: Nanos) -> list[Effect]:
        """What the head of the other chain says."""
        move = self.node.layout.move
        if move is None:
            return []
        if isinstance(message, Deliver):
            return self._take_over(move, source, message, now)
        return self._delivered(move, message, now)

    def has_moved(self) -> int:
        """The number of the present move, if this chain is its target and has taken all."""
        last = self.last_part()
        if last is None or last.seq > self.node.store.committed:
            return 0
        assert isinstance(last.move, Takeover)
        return last.move.number

    def last_part(self) -> Entry | None:
        """Where this chain is the target of the present move: its last part, once it is in the
        log."""
        move = self.node.layout.move
        if move is None or move.target != self.node.log_of:
            return None
        entry = self.node.store.taken.get(move.number)
        part = entry.move if entry else None
        return entry if isinstance(part, Takeover) and part.last else None

    # -- the source's head --

    def _hand_over(self, move: Move, now: Nanos) -> list[Effect]:
        """End the slots' part of this log, and deliver it once it is committed: the next part, or
        the last again until the manager knows."""
        node = self.node
        if move.number not in node.store.handed:
            handover = Handover(move.number, move.first, move.end)
            entry = Entry(node.store.last + 1, node.epoch, "", 0, (), move=handover)
            return node.add(entry, now) if self._may_hand_over(move) else []
        handed = self._due(move)
        if handed is None:
            return []
        parts = self.delivered[1] if self.delivered[0] == move.number else 0
        deliver = self.delivery(move, handed, min(parts + 1, self._parts_of(handed)))
        return [Send(node.layout.chains[move.target].chain[0], deliver)]

    def _may_hand_over(self, move: Move) -> bool:
        """Whether no transaction over several chains has one of its keys."""
        return not any(move.moves(slot_of(key)) for key in self.node.store.locks)

    def _due(self, move: Move) -> Handed | None:
        """What is to be delivered, if it is known that the Handover is committed."""
        handed = self.node.store.handed.get(move.number)
        return handed if handed is not None and handed.seq <= self.node.store.committed else None

    def _parts_of(self, handed: Handed) -> int:
        return max(1, -(-(len(handed.writes) + len(handed.done)) // self.size))

    def delivery(self, move: Move, handed: Handed, part: int) -> Deliver:
        """A part, from 1, of what is handed over: the keys first, then the requests."""
        start, end, keys = (part - 1) * self.size, part * self.size, len(handed.writes)
        writes = handed.writes[start:end]
        done = handed.done[max(0, start - keys) : max(0, end - keys)]
        last = part == self._parts_of(handed)
        takeover = Takeover(move.number, move.first, move.end, part, last, done)
        return Deliver(self.node.layout.version, takeover, writes)

    def _delivered(self, move: Move, delivered: Delivered, now: Nanos) -> list[Effect]:
        """Go on with the next part."""
        if move.number != delivered.number:
            return []
        self.delivered = (delivered.number, delivered.parts)
        handed = self.node.store.handed.get(move.number)
        is_all = handed is not None and delivered.parts >= self._parts_of(handed)
        return [] if is_all else self.go_on(now)

    # -- the target's head --

    def _take_over(self, move: Move, source: NodeId, deliver: Deliver, now: Nanos) -> list[Effect]:
        """Take the next part, and say how many there are."""
        node, part = self.node, deliver.takeover
        is_mine = move.target == node.place.number and node.leads
        if not is_mine or move.number != part.number:
            return []
        effects: list[Effect] = []
        if self._is_next(part):
            entry = Entry(node.store.last + 1, node.epoch, "", 0, deliver.writes, move=part)
            effects = node.add(entry, now)
        parts = self.parts_taken(part.number)
        return [*effects, Send(source, Delivered(node.layout.version, part.number, parts))]

    def _is_next(self, part: Takeover) -> bool:
        return part.part == self.parts_taken(part.number) + 1

    def parts_taken(self, number: int) -> int:
        """How many parts of a move are in the log."""
        entry = self.node.store.taken.get(number)
        return entry.move.part if entry and isinstance(entry.move, Takeover) else 0
