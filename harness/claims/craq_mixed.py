"""CRAQ's figures 6 and 8: reads, clean and dirty, as writes to the same object rise."""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

from harness.claims import plot
from harness.claims.claim import FIGURE, SERVICE, Claim, Found
from harness.claims.lab import Lab
from harness.claims.rate import Window, per_second
from harness.clock import MS

PLAN = "claims/craq-mixed"
RATES = (0, 10, 25, 50, 100, 150, 200, 250)  # writes a second
PLAIN_RATES = (0, 100, 250)
WINDOW = Window(100 * MS, 400 * MS)
ALONE, SATURATED, PLAIN = 59_882, 39_873, 20_430  # the paper's reads a second
CLEAN, DIRTY = 0.254, 0.423  # of ALONE, at saturation
NEAR = 0.10


class Point(Struct, frozen=True):
    """Reads a second at so many writes a second; `dirty` of them had to ask the tail."""

    writes: int
    reads: float
    dirty: float = 0.0


def _point(lab: Lab, rate: int, *, plain: bool = False) -> Point:
    sets = [f"workload.write_rate={rate}"]
    if not rate:  # then the writers' threads are left out
        sets = ["workload.writers=0", "concurrency=300"]
    if plain:
        sets.append("system.apportioned=false")
    run = lab.run(PLAN, *sets, judged=False, trace=not plain)
    told = sum(p.kind == "Version" for p in run.trace.given(WINDOW.since, WINDOW.until))
    return Point(rate, per_second(run, "read", WINDOW), told / WINDOW.seconds)


def _measure(lab: Lab) -> Found:
    ours = [_point(lab, rate) for rate in RATES]
    plain = [_point(lab, rate, plain=True) for rate in PLAIN_RATES]
    first, last = ours[0], ours[-1]
    clean, dirty = (last.reads - last.dirty) / first.reads, last.dirty / first.reads
    _draw(lab, ours, plain)
    return Found(
        paper="reads/s of CRAQ-3 fall from 59,882 to 39,873, of CR-3 stay at 20,430; at the end "
        "25.4 % clean and 42.3 % dirty, of the reads without writes",
        ours=f"CRAQ-3 from {first.reads:,.0f} to {last.reads:,.0f}, CR-3 {plain[0].reads:,.0f} to "
        f"{plain[-1].reads:,.0f}; at the end {clean:.1%} clean, {dirty:.1%} dirty",
        how=SERVICE,
        holds=_is_near(first.reads, ALONE)
        and _is_near(last.reads, SATURATED)
        and all(_is_near(point.reads, PLAIN) for point in plain)
        and _is_near(clean, CLEAN)
        and _is_near(dirty, DIRTY)
        and all(a.reads >= b.reads for a, b in pairwise(ours)),
        note="Within 10 %. Of the costs one is given, a read's 48.7 us. Calibrated to figure 8 are "
        "two: a version query costs the tail 0.19 of a read, and the answer 26 us its asker; and "
        "the number of readers, 100 at each node: on how long messages wait depends at how many "
        "writes a second the object is dirty nearly all the time, so where on the axis the curve "
        "falls is our doing, and where it ends (250 writes a second) too. That the shares of the "
        "end come out together with the reads, and that the curve falls towards twice the plain "
        "chain's, is the protocol's. The size of objects (500 bytes) is in the costs alone.",
        plots=("craq-figure-6-8.png",),
        data={"craq": ours, "plain": plain},
    )


def _is_near(ours: float, paper: float) -> bool:
    return abs(ours / paper - 1) <= NEAR


def _draw(lab: Lab, ours: list[Point], plain: list[Point]) -> None:
    with plot.panels(lab.folder / "craq-figure-6-8.png", 2, width=960) as (left, right):
        rates = [p.writes for p in ours]
        end = rates[-1]
        left.plot(rates, [p.reads for p in ours], "o-", color=plot.BLUE, label="CRAQ-3, ours")
        left.plot(
            [p.writes for p in plain],
            [p.reads for p in plain],
            "s-",
            color=plot.RED,
            label="CR-3, ours",
        )
        left.plot(
            [0, end],
            [ALONE, SATURATED],
            "o",
            mfc="none",
            ms=10,
            color=plot.BLUE,
            label="the paper's ends",
        )
        left.axhline(PLAIN, color=plot.RED, ls="--", lw=1, label="CR-3, the paper's")
        left.axhline(2 * PLAIN, color=plot.GREY, ls=":", lw=1, label="twice CR-3")
        left.set(ylim=(0, 70_000), ylabel="reads a second")
        plot.title(left, "Reads beside writes (figure 6)")
        whole = ours[0].reads
        share = {
            "clean": [(p.reads - p.dirty) / whole for p in ours],
            "dirty": [p.dirty / whole for p in ours],
        }
        colours, ends = (
            {"clean": plot.GREEN, "dirty": plot.ORANGE},
            {"clean": CLEAN, "dirty": DIRTY},
        )
        for kind, line in share.items():
            right.plot(rates, line, "o-", color=colours[kind], label=f"{kind}, ours")
            right.plot(
                [end],
                [ends[kind]],
                "o",
                mfc="none",
                ms=10,
                color=colours[kind],
                label=f"{kind}, the paper's end",
            )
        right.set(ylim=(0, 1.05), ylabel="share of the reads without writes")
        plot.title(right, "Clean and dirty reads (figure 8)")
        for axes, where in ((left, "lower left"), (right, "upper right")):
            axes.set_xlabel("writes a second to the one object")
            plot.legend(axes, where)


CLAIMS = (
    Claim(
        name="craq-figure-6-8",
        kind=FIGURE,
        source="CRAQ, figures 6 and 8",
        says="As writes to one object rise, reads fall from three times those of a plain chain "
        "towards twice: dirty reads cost the tail less than reads.",
        plans=(PLAN,),
        measure=_measure,
    ),
)
