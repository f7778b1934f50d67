"""How long after its leader is killed the ZooKeeper-like service takes a write again, live.

    python bench/failover.py [--kills 10]

Under load the leader is killed with SIGKILL every 5 s and comes back 2 s later. Counted from the
kill to the answer of the first write that was *asked* after it. The run is judged as any other:
what was acknowledged is there at the end, and all nodes hold the same tree.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

from harness.clock import SECOND, show
from harness.history import History, load_jsonl
from harness.op import OK
from harness.plan import Named, Plan
from harness.result import VALID
from harness.run import run_plan

FOREVER = 3_600 * SECOND  # where no write was answered again


def plan(kills: int) -> Plan:
    """Ten clients, 200 operations a second."""
    times = {"at": "3s", "for": "2s", "every": "5s"}
    return Plan(
        name="bench-failover",
        system=Named("zookeeper", {"read_mode": "sync"}),
        workload=Named("cas-register", {"keys": 5}),
        nemesis=(Named("kill", {"targets": "leader", **times}),),
        driver="live",
        time_limit=(5 * kills + 2) * SECOND,
        concurrency=10,
        rate=200,
    )


def gaps(history: History) -> list[int]:
    """ns from each kill to the answer of the first write asked after it."""
    found = []
    for op in history.faults:
        if op.f != "kill" or op.value.get("state") != "installed":
            continue
        answers = [
            call.completion.time
            for call in history.calls
            if call.invoke.f == "write" and call.invoke.time >= op.time
            if call.completion is not None and call.completion.type == OK
        ]
        found.append(min(answers) - op.time if answers else FOREVER)
    return found


def measured(kills: int) -> list[int]:
    """The gaps of a run that was judged to be as it should: nothing lost, one tree everywhere."""
    with TemporaryDirectory() as folder, patch("harness.run._draw", lambda *_: []):
        outcome = run_plan(plan(kills), results=Path(folder), started=datetime.now(UTC))
        bad = {n: (r.verdict, r.cause) for n, r in outcome.results.items() if r.verdict != VALID}
        assert outcome.folder is not None and not bad, bad
        return gaps(load_jsonl(outcome.folder / "history.jsonl"))


def main() -> None:
    """Print every gap and their median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    found = measured(parser.parse_args().kills)
    print("valid: nothing acknowledged is lost, all nodes hold the same")
    print(f"first write after each of {len(found)} kills: " + " ".join(map(show, found)))
    print(
        f"median {show(round(median(found)))}, longest {show(max(found))}   (promised: under 1 s)"
    )


if __name__ == "__main__":
    main()
