"""The figures that the project promises, each beside its target, through the whole of a run.

    python bench/figures.py [--seconds 8] [--kills 10]

A run here is what `weaklink run` does without pictures: generator, interpreter, driver, history
written as it happens. Rates are ok and recorded operations a second of the run's own time, for
the live ones on as many cores as there are, fsync on. Simulated rates count processor time and
include the judging. The rows of an hour, of snapshots, of the leader's death and of the checker are
those of hour.py, snapshot.py, failover.py and checker_zookeeper.py.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

import checker_zookeeper
import failover
import hour
import snapshot

from harness.clock import SECOND
from harness.plan import Named, Plan
from harness.run import RunResult, run_plan

CRAQ = Named("craq")
ZOOKEEPER = Named("zookeeper", {"read_mode": "sync"})
TREE = Named("zookeeper")  # plain reads; the workload tree is judged by the checker zookeeper


def plan(system: Named, driver: str, reads: float, seconds: float) -> Plan:
    """A system of three nodes as fast as 20 clients can, nothing broken."""
    workload = Named("register", {"keys": 50, "read_share": reads})
    if system is TREE:
        workload = Named("tree", {"read_share": reads})
    return Plan(
        name=f"bench-{driver}-{system.name}-{round(100 * reads)}",
        system=system,
        workload=workload,
        driver=driver,
        time_limit=round(seconds * SECOND),
        concurrency=20,
        recovery=SECOND // 2,
    )


def run(wanted: Plan, results: Path) -> RunResult:
    """One run, undrawn."""
    with patch("harness.run._draw", lambda *_: []):
        outcome = run_plan(wanted, results=results, started=datetime.now(UTC))
    assert outcome.exit == 0, {n: j.cause for n, j in outcome.results.items() if j.exit}
    return outcome


def simulated(system: Named, results: Path) -> float:
    """Operations a second of one core, from building the run to its last check."""
    wanted = plan(system, "sim", 0.9, 1.5)
    begun = time.process_time()
    outcome = run(wanted, results)
    return outcome.ops / (time.process_time() - begun)


def help_s() -> float:
    """Seconds that `weaklink --help` takes, median of 9."""
    command = [str(Path(sys.executable).with_name("weaklink")), "--help"]
    taken = []
    for _ in range(9):
        begun = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        taken.append(time.perf_counter() - begun)
    return median(taken)


def checked_s() -> float:
    """Seconds of processor time for 100,000 operations, the slowest of three kinds of history."""
    return max(took for _, took, _ in checker_zookeeper.timed(100_000, dumps=True))


def row(what: str, value: str, target: str) -> None:
    """A line of the table."""
    print(f"{what:<70}{value:>10}   {target}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="of each live run")
    parser.add_argument("--kills", type=int, default=10, help="of a leader")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        results = Path(folder)
        for name, system, target in (
            ("CRAQ", CRAQ, ">= 8,000"),
            ("ZooKeeper registers, sync reads", ZOOKEEPER, ">= 5,000"),
            ("ZooKeeper tree", TREE, ">= 5,000"),
        ):
            rates = [simulated(system, results) for _ in range(3)]
            what = f"simulated {name}, 90 % reads, judged, ops/s"
            row(what, f"{median(rates):,.0f}", target)
        for system in (CRAQ, TREE):
            live(system, asked.seconds, results)
    took_s, outcome = hour.measured()
    assert outcome.exit == 0, {n: j.cause for n, j in outcome.results.items() if j.exit}
    row("an hour of a chain of 5, faults every 10 s, 100 ops/s, s", f"{took_s:.0f}", "< 60")
    took = [snapshot.taken() for _ in range(3)]
    row("100,000 znodes: snapshot written and loaded, s", f"{median(map(sum, took)):.2f}", "< 2")
    gaps = failover.measured(asked.kills)
    row(f"first write after the leader's death, median of {len(gaps)}, s", seconds(gaps), "< 1")
    row("checker zookeeper, 100,000 operations, s", f"{checked_s():.2f}", "< 3")
    row("weaklink --help, s", f"{help_s():.2f}", "< 0.3")


def live(system: Named, length: float, results: Path) -> None:
    """The rows of live runs."""
    for reads, target in ((0.9, ">= 1,500"), (0.5, "to know")):
        outcome = run(plan(system, "live", reads, length), results)
        done = outcome.ops / length
        row(f"live {system.name}, {reads:.0%} reads, recorded ops/s", f"{done:,.0f}", target)
        figures = outcome.figures
        row("  cluster ready, s", f"{figures['ready_s']:.2f}", "< 3")
        row("  largest node, MB", f"{max_mb(figures):.0f}", "< 60")


def seconds(gaps: list[int]) -> str:
    """The median of times in ns, in s."""
    return f"{median(gaps) / SECOND:.2f}"


def max_mb(figures: object) -> float:
    """The most memory that any node had."""
    assert isinstance(figures, dict)
    peak = figures["node_peak_mb"]
    return float(max(peak.values()) if isinstance(peak, dict) else peak)


if __name__ == "__main__":
    main()
