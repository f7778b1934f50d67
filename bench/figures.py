"""The figures that the project promises, each beside its target, through the whole of a run.

    python bench/figures.py [--seconds 8]

A run here is what `weaklink run` does without pictures: generator, interpreter, driver, history
written as it happens. Rates are ok and recorded operations a second of the run's own time, for
the live ones on as many cores as there are, fsync on.
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

from harness.clock import SECOND
from harness.plan import Named, Plan
from harness.run import RunResult, run_plan


def plan(driver: str, reads: float, seconds: float) -> Plan:
    """CRAQ of three nodes as fast as 20 clients can, nothing broken."""
    return Plan(
        name=f"bench-{driver}-{round(100 * reads)}",
        system=Named("craq"),
        workload=Named("register", {"keys": 50, "read_share": reads}),
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


def simulated(results: Path) -> float:
    """Operations a second of one core, from building the run to its last check."""
    wanted = plan("sim", 0.9, 1.5)
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="of each live run")
    seconds = parser.parse_args().seconds

    def row(what: str, value: str, target: str) -> None:
        print(f"{what:<52}{value:>14}   {target}", flush=True)

    with TemporaryDirectory() as folder:
        results = Path(folder)
        rates = [simulated(results) for _ in range(3)]
        row(
            "simulated CRAQ, 90 % reads, judged too, ops/s a core",
            f"{median(rates):,.0f}",
            ">= 5,000",
        )
        for reads, target in ((0.9, ">= 1,500"), (0.5, "to know")):
            outcome = run(plan("live", reads, seconds), results)
            done = outcome.ops / seconds
            row(f"live CRAQ, {reads:.0%} reads, recorded ops/s", f"{done:,.0f}", target)
            figures = outcome.figures
            row("  cluster ready, s", f"{figures['ready_s']:.2f}", "< 3")
            row("  largest node, MB", f"{max_mb(figures):.0f}", "< 60")
    row("weaklink --help, s", f"{help_s():.2f}", "< 0.3")


def max_mb(figures: object) -> float:
    """The most memory that any node had."""
    assert isinstance(figures, dict)
    peak = figures["node_peak_mb"]
    return float(max(peak.values()) if isinstance(peak, dict) else peak)


if __name__ == "__main__":
    main()
