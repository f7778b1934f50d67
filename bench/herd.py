"""The herd effect: messages until each of n clients has had a lock once, counted on an ensemble.

    python bench/herd.py                    # n = 10, 30, 100
    python bench/herd.py --all              # 300 and 1000 too: some minutes
    python bench/herd.py --draw             # only draws what was counted before

The recipes run as they are against three simulated servers. Counted are the clients' requests and
the watch events (docs/herd.md), which the checker `messages` compares with 1.5 n^2 + 0.5 n and
6 n - 3. Figures go to results/herd/counts.json, the picture to results/herd/herd.png and, once all
five n are counted, to docs/herd.png.
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
from harness import build
from harness import generator as gen
from harness.driver import Setup, SystemSpec
from harness.history import History
from harness.interpreter import Interpreter
from harness.op import Op
from harness.sim.driver import SimDriver
from workloads.recipes.herd import herd

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "herd"
KINDS = ("simple", "scalable")
FEW, ALL = (10, 30, 100), (10, 30, 100, 300, 1000)
COLOURS = {"simple": "#D1495B", "scalable": "#0B63CE"}
# A hand-over takes a thousand clients' requests: time for them, and disks that do not count.
OPTIONS = {"check_every": 1_000_000, "fsync": "1us"}
PATIENT = {"timeout": "60s", "session_timeout": "600s"}


def count(kind: str, n: int) -> dict[str, Any]:
    """One count: the checker's figures, and how long it took."""
    load = herd(nodes=("n1", "n2", "n3"), rng=Random(1), kind=kind, hold=0.2 + n / 250)
    spec = SystemSpec("zookeeper", 3, PATIENT)
    system: Any = build.wrapped(build.system(spec), load)
    nemesis: Any = None
    history: list[Op] = []
    steps = Interpreter(gen.clients(load.generator), n, history.append)
    begun = time.process_time()
    ending = SimDriver().drive(
        Setup(spec, system, nemesis, 1, n, options=OPTIONS), steps, lambda status: None
    )
    assert ending.violation is None, ending.violation
    result = load.checkers["messages"].check(History(history), Unlimited())
    return {
        "kind": kind,
        "verdict": result.verdict,
        **result.data,
        "all_messages": ending.figures["messages"],
        "simulated_s": round(ending.figures["simulated_end"] / 1e9, 3),
        "took_s": round(time.process_time() - begun, 1),
    }


def draw(counts: Sequence[dict[str, Any]], path: Path) -> None:
    """Both locks and both formulas, on two logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8.4, 5.6), dpi=150)
    formulas = {"simple": "1.5 n² + 0.5 n", "scalable": "6 n − 3"}
    for kind in KINDS:
        points = sorted((c["n"], c["messages"]) for c in counts if c["kind"] == kind)
        sizes = list(range(5, 2001, 5))
        line = [messages(kind, n) for n in sizes]
        axes.plot(sizes, line, color=COLOURS[kind], lw=1.2, alpha=0.7)
        xs, ys = zip(*points, strict=True)
        label = f"{kind} lock, counted; the line is {formulas[kind]}"
        axes.plot(xs, ys, "o", color=COLOURS[kind], ms=7, label=label)
        for x, y in points:
            axes.annotate(
                f"{y:,}", (x, y), xytext=(-8, 8), textcoords="offset points", ha="right", size=8.5
            )
    axes.set(xscale="log", yscale="log", xlim=(5, 2000), ylim=(10, 10_000_000))
    axes.set_xticks(ALL, [f"{n:,}" for n in ALL])
    axes.minorticks_off()
    axes.set_xlabel("clients that want the lock at the same time")
    axes.set_ylabel("requests and watch events until each has had it")
    axes.set_title("The herd effect", loc="left", weight="bold")
    axes.grid(color="#E3E6E9", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def _kept() -> dict[str, dict[str, Any]]:
    path = RESULTS / "counts.json"
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> None:
    """Prints a JSON line for each count, and raises where one is not as the formula says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", nargs="*", type=int)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--draw", action="store_true")
    asked = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    counts = _kept()
    for n in () if asked.draw else asked.n or (ALL if asked.all else FEW):
        for kind in KINDS:
            found = counts[f"{kind} {n}"] = count(kind, n)
            print(json.dumps(found), flush=True)
            (RESULTS / "counts.json").write_text(json.dumps(counts, indent=1))
            assert found["verdict"] == "valid", found
    draw(list(counts.values()), RESULTS / "herd.png")
    if all(f"{kind} {n}" in counts for kind in KINDS for n in ALL):
        draw(list(counts.values()), ROOT / "docs" / "herd.png")


if __name__ == "__main__":
    main()
