"""The herd effect: messages until n clients have each had a lock, or incremented a counter, once.

    python bench/herd.py                    # n = 10, 30, 100
    python bench/herd.py --all              # 300 and 1000 too: some minutes
    python bench/herd.py --only counter     # or simple, or scalable
    python bench/herd.py --draw             # only draws what was counted before
    python bench/herd.py --race             # counters whose clients do not think, seed by seed

The recipes run as they are against three simulated servers. Counted are the clients' requests and
the watch events (docs/herd.md), which the checker `messages` compares with 1.5 n^2 + 0.5 n and
6 n - 3; the counter's clients, which keep step here, with n^2 + n. Figures go to
results/herd/counts.json, the picture to results/herd/herd.png and, once all five n are counted, to
docs/herd.png.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from checker.budget import Unlimited
from checker.recipes.herd import messages
from checker.recipes.retries import most
from harness import build
from harness import generator as gen
from harness.driver import Setup, SystemSpec
from harness.history import History
from harness.interpreter import Interpreter
from harness.op import Op
from harness.sim.driver import SimDriver
from harness.workload import Workload
from workloads.recipes.counter import counter_herd
from workloads.recipes.herd import herd

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "herd"
KINDS = ("simple", "counter", "scalable")
FORMULAS = {"simple": "1.5 n² + 0.5 n", "counter": "n² + n", "scalable": "6 n − 3"}
NAMES = {"simple": "simple lock", "counter": "counter", "scalable": "scalable lock"}
FEW, ALL = (10, 30, 100), (10, 30, 100, 300, 1000)
COLOURS = {"simple": "#D1495B", "counter": "#7A4FBF", "scalable": "#0B63CE"}
PLACES = {  # of the figures, beside their points
    "simple": ((-8, 8), "right"),
    "counter": ((10, -3.5), "left"),
    "scalable": ((8, -12), "left"),
}
RACES = 20  # seeds
# A hand-over takes a thousand clients' requests: time for them, and disks that do not count.
OPTIONS = {"check_every": 1_000_000, "fsync": "1us"}
PATIENT = {"timeout": "60s", "session_timeout": "600s"}


def expected(kind: str, n: int) -> int:
    """What the formula says."""
    return most(n) if kind == "counter" else messages(kind, n)


def made(kind: str, n: int, think: float | None = None) -> Workload:
    """The workload: whoever holds the lock, or thinks between read and write, gives all others the
    time to come as far."""
    nodes, hold = ("n1", "n2", "n3"), 0.2 + n / 250
    if kind == "counter":
        return counter_herd(nodes=nodes, rng=Random(1), think=hold if think is None else think)
    patience = 60 + 2 * n * hold
    return herd(nodes=nodes, rng=Random(1), kind=kind, hold=hold, patience=patience)


def count(kind: str, n: int, seed: int = 1, think: float | None = None) -> dict[str, Any]:
    """One count: the checker's figures, and how long it took."""
    load = made(kind, n, think)
    spec = SystemSpec("zookeeper", 3, PATIENT)
    system: Any = build.wrapped(build.system(spec), load)
    nemesis: Any = None
    history: list[Op] = []
    steps = Interpreter(gen.clients(load.generator), n, history.append)
    begun = time.process_time()
    ending = SimDriver().drive(
        Setup(spec, system, nemesis, seed, n, options=OPTIONS), steps, lambda status: None
    )
    assert ending.violation is None, ending.violation
    judge = load.checkers["retries" if kind == "counter" else "messages"]
    result = judge.check(History(history), Unlimited())
    return {
        "kind": kind,
        "verdict": result.verdict,
        **result.data,
        "messages": result.data.get("messages", result.data["requests"]),
        "expected": expected(kind, n),
        "all_messages": ending.figures["messages"],
        "simulated_s": round(ending.figures["simulated_end"] / 1e9, 3),
        "took_s": round(time.process_time() - begun, 1),
    }


def draw(counts: Sequence[dict[str, Any]], path: Path) -> None:
    """All three and their formulas, on two logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8.4, 5.6), dpi=150)
    for kind in KINDS:
        points = sorted((c["n"], c["messages"]) for c in counts if c["kind"] == kind)
        if not points:
            continue
        sizes = list(range(5, 2001, 5))
        line = [expected(kind, n) for n in sizes]
        axes.plot(sizes, line, color=COLOURS[kind], lw=1.2, alpha=0.7)
        xs, ys = zip(*points, strict=True)
        label = f"{NAMES[kind]}, counted; the line is {FORMULAS[kind]}"
        axes.plot(xs, ys, "o", color=COLOURS[kind], ms=7, label=label)
        place, side = PLACES[kind]
        for x, y in points:
            axes.annotate(
                f"{y:,}", (x, y), xytext=place, textcoords="offset points", ha=side, size=8.5
            )
    axes.set(xscale="log", yscale="log", xlim=(5, 2000), ylim=(10, 10_000_000))
    axes.set_xticks(ALL, [f"{n:,}" for n in ALL])
    axes.minorticks_off()
    axes.set_xlabel("clients that want the lock, or increment, at the same time")
    axes.set_ylabel("requests and watch events until all are done")
    axes.set_title("The herd effect", loc="left", weight="bold")
    axes.grid(color="#E3E6E9", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def race(sizes: Sequence[int]) -> None:
    """Prints for each n the fewest, the middle and the most requests of counters whose clients
    write as soon as they have read."""
    for n in sizes:
        found = sorted(count("counter", n, seed, think=0)["messages"] for seed in range(RACES))
        print(json.dumps({"n": n, "low": found[0], "mid": found[RACES // 2], "high": found[-1]}))


def _kept() -> dict[str, dict[str, Any]]:
    path = RESULTS / "counts.json"
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> None:
    """Prints a JSON line for each count, and raises where one is not as the formula says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", nargs="*", type=int)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--race", action="store_true")
    asked = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if asked.race:
        race(asked.n or FEW)
        return
    counts = _kept()
    for n in () if asked.draw else asked.n or (ALL if asked.all else FEW):
        for kind in KINDS if asked.only is None else (asked.only,):
            found = counts[f"{kind} {n}"] = count(kind, n)
            print(json.dumps(found), flush=True)
            (RESULTS / "counts.json").write_text(json.dumps(counts, indent=1))
            assert found["verdict"] == "valid", found
            assert found["messages"] == found["expected"], found
    draw(list(counts.values()), RESULTS / "herd.png")
    if all(f"{kind} {n}" in counts for kind in KINDS for n in ALL):
        draw(list(counts.values()), ROOT / "docs" / "herd.png")


if __name__ == "__main__":
    main()
