"""Lost updates: two transactions that both read one list and both appended to it.

Whichever came first, the other should have read what it appended. Neither snapshot isolation nor
anything stronger allows it, and it is told of by name also where nobody read the key again and so
no order of the two is known (Berenson et al., SIGMOD 1995, P4).
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.transactions.cycle import Step
from checker.transactions.cycles import Cycle
from checker.transactions.edges import RW, WW
from checker.transactions.level import SNAPSHOT
from checker.transactions.order import Order, Orders
from checker.transactions.txn import Transactions, by_key

NAME = "lost-update"
UNREAD = 1 << 62


def lost_updates(it: Transactions, found: Orders) -> Iterator[Cycle]:
    """One for each list that several transactions read and appended to, of the first two."""
    appends = by_key(it.appends, len(it.names))
    for order, mine in zip(found.orders, appends, strict=True):
        appending = {append.txn for append in mine if found.happened[append.txn]}
        if not appending:
            continue
        groups: dict[int, list[int]] = {}
        place = _places(order)
        for reader, length in order.lengths:
            is_after = place.get(reader, UNREAD) >= length  # else it read what it appended later
            if is_after and reader in appending and reader not in groups.setdefault(length, []):
                groups[length].append(reader)
        for length in sorted(groups):
            group = groups[length]
            if len(group) > 1:
                group.sort(key=lambda txn: (place.get(txn, UNREAD), it.txns[txn].call))
                yield _cycle(group[0], group[1], order.key, group[0] in place)


def _places(order: Order) -> dict[int, int]:
    """Where in the order each transaction's first element is."""
    place: dict[int, int] = {}
    for i, writer in enumerate(order.writers):
        place.setdefault(writer, i)
    return place


def _cycle(a: int, b: int, key: int, is_ordered: bool) -> Cycle:
    first = Step(a, b, WW if is_ordered else RW, key)
    return Cycle(NAME, SNAPSHOT, (first, Step(b, a, RW, key)))
