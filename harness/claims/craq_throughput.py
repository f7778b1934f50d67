"""CRAQ's figure 5: reads grow with the chain, writes do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.claims import plot
from harness.claims.claim import FIGURE, SERVICE, Claim, Found
from harness.claims.lab import Lab
from harness.claims.rate import Window, per_second
from harness.clock import MS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLAN = "claims/craq-throughput"
LENGTHS = (3, 5, 7)
WINDOW = Window(100 * MS, 400 * MS)
WRITERS = 50
PLAIN = "CR-3"  # plain chain replication of three nodes
PAPER_READS = {PLAIN: 20_552, "CRAQ-3": 59_882, "CRAQ-5": 99_466, "CRAQ-7": 138_833}
PAPER_WRITES = {"CRAQ-3": 5_514, "CRAQ-5": 4_999, "CRAQ-7": 4_538}
TARGET = {"CRAQ-3": 2.9, "CRAQ-5": 4.8, "CRAQ-7": 6.8}  # times the reads of the plain chain
NEAR = 0.05


def _measure(lab: Lab) -> Found:
    plain = lab.run(PLAN, "system.apportioned=false", judged=False)
    reads = {PLAIN: per_second(plain, "read", WINDOW)}
    writes: dict[str, float] = {}
    for n in LENGTHS:
        chain = f"CRAQ-{n}"
        reads[chain] = per_second(lab.run(PLAN, f"nodes={n}", judged=False), "read", WINDOW)
        only = (f"concurrency={WRITERS}", f"workload.writers={WRITERS}")
        run = lab.run(PLAN, f"nodes={n}", *only, judged=False)
        writes[chain] = per_second(run, "write", WINDOW)
    times = {chain: reads[chain] / reads[PLAIN] for chain in TARGET}
    with plot.panels(lab.folder / "craq-figure-5.png", 2, width=900) as (left, right):
        _bars(left, "reads", PAPER_READS, reads)
        _bars(right, "writes", PAPER_WRITES, writes)
    return Found(
        paper="reads/s CR-3 20,552; CRAQ-3/5/7 59,882/99,466/138,833 (2.91/4.84/6.76 times); "
        "writes/s 5,514/4,999/4,538",
        ours=f"reads/s CR-3 {reads[PLAIN]:,.0f}; CRAQ-3/5/7 "
        + "/".join(f"{reads[chain]:,.0f}" for chain in TARGET)
        + f" ({'/'.join(f'{n:.2f}' for n in times.values())} times); writes/s "
        + "/".join(f"{n:,.0f}" for n in writes.values()),
        how=SERVICE,
        holds=all(abs(times[chain] / n - 1) <= NEAR for chain, n in TARGET.items())
        and max(writes.values()) <= 1.02 * writes["CRAQ-3"],
        note="Given: one read costs a node 48.7 us, the paper's CR-3. That reads are so many times "
        "as many is then the protocol's doing, and is to be within 5 % of 2.9, 4.8 and 6.8. What "
        "a write costs a node is calibrated to CRAQ-3's 5,514 writes a second, so only that writes "
        "do not grow with the chain is shown: the paper's even fall by 18 % from three nodes to "
        "seven, while nothing in our costs does.",
        plots=("craq-figure-5.png",),
        data={"reads": reads, "writes": writes, "times": times},
    )


def _bars(axes: Axes, what: str, paper: Mapping[str, float], ours: Mapping[str, float]) -> None:
    sides = ((-0.2, paper, "the paper", "none"), (0.2, ours, "ours", plot.BLUE))
    for side, heights, label, fill in sides:
        places = [i + side for i in range(len(paper))]
        tops = [heights[chain] for chain in paper]
        axes.bar(places, tops, 0.36, facecolor=fill, edgecolor=plot.BLUE, label=label)
        for place, top in zip(places, tops, strict=True):
            axes.text(place, top, f"{top:,.0f}", ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(paper)), list(paper))
    axes.set_ylabel(f"{what} a second")
    axes.margins(y=0.25)
    plot.title(axes, f"{what.capitalize()} of saturated chains")
    plot.legend(axes, "upper left")


CLAIMS = (
    Claim(
        name="craq-figure-5",
        kind=FIGURE,
        source="CRAQ, figure 5",
        says="Reads grow with the length of a CRAQ chain, and not with that of a plain one; writes "
        "do not grow.",
        plans=(PLAN,),
        measure=_measure,
    ),
)
