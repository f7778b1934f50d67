"""A simulated hour of a chain of five under faults, from its first operation to its last check.

    python bench/hour.py [--hours 1] [--system craq] [--profile FILE]

100 operations a second, and a fault every 10 s: kills, pauses, partitions and slow links by turns,
of replicas, managers and servers of the ensemble. Nothing is drawn. Says the seconds and the
memory that it took, and what came out.
"""

from __future__ import annotations

import argparse
import cProfile
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from harness.clock import SECOND
from harness.plan import Named, Plan
from harness.run import RunResult, run_plan

EVERY = "40s"  # of each of the four kinds of fault
WHOM = ["head", "middle", "tail", "one", "manager"]


def plan(hours: float, system: str) -> Plan:
    """The plan of the bench: every 10 s one of the four begins, and lasts 6 s."""
    faults = ("kill", "pause", "partition", "packet")
    return Plan(
        name="bench-hour",
        system=Named(system),
        workload=Named("cas-register", {"keys": 50}),
        nemesis=tuple(
            Named(fault, {"targets": WHOM, "at": f"{10 * i + 5}s", "for": "6s", "every": EVERY})
            for i, fault in enumerate(faults)
        ),
        nodes=5,
        concurrency=20,
        rate=100,
        time_limit=round(3_600 * SECOND * hours),
    )


def measured(hours: float = 1, system: str = "craq") -> tuple[float, RunResult]:
    """Seconds of the wall clock, and what came out."""
    with TemporaryDirectory() as folder, patch("harness.run._draw", lambda *_: []):
        begun = time.perf_counter()
        outcome = run_plan(plan(hours, system), results=Path(folder), started=datetime.now(UTC))
        return time.perf_counter() - begun, outcome


def main() -> None:
    """Print what it took, and each verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--system", default="craq")
    parser.add_argument("--profile", help="write a profile (cProfile) to this file")
    asked = parser.parse_args()
    profile = cProfile.Profile() if asked.profile else None
    took, outcome = (
        profile.runcall(measured, asked.hours, asked.system)
        if profile
        else measured(asked.hours, asked.system)
    )
    if profile:
        profile.dump_stats(asked.profile)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{asked.hours:g} h of {asked.system}, {outcome.ops:,} operations: {took:.1f} s")
    print(f"memory at most {peak:,.0f} MB")
    for name, judged in outcome.results.items():
        print(f"{name:<14} {judged.verdict}   {judged.cause or ''}")


if __name__ == "__main__":
    main()
