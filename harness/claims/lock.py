"""The lock recipes counted: requests and watch events until each of n clients has had the lock."""

from __future__ import annotations

from typing import Any

from checker.recipes.herd import messages
from harness.claims import plot
from harness.claims.claim import COUNT, FIGURE, Claim, Found
from harness.claims.lab import Lab

SIZES = (10, 30, 100, 300, 1000)
MANY = 1000  # clients for whom one server must do: what they send and hear is the same
PLANS = {"simple": "claims/lock-simple", "scalable": "claims/lock-scalable"}
PAPER = {"simple": {100: 15_050, 1000: 1_500_500}, "scalable": {100: 597, 1000: 5_997}}
COLOURS = {"simple": plot.RED, "scalable": plot.BLUE}
FORMULAS = {"simple": "1.5 n² + 0.5 n", "scalable": "6 n − 3"}


def counted(lab: Lab, kind: str, n: int) -> dict[str, Any]:
    """The figures of the checker `messages`, which counts what the clients sent and were told."""
    run = lab.run(PLANS[kind], f"concurrency={n}", f"nodes={3 if n < MANY else 1}")
    found = run.judged["messages"]
    assert not run.violated, run.violated
    return {"kind": kind, "verdict": found.verdict, **found.data}


def _measure(lab: Lab) -> Found:
    counts = [counted(lab, kind, n) for kind in PLANS for n in SIZES]
    ours = {(c["kind"], c["n"]): c["messages"] for c in counts}
    _draw(lab, ours)
    exact = all(ours[kind, n] == messages(kind, n) for kind in PLANS for n in SIZES)
    as_paper = all(ours[kind, n] == m for kind, one in PAPER.items() for n, m in one.items())
    return Found(
        paper="simple: 15,050 (n = 100), 1,500,500 (n = 1,000); sequential: 597, 5,997",
        ours="; ".join(
            f"{name}: " + ", ".join(f"{ours[kind, n]:,}" for n in (100, 1000))
            for kind, name in (("simple", "simple"), ("scalable", "sequential"))
        ),
        how=COUNT,
        holds=exact and as_paper and all(c["verdict"] == "valid" for c in counts),
        note="Requests and watch events, no replies, of the recipes as they are, on three "
        "simulated servers (n = 1,000: on one, which changes nothing of what is counted); every n "
        "of the plot equals its formula exactly (docs/herd.md has each term).",
        plots=("lock-counts.png",),
        data=counts,
    )


def _draw(lab: Lab, ours: dict[tuple[str, int], int]) -> None:
    with plot.panels(lab.folder / "lock-counts.png") as (axes,):
        for kind, colour in COLOURS.items():
            line = range(5, 2001, 5)
            axes.plot(line, [messages(kind, n) for n in line], "--", color=colour, lw=1)
            name = "simple lock" if kind == "simple" else "sequential lock"
            label = f"{name}, counted (dashed: {FORMULAS[kind]})"
            points = [(n, ours[kind, n]) for n in SIZES]
            axes.plot(*zip(*points, strict=True), "o", color=colour, ms=6, label=label)
            for n, m in points:
                at, side = ((-7, 6), "right") if kind == "simple" else ((7, -11), "left")
                axes.annotate(
                    f"{m:,}", (n, m), xytext=at, textcoords="offset points", ha=side, fontsize=8
                )
        axes.set(xscale="log", yscale="log", xlim=(5, 2000), ylim=(20, 6_000_000))
        axes.set_xticks(SIZES, [f"{n:,}" for n in SIZES])
        plot.plain_numbers(axes.yaxis)
        axes.minorticks_off()
        axes.set_xlabel("clients that want the lock at the same time")
        axes.set_ylabel("requests and watch events")
        plot.title(axes, "Messages until every client has had the lock")
        plot.legend(axes, "upper left")


CLAIMS = (
    Claim(
        name="lock-counts",
        kind=FIGURE,
        source="ZooKeeper 2.4 (the recipes); lectures",
        says="n clients at once cost a simple lock O(n²) messages, a sequential one O(n).",
        plans=tuple(PLANS.values()),
        measure=_measure,
    ),
)
