"""The rows whose runs have service times, in the order of the table."""

from __future__ import annotations

from harness.claims import (
    craq_failure,
    craq_latency,
    craq_mixed,
    craq_throughput,
    zookeeper_failure,
    zookeeper_throughput,
)
from harness.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    *craq_throughput.CLAIMS,
    *craq_mixed.CLAIMS,
    *craq_latency.CLAIMS,
    *craq_failure.CLAIMS,
    *zookeeper_throughput.CLAIMS,
    *zookeeper_failure.CLAIMS,
)
