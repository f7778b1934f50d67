"""ZooKeeper's figure 8: throughput while a follower and then the leader are lost."""

from __future__ import annotations

from harness.claims import plot
from harness.claims.claim import FIGURE, SERVICE, Claim, Found
from harness.claims.lab import Lab, Run
from harness.claims.rate import Window, longest_silence, per_second, series
from harness.clock import MS, SECOND

PLAN = "claims/zookeeper-failure"
SERVERS = 5
FOLLOWER, LEADER, GONE, END = 1, 3, 1, 5  # seconds: when each is lost, for how long, and the end
BEFORE = Window(500 * MS, FOLLOWER * SECOND)
WITHOUT = Window(FOLLOWER * SECOND + 300 * MS, (FOLLOWER + GONE) * SECOND)
ELECTION = Window(LEADER * SECOND, LEADER * SECOND + 1 * SECOND)
LATER = Window(LEADER * SECOND + 300 * MS, (LEADER + GONE) * SECOND)
NEAR = 0.05  # of all operations
LONGEST_MS = 200


def _measure(lab: Lab) -> Found:
    run = lab.run(PLAN, judged=False)
    whole = _all(run, BEFORE)
    lost = 1 - _all(run, WITHOUT) / whole
    share = per_second(run, "read", BEFORE) / whole / SERVERS
    silence = longest_silence(run, "write", ELECTION)
    _draw(lab, run)
    return Found(
        paper="a lost follower costs about its share of the reads; a new leader is elected in less "
        "than 200 ms",
        ours=f"a lost follower costs {lost:.1%} of the throughput (its share of the reads was "
        f"{share:.1%}); after the leader's loss no write for {silence:.0f} ms, and then "
        f"{_all(run, LATER) / whole:.0%} of the throughput",
        how=SERVICE,
        holds=abs(lost - share) <= NEAR and silence < LONGEST_MS,
        note="Put in are the time after which a follower takes its leader for lost (80 to 160 ms "
        "at random), and costs that are four times those of figure 5, which changes no share. "
        "Clients look for another server, and stay there when theirs is back, so what the second "
        "loss costs comes on top of the first. The dip after each return is the leader's work for "
        "a server that lacks a second of the log. The paper has 30 % writes; with those our "
        "leader is busier than the servers with their reads, so here they are 10 %.",
        plots=("zookeeper-figure-8.png",),
        data={"lost": lost, "share": share, "silence_ms": silence},
    )


def _all(run: Run, window: Window) -> float:
    return per_second(run, "read", window) + per_second(run, "write", window)


def _draw(lab: Lab, run: Run) -> None:
    with plot.panels(lab.folder / "zookeeper-figure-8.png", width=780) as (axes,):
        for f, colour in (("read", plot.BLUE), ("write", plot.RED)):
            line = series(run, f, 50 * MS, END * SECOND)
            axes.plot(*zip(*line, strict=True), color=colour, label=f"{f}s")
        share = per_second(run, "read", BEFORE) * (SERVERS - 1) / SERVERS
        axes.hlines(share, FOLLOWER, FOLLOWER + GONE, color=plot.BLUE, ls="--", lw=1)
        axes.plot([], [], "--", color=plot.GREY, lw=1, label="less a fifth (the paper)")
        top = axes.get_ylim()[1] * 1.35
        for begun, who in ((FOLLOWER, "a follower"), (LEADER, "the leader")):
            axes.axvspan(begun, begun + GONE, color=plot.BAND, lw=0)
            axes.text(begun + 0.05, top * 0.95, f"{who} is down", fontsize=8, color=plot.GREY)
        axes.set(xlim=(0, END), ylim=(0, top), xlabel="seconds", ylabel="operations a second")
        plot.title(axes, "Five saturated servers")
        plot.legend(axes, (0.49, 0.72))


CLAIMS = (
    Claim(
        name="zookeeper-figure-8",
        kind=FIGURE,
        source="ZooKeeper, figure 8",
        says="A lost follower costs its share of the reads, and a lost leader a short pause.",
        plans=(PLAN,),
        measure=_measure,
    ),
)
