"""CRAQ's figures 10 to 12: what a lost node costs, reads and writes, until it is back."""

from __future__ import annotations

from harness.claims import plot
from harness.claims.claim import FIGURE, SERVICE, Claim, Found
from harness.claims.lab import Lab, Run
from harness.claims.rate import Window, longest_silence, per_second, series
from harness.clock import MS, SECOND

PLAN = "claims/craq-failure"
LENGTHS = (3, 5, 7)
READERS, WRITERS = 30, 8  # at each node, and in all; as in the plan
LOST, BACK, END = 2, 4, 6  # seconds; as in the plan
BEFORE, WITHOUT, AFTER = (
    Window(1 * SECOND, LOST * SECOND),
    Window(LOST * SECOND + 800 * MS, BACK * SECOND),  # its readers have gone to others by then
    Window(BACK * SECOND + 500 * MS, END * SECOND),
)
NEAR = 0.05
COLOURS = (plot.BLUE, plot.GREEN, plot.PURPLE)


def _measure(lab: Lab) -> Found:
    middles = {n: _run(lab, n, "n2") for n in LENGTHS}
    lost = {n: _cost(run, WITHOUT) for n, run in middles.items()}
    back = {n: _cost(run, AFTER) for n, run in middles.items()}
    places = {"head": _run(lab, 3, "n1"), "middle": middles[3], "tail": _run(lab, 3, "n3")}
    since = Window(LOST * SECOND, BACK * SECOND)
    waits = {place: longest_silence(run, "write", since) for place, run in places.items()}
    _draw(lab, middles, places)
    return Found(
        paper="a lost node costs about 1/C of the reads until it rejoins; writes stall until it is "
        "detected",
        ours="reads lost in chains of 3, 5, 7: "
        + ", ".join(f"{share:.1%}" for share in lost.values())
        + " (1/C: 33.3 %, 20.0 %, 14.3 %), after its return "
        + ", ".join(f"{abs(share):.1%}" for share in back.values())
        + "; no write for "
        + ", ".join(f"{wait:,.0f} ms ({place})" for place, wait in waits.items()),
        how=SERVICE,
        holds=all(abs(share * n - 1) <= NEAR for n, share in lost.items())
        and all(abs(share) <= 0.02 for share in back.values())
        and all(500 <= wait <= 1200 for wait in waits.values()),
        note="A node is killed at 2 s, started again at 4 s, and joins as the tail. Costs are ten "
        "times those of figures 5 and 8, which changes no share. Clients whose node is gone wait "
        "for half a second, then ask another. A node is missed after 0.5 s without news, and left "
        "out when its lease of 0.6 s (and a tenth, and 50 ms) is surely over: so about 0.7 s, and "
        "at the head what its clients wait before they ask again. Until then reads have the time "
        "that writes took. What is to hold is the share, within 5 % of 1/C, and that writes are "
        "back after 0.5 to 1.2 s; the paper detects with times of its own.",
        plots=("craq-figure-10-12.png",),
        data={"reads_lost": lost, "reads_lost_after": back, "write_wait_ms": waits},
    )


def _run(lab: Lab, n: int, node: str) -> Run:
    sets = (f"nodes={n}", f"concurrency={WRITERS + READERS * n}", f"nemesis.0.targets={node}")
    return lab.run(PLAN, *sets, judged=False)


def _cost(run: Run, window: Window) -> float:
    """The share of reads that are missing in this window."""
    return 1 - per_second(run, "read", window) / per_second(run, "read", BEFORE)


def _draw(lab: Lab, middles: dict[int, Run], places: dict[str, Run]) -> None:
    with plot.panels(lab.folder / "craq-figure-10-12.png", 2, width=960) as (left, right):
        for (n, run), colour in zip(middles.items(), COLOURS, strict=True):
            line = series(run, "read", 100 * MS, END * SECOND)
            left.plot(*zip(*line, strict=True), color=colour, label=f"CRAQ-{n}")
            whole = per_second(run, "read", BEFORE)
            left.hlines(whole * (n - 1) / n, LOST, BACK, color=colour, ls="--", lw=1)
        left.plot([], [], "--", color=plot.GREY, lw=1, label="less 1/C (the paper)")
        left.set(ylim=(0, 19_000), ylabel="reads a second")
        plot.title(left, "Reads while the middle n2 is gone (figure 10)")
        for (place, run), colour in zip(places.items(), COLOURS, strict=True):
            line = series(run, "write", 200 * MS, END * SECOND)
            right.plot(*zip(*line, strict=True), color=colour, label=f"the {place} is lost")
        right.set(ylim=(0, 190), ylabel="writes a second")
        plot.title(right, "Writes of a chain of 3 (figures 11 and 12)")
        for axes in (left, right):
            axes.axvspan(LOST, BACK, color=plot.BAND, lw=0, label="node down")
            axes.set(xlim=(0, END), xlabel="seconds")
            plot.legend(axes, "upper left" if axes is right else "upper right")


CLAIMS = (
    Claim(
        name="craq-figure-10-12",
        kind=FIGURE,
        source="CRAQ, figures 10 to 12",
        says="A lost node costs its share of the reads until it rejoins, and writes stall until it "
        "is detected.",
        plans=(PLAN,),
        measure=_measure,
    ),
)
