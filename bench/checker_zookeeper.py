"""How fast the checker `zookeeper` is: correct histories of all kinds of operations.

python bench/checker_zookeeper.py [operations]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/checker"))

from service import Service

from checker.budget import Unlimited
from checker.zookeeper import ZooKeeperGuarantee
from harness.result import Result

CASES: list[tuple[str, dict[str, Any]]] = [
    ("10 sessions of 3 processes, 50 % reads", {"sessions": 10, "pipeline": 3}),
    ("10 sessions of 3 processes, 90 % reads", {"sessions": 10, "pipeline": 3, "read_share": 0.9}),
    ("10 sessions, 1,000 paths", {"sessions": 10, "pipeline": 1, "paths": 1000}),
]


def timed(count: int, *, dumps: bool) -> Iterator[tuple[str, float, Result]]:
    """Of each case its name, the seconds of processor time that judging it takes, and the result;
    with the servers' logs or without."""
    for name, options in CASES:
        service = Service(1, **options)
        history = service.run(count)
        if not dumps:
            history = service.history(dumps=False)
        begun = time.process_time()
        result = ZooKeeperGuarantee().check(history, Unlimited())
        yield name, time.process_time() - begun, result


def main(count: int) -> None:
    """Print a line a case."""
    for dumps in (True, False):
        for name, took, result in timed(count, dumps=dumps):
            data, what = result.data, "" if dumps else ", without logs"
            print(
                f"{data['operations']} operations, {name}{what}: {took:.2f} s, {result.verdict} "
                f"({data['compared']} answers compared, {data['watches_fired']} watches, "
                f"{data['log_entries']} entries)"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
