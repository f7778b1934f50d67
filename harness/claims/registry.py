"""All claims in the order of the table: the lectures' thirteen, then the papers' figures."""

from __future__ import annotations

from harness.claims import (
    beside,
    chain,
    chain_paper,
    general,
    live,
    lock,
    service,
    shard,
    three,
    zookeeper,
)
from harness.claims.claim import Claim
from harness.error import UserError, nearest

CLAIMS: tuple[Claim, ...] = (
    *general.FIRST_CLAIMS,
    *zookeeper.CLAIMS,
    *chain.CLAIMS,
    *shard.CLAIMS,
    *general.LAST_CLAIMS,
    *chain_paper.CLAIMS,
    *lock.CLAIMS,
    *beside.CLAIMS,
    *three.CLAIMS,
    *service.CLAIMS,
    *live.CLAIMS,
)
# The longest first, so that two processes end at about the same time.
FIRST = ("zookeeper-figure-5", "lock-counts", "craq-figure-10-12")


def chosen(names: tuple[str, ...], *, live: bool) -> list[Claim]:
    """Those of these names, or all; of all, the live ones only if asked for. Raises UserError for a
    name that is not known."""
    known = {claim.name: claim for claim in CLAIMS}
    for name in names:
        if name not in known:
            raise UserError(f"unknown claim {name!r}: {nearest(name, set(known))}")
    return [claim for claim in CLAIMS if (claim.name in names if names else live or not claim.live)]


def in_order_of_work(claims: list[Claim]) -> list[Claim]:
    """The longest first; live ones last, since they are measured alone."""
    place = {name: i for i, name in enumerate(FIRST)}
    return sorted(claims, key=lambda claim: (claim.live, place.get(claim.name, len(place))))
