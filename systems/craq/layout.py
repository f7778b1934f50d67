"""A layout: which chains there are, who is in them, and which of them answers for which key.

One versioned document, changed only by the manager. A key belongs to a slot, for ever; a slot to
one of the `ranges`, and so to a chain. A chain goes from epoch to epoch; an epoch's number is the
layout's version that began it, so no two chains ever have one in common: two logs that both have
entries of an epoch are logs of one chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

from msgspec import Struct, json
from msgspec.structs import replace

from harness.core import NodeId

SLOTS = 64
NOWHERE = -1  # the number of no chain
HEAD, MIDDLE, TAIL = PLACES = ("head", "middle", "tail")  # where a node may join


class Config(Struct, frozen=True, array_like=True):
    """One epoch of a chain, head first. `joining` is a node of it while that may still lack some
    of what was committed, "" when none does. Epoch 0: none known yet."""

    epoch: int = 0
    chain: tuple[NodeId, ...] = ()
    joining: NodeId = ""


class Move(Struct, frozen=True, array_like=True):
    """The slots from `first` up to, not including, `end` are to go from one chain to another.
    `number` is the version of the layout that says so first."""

    number: int
    first: int
    end: int
    source: int
    target: int

    def moves(self, slot: int) -> bool:
        """Whether a slot is among them."""
        return self.first <= slot < self.end


class Layout(Struct, frozen=True, tag=str.lower, array_like=True):
    """Chains by number, from 0. `ranges` are (first slot, chain), in order of slots, each up to the
    next one's first; while a `move` is under way its slots are still the source's here. A chain is
    to have `wanted` nodes; a node that is in no chain is a spare. What an administrator has taken
    `out` is none, and is to leave its chain. Version 0: none known yet."""

    version: int = 0
    chains: tuple[Config, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()
    wanted: tuple[int, ...] = ()
    out: tuple[NodeId, ...] = ()
    move: Move | None = None

    def number_of(self, key: Any) -> int:
        """The chain that answers for a key."""
        return self.ranges[0][1] if len(self.ranges) == 1 else self.owner(slot_of(key))

    def owner(self, slot: int) -> int:
        """The chain that a slot belongs to."""
        return next((c for first, c in reversed(self.ranges) if first <= slot), NOWHERE)

    def chain_of(self, key: Any) -> Config:
        """The same, as it is now; an empty one where no layout is known."""
        number = self.number_of(key)
        return self.chains[number] if number != NOWHERE else Config()

    def number_with(self, node: NodeId) -> int | None:
        """The chain that a node is in."""
        return next((n for n, config in enumerate(self.chains) if node in config.chain), None)

    def members(self) -> tuple[NodeId, ...]:
        """All that are in a chain."""
        return tuple(node for config in self.chains for node in config.chain)

    def is_short(self, number: int) -> bool:
        """Whether a chain has fewer nodes that are to stay than it is to have."""
        staying = [node for node in self.chains[number].chain if node not in self.out]
        return len(staying) < self.wanted[number]

    def place_of(self, node: NodeId, nodes: Iterable[NodeId]) -> int:
        """The chain that a node is in, or, for a spare, that calls it; else NOWHERE. Chains that
        are short call the spares in turn, so that each has some to choose from. `nodes` are all."""
        number = self.number_with(node)
        if number is not None:
            return number
        short = [number for number in range(len(self.chains)) if self.is_short(number)]
        if not short or node in self.out:
            return NOWHERE
        inside = self.members()
        spares = [n for n in nodes if n not in inside and n not in self.out]
        return short[spares.index(node) % len(short)]

    def changed(self, number: int, chain: Sequence[NodeId], joining: NodeId = "") -> Layout:
        """The next version, in which a chain begins a new epoch."""
        version = self.version + 1
        config = Config(version, tuple(chain), joining)
        return replace(self, version=version, chains=_with(self.chains, number, config))

    def settled(self, number: int) -> Layout:
        """The next version: in this chain's epoch nobody is joining any more."""
        config = replace(self.chains[number], joining="")
        return replace(self, version=self.version + 1, chains=_with(self.chains, number, config))

    def moving(self, first: int, end: int, target: int) -> Layout:
        """The next version: these slots, all of one chain, begin to move to another."""
        version = self.version + 1
        move = Move(version, first, end, self.owner(first), target)
        return replace(self, version=version, move=move)

    def moved(self) -> Layout:
        """The next version: what was to move has moved."""
        move = self.move
        assert move is not None
        owners = [move.target if move.moves(slot) else self.owner(slot) for slot in range(SLOTS)]
        ranges = tuple(
            (slot, owner)
            for slot, owner in enumerate(owners)
            if slot == 0 or owners[slot - 1] != owner
        )
        return replace(self, version=self.version + 1, ranges=ranges, move=None)


def joined(chain: Sequence[NodeId], node: NodeId, where: str) -> tuple[NodeId, ...]:
    """The chain with one more node, at one of PLACES.

    >>> joined(["a", "b"], "c", MIDDLE)
    ('a', 'c', 'b')
    """
    at = {HEAD: 0, MIDDLE: (len(chain) + 1) // 2, TAIL: len(chain)}[where]
    return (*chain[:at], node, *chain[at:])


def _with(chains: Sequence[Config], number: int, config: Config) -> tuple[Config, ...]:
    return (*chains[:number], config, *chains[number + 1 :])


def first_layout(nodes: Sequence[NodeId], chains: int = 1, spares: int = 0) -> Layout:
    """The first: the nodes but the last `spares` are shared out evenly among the chains, in order,
    and the slots likewise. Raises ValueError where a chain would have none."""
    if chains < 1:
        raise ValueError("chains: at least one is needed")
    if chains > SLOTS:
        raise ValueError(f"chains: there are {SLOTS} slots, so there can be no more chains")
    if spares < 0:
        raise ValueError(f"spares: cannot be negative, got {spares}")
    members = nodes[: len(nodes) - spares]
    if spares > len(nodes) or len(members) < chains:
        raise ValueError(f"nodes: {len(nodes)} are too few for {chains} chains and {spares} spares")
    made = tuple(
        Config(number + 1, tuple(members[first:end]))
        for number, (first, end) in enumerate(_parts(len(members), chains))
    )
    return Layout(chains, made, first_ranges(chains), tuple(len(c.chain) for c in made))


@lru_cache
def first_ranges(chains: int) -> tuple[tuple[int, int], ...]:
    """How so many chains share the slots before any was moved."""
    return tuple((first, number) for number, (first, _) in enumerate(_parts(SLOTS, chains)))


@lru_cache
def first_owner(slot: int, chains: int) -> int:
    """The chain, of so many, that a slot belongs to before it was ever moved."""
    return next(c for first, c in reversed(first_ranges(chains)) if first <= slot)


def _parts(count: int, parts: int) -> list[tuple[int, int]]:
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]


@lru_cache(maxsize=1 << 16, typed=True)
def slot_of(key: Any) -> int:
    """A key's slot: the same in every process, at every time."""
    return crc32(json.encode(key)) % SLOTS
