"""How fast the checker `transactions` is: histories of a correct database and of weak ones.

python bench/transactions.py [transactions ...]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/checker/transactions"))

import database
from database import Profile

from checker.budget import Unlimited
from checker.transactions import Transactions

CASES = (
    ("correct, 20 clients", database.Store, Profile(processes=20, keys=10, lost=0.01)),
    ("correct, 100 clients", database.Store, Profile(processes=100, keys=30, lost=0.01)),
    ("stale reads", database.StaleReads, Profile(processes=20, keys=10, lost=0.01)),
    ("snapshot isolation", database.Snapshots, Profile(processes=20, keys=10, lost=0.01)),
    ("read committed", database.ReadCommitted, Profile(processes=20, keys=10, lost=0.01)),
)


def main(counts: list[int]) -> None:
    """Print a line a case."""
    for count in counts:
        for name, make, profile in CASES:
            history = database.history(make, 1, count, profile)
            begun = time.perf_counter()
            result = Transactions().check(history, Unlimited())
            took = time.perf_counter() - begun
            data = result.data
            edges = sum(data["edges"].values())
            print(
                f"{count} transactions, {name}: {took:.2f} s, {data['statement']} "
                f"({data['keys']} keys, {edges} edges; {data['names'] or 'no anomaly'})",
                flush=True,
            )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10_000, 100_000])
