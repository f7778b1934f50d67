"""Who has which slots, by what the chains have committed: one chain at a time, and nothing is lost.

Watches the committed logs of all chains, each entry once, in its log's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from harness.error import InvariantViolated
from systems.craq.brief import brief
from systems.craq.layout import SLOTS, first_owner, slot_of
from systems.craq.message import Entry, Handover, Takeover


class Held(Struct, frozen=True):
    """What goes with some slots: version and value of each key, and each client's last request
    that is over."""

    keys: dict[Any, tuple[int, Any]]
    done: dict[str, int]


class Custody:
    """- a chain commits updates only of keys whose slots it has;
    - it hands over only what it has, and what another takes is what was handed over: all keys as
      they were, and all requests that were done.

    A Takeover may be seen before the Handover that it follows from, where nobody of the source is
    up: then it waits.
    """

    def __init__(self, chains: int) -> None:
        self._has = [
            {slot for slot in range(SLOTS) if first_owner(slot, chains) == chain}
            for chain in range(chains)
        ]
        self._handed: dict[int, Held] = {}  # by the number of the move
        self._taken: dict[int, list[Entry]] = {}  # all parts of a move, the last one too

    @property
    def unexplained(self) -> Sequence[int]:
        """Moves that were taken over, and not seen to be handed over."""
        return [number for number in self._taken if number not in self._handed]

    def saw(self, chain: int, entry: Entry, before: Sequence[Entry]) -> None:
        """A chain has committed this entry, after those before it. Raises InvariantViolated."""
        move = entry.move
        if isinstance(move, Takeover):
            self._saw_part(chain, move, entry)
            return
        has = self._has[chain]
        for write in entry.writes:
            if slot_of(write.key) not in has:
                raise InvariantViolated(f"chain {chain} has committed {brief(entry)}: not its slot")
        if isinstance(move, Handover):
            slots = set(range(move.first, move.end))
            if not slots <= has:
                raise InvariantViolated(f"chain {chain} hands over what it has not: {move}")
            has -= slots
            self._handed[move.number] = held(before, move)
            self._compare(move.number)

    def _saw_part(self, chain: int, move: Takeover, entry: Entry) -> None:
        parts = self._taken.setdefault(move.number, [])
        if move.part != len(parts) + 1:
            raise InvariantViolated(f"chain {chain} takes part {move.part} after {len(parts)}")
        parts.append(entry)
        if move.last:
            self._has[chain] |= set(range(move.first, move.end))
            self._compare(move.number)

    def _compare(self, number: int) -> None:
        """What was taken is what was handed over, where both are known."""
        handed, parts = self._handed.get(number), self._taken.get(number, ())
        moves = [entry.move for entry in parts]
        if handed is None or not any(isinstance(m, Takeover) and m.last for m in moves):
            return
        keys = {w.key: (w.version, w.value) for entry in parts for w in entry.writes}
        done = {d.client: d.id for m in moves if isinstance(m, Takeover) for d in m.done}
        for what, were, are in (("keys", handed.keys, keys), ("requests", handed.done, done)):
            if were != are:
                raise InvariantViolated(f"move {number}: {_difference(what, were, are)}")


def _difference(what: str, were: Mapping[Any, Any], are: Mapping[Any, Any]) -> str:
    lost = {key: value for key, value in were.items() if are.get(key) != value}
    new = {key: value for key, value in are.items() if were.get(key) != value}
    return f"{what} handed over and not taken as they were: {lost}; taken: {new}"


def held(log: Sequence[Entry], move: Handover) -> Held:
    """What goes with these slots after this log."""
    keys: dict[Any, tuple[int, Any]] = {}
    done: dict[str, tuple[int, bool]] = {}  # the last request, and whether it is still open
    for entry in log:
        is_open = entry.stage is not None and entry.stage.is_open
        if entry.client and entry.id >= done.get(entry.client, (0, False))[0]:
            done[entry.client] = (entry.id, is_open)
        for write in () if is_open else entry.writes:
            keys[write.key] = (write.version, write.value)
        if isinstance(entry.move, Takeover):
            for one in entry.move.done:
                known = done.get(one.client, (-1, False))
                if one.id > known[0] or (one.id == known[0] and one.is_told):
                    done[one.client] = (one.id, False)
        elif isinstance(entry.move, Handover):
            gone = range(entry.move.first, entry.move.end)
            keys = {key: value for key, value in keys.items() if slot_of(key) not in gone}
    moving = range(move.first, move.end)
    over = {client: id - is_open for client, (id, is_open) in done.items()}
    return Held({key: value for key, value in keys.items() if slot_of(key) in moving}, over)
