"""Easier models made from any table of states: states that are held for one.

Take a partition of the states into blocks in which every class of operations leads from one block
to one block only, if it is legal in some state of it. An order that is legal in the table is legal
between blocks: the block of the state after an operation is the one that the operation leads to
from the block before. So what has no order between blocks has none at all. With few blocks there
are few configurations: of a register with one value v against all others, all compare-and-sets to
v are one class, and those between other values only observe that v is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from checker.kernel.walk import MAY, MUST, Key
from checker.model import BLIND, OBSERVER, UPDATE

MOST_STATES = 16  # that are held apart from all others, one by one
MOST_PAIRED = 8  # the same, two by two


def partitions(states: int, apart: int) -> Iterator[Any]:
    """The block of each state, for all ways to hold so many states apart from all others and from
    one another. State 0, the first, is of block 0."""
    if states > (MOST_STATES if apart == 1 else MOST_PAIRED) or apart >= states - 1:
        return
    for some in combinations(range(states), apart):
        blocks = np.zeros(states, np.int32)
        blocks[list(some)] = 1 + np.arange(apart)
        first = blocks[0]
        yield np.where(blocks == first, 0, np.where(blocks == 0, first, blocks))


def project(key: Key, blocks: Any) -> tuple[Key, Any] | None:
    """The key between blocks, without the tasks that it does not matter for, and for each of its
    steps that of the key; None where a class leads from one block to two."""
    count = int(blocks.max()) + 1
    after = np.where(key.next >= 0, blocks[key.next], -1)
    leads = np.full((count, after.shape[1]), -1, np.int32)
    for block in range(count):
        rows = after[blocks == block]
        leads[block] = rows.max(axis=0)
        if np.any((rows >= 0) & (rows != leads[block])):
            return None
    table, places = np.unique(leads, axis=1, return_inverse=True)
    stays = table == np.arange(count)[:, None]
    observes = np.all(stays | (table < 0), axis=0)
    blind = np.all((table >= 0) & (table == table[0]), axis=0)
    kinds = np.where(observes, OBSERVER, np.where(blind, BLIND, UPDATE)).astype(np.int8)
    mine = places.reshape(-1)[key.mine].astype(np.int32)
    is_kept = ~np.all(stays, axis=0)[mine] & ~(observes[mine] & (key.must == MAY))
    kept = np.flatnonzero(is_kept)
    by_order = np.argsort(key.order[kept], kind="stable")
    order = np.empty(len(kept), np.int32)
    order[by_order] = np.arange(len(kept))
    must = np.where(key.must[kept] == MAY, MAY, MUST).astype(np.int8)
    returns = by_order[must[by_order] == MUST].astype(np.int32)
    steps = key.order[kept[returns]]
    before = np.concatenate([[0], np.cumsum(is_kept)])
    made = Key(
        mine[kept],
        key.slot[kept],
        order,
        must,
        returns,
        before[key.called[steps]].astype(np.int32),
        kinds,
        np.where(blind, table[0], -1).astype(np.int32),
        np.ascontiguousarray(table, np.int32),
    )
    return made, steps
