"""The counter's herd: how often n clients that increment at once are refused and try again."""

from __future__ import annotations

from typing import Any

from checker.recipes.section import is_ok, number
from checker.recipes.wrong import told
from harness.history import History
from harness.result import INVALID, UNKNOWN, VALID, Budget, Result


class Retries:
    """The checker `retries`: n clients that each increment once needed from 2 n to n^2 + n
    requests.

    Each try is a getData and a setData. A try is refused only where another's setData came between
    the two, and no client is refused twice for the same one; so when the k-th increment is made, at
    most the n - k others that are not done yet lose a try by it. How many do is a matter of who is
    faster. docs/herd.md has the figures. Unknown where not every increment came out ok.
    """

    name = "retries"

    def check(self, history: History, budget: Budget) -> Result:
        """`data`: n, requests, `refused` (tries), and the fewest and the most requests there can
        be; where all is well, a `statement` that says so."""
        made = [call for call in history.calls if call.invoke.f == "increment"]
        counts = [
            number(told(call)) or 0
            for call in history.calls
            if call.invoke.f == "requests" and is_ok(call)
        ]
        n, requests = len(made), sum(counts)
        data: dict[str, Any] = {
            "n": n,
            "requests": requests,
            "refused": requests // 2 - n,
            "fewest": 2 * n,
            "most": most(n),
        }
        oks = sum(map(is_ok, made))
        if not n or oks < n:
            return Result(UNKNOWN, f"{oks} of {n} increments came out ok", data)
        if len(counts) < n:
            return Result(UNKNOWN, f"the requests of {len(counts)} of {n} are known", data)
        if requests % 2 == 0 and 2 * n <= requests <= most(n):
            data["statement"] = (
                f"{requests:,} requests, from 2 n = {2 * n:,} to n^2 + n = {most(n):,} for n = {n}"
            )
            return Result(VALID, None, data)
        text = (
            f"{n} clients that each incremented the counter once needed {requests} requests, which "
            f"is not 2 for each try, or not from {2 * n} to {most(n)}"
        )
        return Result(INVALID, text, data)


def most(n: int) -> int:
    """Requests where all that are not done yet try together, each time: 2 n + 2 (n - 1) + ... + 2.

    >>> [most(n) for n in (1, 2, 100, 1000)]
    [2, 6, 10100, 1001000]
    """
    return n * n + n
