"""How long a CRAQ chain is without reads and without writes when it loses a node, live.

    python bench/failover_craq.py [--kills 30] [--driver live]

Under load the head, the middle and the tail are killed by turns with SIGKILL every 5 s and come
back 2 s later (the plan craq-recovery). Of each kill: the longest time around it in which somebody
waited for a read (a write) and nobody was answered ok, as the checker `availability` measures it.
The run is judged as any other: nothing acknowledged is lost, nothing stale is read.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from harness.clock import SECOND, show
from harness.plan import load_plan
from harness.result import VALID
from harness.run import run_plan

PLAN = Path(__file__).resolve().parents[1] / "plans" / "craq-recovery.yaml"


def measured(kills: int, driver: str) -> Mapping[str, Mapping[str, Any]]:
    """`without_ok` of a run that was judged to be as it should: {"kill tail": {...}, ...}."""
    wanted = replace(load_plan(PLAN), driver=driver, time_limit=(5 * kills + 2) * SECOND)
    with TemporaryDirectory() as folder, patch("harness.run._draw", lambda *_: []):
        outcome = run_plan(wanted, results=Path(folder), started=datetime.now(UTC))
        bad = {n: (r.verdict, r.cause) for n, r in outcome.results.items() if r.verdict != VALID}
        assert not bad, bad
        assert outcome.folder is not None
        found: Mapping[str, Mapping[str, Any]] = outcome.results["availability"].data["without_ok"]
        return found


def main() -> None:
    """Print a row for each place in the chain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--driver", default="live")
    asked = parser.parse_args()
    found = measured(asked.kills, asked.driver)
    print("valid: nothing acknowledged is lost, nothing stale is read")
    for what, figures in found.items():
        words = [
            f"{f} {show(figures[f'{f}_median_ns'])}, longest {show(figures[f'{f}_longest_ns'])}"
            for f in ("read", "write")
        ]
        print(f"{what:<12} {figures['times']:>3} times, without an ok: {'; '.join(words)} (median)")


if __name__ == "__main__":
    main()
