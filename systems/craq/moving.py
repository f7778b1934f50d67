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

from typing import Any

from systems.craq.layout import Move
from systems.craq.message import Deliver, Takeover
from systems.craq.store import Handed, Store

PART = 256  # keys or requests that are delivered at a time


def parts_of(handed: Handed) -> int:
    """How many parts it is delivered in."""
    return max(1, -(-(len(handed.writes) + len(handed.done)) // PART))


def delivery(move: Move, version: int, handed: Handed, part: int) -> Deliver:
    """A part, from 1, of what is handed over. Its size is the same whoever makes it."""
    start, end, count = (part - 1) * PART, part * PART, len(handed.writes)
    writes = handed.writes[start:end]
    done = handed.done[max(0, start - count) : max(0, end - count)]
    last = part == parts_of(handed)
    takeover = Takeover(move.number, move.first, move.end, part, last, done)
    return Deliver(version, takeover, writes)


def due(store: Store, number: int) -> Handed | None:
    """What this chain has to deliver, if it has committed the Handover."""
    handed = store.handed.get(number)
    return handed if handed is not None and handed.seq <= store.committed else None


def has_taken(store: Store, number: int) -> bool:
    """Whether this chain has committed the last part."""
    entry = store.taken.get(number)
    move: Any = entry.move if entry else None
    return entry is not None and move.last and entry.seq <= store.committed


def parts_taken(store: Store, number: int) -> int:
    """How many parts are in the log."""
    entry = store.taken.get(number)
    move: Any = entry.move if entry else None
    return move.part if entry else 0
