"""Live rows: real processes lose nodes under load.

All share this machine's cores, so what counts is who waits and who goes on, and for about how long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from harness.band import bands
from harness.claims import plot
from harness.claims.claim import FIGURE, LIVE, Claim, Found
from harness.claims.lab import Lab, Run
from harness.claims.rate import Window, median_ms, per_second, series
from harness.clock import MS, SECOND, Nanos

STEP: Nanos = 200 * MS  # of the plots
LONG: Nanos = 2 * SECOND  # a stall is to be shorter; detection and lease take 0.8 s


def _chain(lab: Lab) -> Found:
    run = lab.live("claims/live-kill")
    stalls = run.judged["availability"].data["without_ok"]
    places = [f"kill {place}" for place in ("head", "middle", "tail")]
    _draw(lab, "live-kill.png", run, {"reads": ("read",), "writes": ("write",)})
    reads, writes = (
        {place: stalls[place][f"{f}_longest_ns"] for place in places if place in stalls}
        for f in ("read", "write")
    )
    return Found(
        paper="reads go on, writes stall for the detection time and return",
        ours="; ".join(
            f"{place}: writes stall {_s(writes[place])} s, reads {_s(reads[place])} s"
            for place in places
            if place in writes
        ),
        how=LIVE,
        holds=len(writes) == 3
        and all(reads[place] < writes[place] < LONG for place in places)
        and all(run.verdict(name) == "valid" for name in ("linearizable", "nodes", "faults")),
        note="The longest time without an ok answer around each kill (the machine's own pauses are "
        "in it). A node is taken for lost after 0.5 s, and the next chain begins when its lease "
        "(0.6 s and what clocks may differ) is over. Reads of the other nodes go on, but those "
        "of keys with an update under way when the tail is lost; the offered 300 operations a "
        "second are reads while the writers wait. The history is linearizable.",
        plots=("live-kill.png",),
        data=stalls,
    )


# --- one slow replica

SLOW = {"chain": "claims/slow-replica-chain", "Raft": "claims/slow-replica-raft"}
SHORT = ("time_limit=8s", "recovery=1s", "nemesis.0.at=3s", "nemesis.0.for=4s")


def _slow(lab: Lab) -> Found:
    runs = {name: lab.live(plan, *SHORT) for name, plan in SLOW.items()}
    took = {name: (_median_ms(run, 1, 3), _median_ms(run, 3.5, 6.5)) for name, run in runs.items()}
    return Found(
        paper="one slow node slows every write of a chain; a majority's does not wait for it",
        ours="median write before and while one of three is slow by 50 ms a message: "
        + "; ".join(f"{name} {a:.1f} → {b:.1f} ms" for name, (a, b) in took.items()),
        how=LIVE,
        holds=took["chain"][1] > took["chain"][0] + 80
        and took["Raft"][1] < took["Raft"][0] + 25
        and all(run.verdict("nodes") == run.verdict("faults") == "valid" for run in runs.values()),
        note="The plans of the row slow-replica, shortened, on real processes: the links of one "
        "replica pass proxies that hold every message back for 50 ms. Of Raft's writes those "
        "count that were asked of the other two.",
        data={name: {"before_ms": a, "during_ms": b} for name, (a, b) in took.items()},
    )


def _median_ms(run: Run, since: float, until: float) -> float:
    calls = run.ok("write", since=round(since * SECOND), until=round(until * SECOND))
    is_chain = run.plan.system.name == "craq"
    return median_ms([c for c in calls if c.completion and (is_chain or c.completion.node != "n3")])


# --- ZooKeeper's figure 8

READS = ("getData", "exists", "getChildren", "sync")
WRITES = ("create", "delete", "setData")


def _zookeeper(lab: Lab) -> Found:
    run = lab.live("claims/live-zookeeper")
    faults = {band.target: band for band in bands(run.history) if band.kind == "kill"}
    _draw(lab, "live-zookeeper.png", run, {"reads": READS, "writes": WRITES})
    before = _rate(run, SECOND, 3 * SECOND)
    shares = {
        role: _rate(run, band.start + SECOND, band.end) / before for role, band in faults.items()
    }
    dips = {
        role: _rate(run, band.start, band.start + SECOND // 2) / before
        for role, band in faults.items()
    }
    stalls = {role: _without(run, WRITES, band.start) for role, band in faults.items()}
    return Found(
        paper="a lost follower costs about its share of the reads; after the leader's loss an "
        "election under 200 ms, then throughput returns",
        ours="; ".join(
            f"{role} killed: {dips[role]:.0%} of the throughput in the first half second, then "
            f"{shares[role]:.0%} until it is back; longest time without a write "
            f"{_s(stalls[role])} s"
            for role in ("follower", "leader")
            if role in faults
        ),
        how=LIVE,
        holds=set(faults) == {"follower", "leader"}
        and all(one > 0.5 for one in shares.values())
        and dips["follower"] > dips["leader"]
        and stalls["follower"] < stalls["leader"] < LONG
        and all(run.verdict(name) == "valid" for name in ("zookeeper", "nodes", "faults")),
        note=f"Five servers, ten clients, three writes in ten; {before:,.0f} operations a second "
        "before anything is lost, which is what this machine and the clients on it can do: so "
        "nothing is said here of a server's own share, which our clients make up for at the "
        "servers that are left. What a leader's loss takes has the time in it until it "
        "is missed (an election timeout, 0.3 to 0.6 s), which the paper's 200 ms have not.",
        plots=("live-zookeeper.png",),
        data={"before": before, "after": shares, "first half second": dips, "stalls_ns": stalls},
    )


def _times(run: Run, fs: Sequence[str]) -> list[Nanos]:
    return sorted(call.completion.time for call in run.ok(*fs) if call.completion)


def _rate(run: Run, since: Nanos, until: Nanos) -> float:
    return per_second(run, (*READS, *WRITES), Window(since, until))


def _without(run: Run, fs: Sequence[str], since: Nanos) -> Nanos:
    """The longest time between two ok answers, of those that begin within a second from then."""
    pairs = pairwise(_times(run, fs))
    return max((b - a for a, b in pairs if since - STEP <= a <= since + SECOND), default=0)


def _draw(lab: Lab, name: str, run: Run, kinds: Mapping[str, Sequence[str]]) -> None:
    colours = {"reads": plot.BLUE, "writes": plot.RED}
    end = run.plan.time_limit
    with plot.panels(lab.folder / name, width=720, height=320) as (axes,):
        top = 0.0
        for kind, fs in kinds.items():
            line = series(run, fs, STEP, end)
            axes.plot(*zip(*line, strict=True), "-", color=colours[kind], lw=1.2, label=kind)
            top = max(top, *(rate for _, rate in line))
        for band in bands(run.history):
            if band.kind == "kill" and band.start < end:
                axes.axvspan(
                    band.start / SECOND, band.end / SECOND, color="#E9A4A0", alpha=0.35, lw=0
                )
                axes.annotate(
                    f"{band.target} is gone",
                    (band.start / SECOND, top * 1.16),
                    xytext=(3, 0),
                    textcoords="offset points",
                    fontsize=8.5,
                )
        axes.set(xlim=(0, end / SECOND), ylim=(0, top * 1.4))
        axes.set_xlabel("time, s")
        axes.set_ylabel(f"ok answers a second (every {STEP // MS} ms)")
        plot.title(axes, f"{run.plan.nodes} live nodes, {run.plan.concurrency} clients")
        plot.legend(axes, "upper right")


def _s(time: Any) -> str:
    return f"{time / SECOND:.2f}"


CLAIMS = (
    Claim(
        "live-recovery",
        FIGURE,
        "Chain Replication 5.3; CRAQ figures 10-12",
        "Head, middle and tail are killed under load: reads go on, writes stall and return.",
        ("claims/live-kill",),
        _chain,
        live=True,
    ),
    Claim(
        "live-slow-replica",
        FIGURE,
        "lectures 13; Raft vs chain",
        "One slow replica of a chain and of a majority, with real processes.",
        tuple(SLOW.values()),
        _slow,
        live=True,
    ),
    Claim(
        "live-zookeeper",
        FIGURE,
        "ZooKeeper figure 8",
        "Throughput of real servers while a follower and the leader fail.",
        ("claims/live-zookeeper",),
        _zookeeper,
        live=True,
    ),
)
