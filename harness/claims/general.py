"""What the lectures claim of all: linearizability; and of one slow replica in each."""

from __future__ import annotations

from statistics import median

from harness.claims import plot
from harness.claims.claim import LECTURE, SIMULATION, Claim, Found
from harness.claims.evidence import all_say, count
from harness.claims.lab import Lab, Run
from harness.clock import MS, SECOND, Nanos
from harness.result import INVALID

SEEDS = range(1, 11)
SLOW_FROM, SLOW_UNTIL = 5 * SECOND, 15 * SECOND  # as the plans have it
DELAY_MS = 50.0
SLOW = {
    "chain": "claims/slow-replica-chain",
    "CRAQ": "claims/slow-replica-craq",
    "Raft": "claims/slow-replica-raft",
    "ZooKeeper-like": "claims/slow-replica-zookeeper",
}
COLOURS = (plot.RED, plot.ORANGE, plot.BLUE, plot.GREEN)


def _linearizable(lab: Lab) -> Found:
    runs = [r for plan in ("craq-partition", "raft-partition") for r in lab.runs(plan, seeds=SEEDS)]
    behind = lab.runs("zookeeper-stale-reads", seeds=SEEDS)
    accused = sum(run.verdict("linearizable") == INVALID for run in behind)
    good = sum(run.verdict("linearizable") == "valid" for run in runs)
    return Found(
        paper="one order of all operations, matching real time, where every read sees the latest "
        "write before it",
        ours=f"CRAQ and Raft under partitions: such an order was found in {good} of {len(runs)} "
        f"runs ({count(runs):,} operations); ZooKeeper's plain reads behind a partition: there is "
        f"none in {accused} of {len(behind)}",
        how=SIMULATION,
        holds=all_say(runs, "linearizable") and all_say(behind, "linearizable", INVALID),
        note="What is claimed is a definition; shown is that two systems meet it and one, which "
        "does not promise it, does not. The first anomaly: "
        f"{behind[0].judged['linearizable'].cause}.",
    )


def _slow(lab: Lab) -> Found:
    runs = {name: lab.run(plan) for name, plan in SLOW.items()}
    medians = {name: (_median(run, before=True), _median(run)) for name, run in runs.items()}
    _draw(lab, runs)
    rise = {name: during - before for name, (before, during) in medians.items()}
    chains, majorities = ("chain", "CRAQ"), ("Raft", "ZooKeeper-like")
    return Found(
        paper="one slow replica slows every write of a chain; a majority system waits only for the "
        "fastest majority",
        ours="median write before and while one of three is slow by 50 ms a message: "
        + "; ".join(f"{name} {a:.1f} → {b:.1f} ms" for name, (a, b) in medians.items()),
        how=SIMULATION,
        holds=all(rise[name] > DELAY_MS for name in chains)
        and all(rise[name] < 1.0 for name in majorities),
        note="The replica in the middle of the chain, or a follower: every message between it and "
        "other nodes takes 50 ms longer. A write of the chain comes and goes by it, 100 ms. Of the "
        "majorities' writes those are counted that clients asked of the other two; one that is "
        "asked of the slow follower goes to the leader through it. The row "
        "slow-node has a node whose work takes ten times as long instead.",
        plots=("slow-replica.png",),
        data={name: {"before_ms": a, "during_ms": b} for name, (a, b) in medians.items()},
    )


def _writes(run: Run) -> list[tuple[Nanos, float]]:
    """When each write began that was asked of another than the slow replica, and its ms."""
    return [
        (call.invoke.time, (call.completion.time - call.invoke.time) / MS)
        for call in run.ok("write")
        if call.completion and (run.plan.system.name == "craq" or call.completion.node != "n3")
    ]


def _median(run: Run, *, before: bool = False) -> float:
    since, until = (SECOND, SLOW_FROM) if before else (SLOW_FROM + SECOND, SLOW_UNTIL)
    return median(took for time, took in _writes(run) if since <= time < until - SECOND)


def _draw(lab: Lab, runs: dict[str, Run]) -> None:
    names = list(runs)
    with plot.panels(lab.folder / "slow-replica.png", 2, width=800, height=330) as panels:
        for axes, some, head in zip(
            panels, (names[:2], names[2:]), ("In a chain", "In a majority"), strict=True
        ):
            axes.axvspan(SLOW_FROM / SECOND, SLOW_UNTIL / SECOND, color="#D1E8A0", alpha=0.4, lw=0)
            for name in some:
                points = [(at / SECOND, ms) for at, ms in _writes(runs[name]) if at > SECOND]
                mark = ("o", "x")[some.index(name)]
                colour = COLOURS[names.index(name)]
                axes.plot(*zip(*points, strict=True), mark, color=colour, ms=3, label=name)
            axes.set(yscale="log", xlim=(1, 20), ylim=(0.5, 500))
            axes.set_xlabel("time, s (shaded: a replica is slow)")
            axes.set_ylabel("a write takes, ms")
            plot.plain_numbers(axes.yaxis)
            plot.title(axes, head)
            plot.legend(axes, "upper right")


FIRST_CLAIMS = (
    Claim(
        "linearizable",
        LECTURE,
        "lectures 1",
        "One order of all operations, matching real time.",
        ("craq-partition", "raft-partition", "zookeeper-stale-reads"),
        _linearizable,
    ),
)
LAST_CLAIMS = (
    Claim(
        "slow-replica",
        LECTURE,
        "lectures 13",
        "One slow replica slows every chain write; a majority system does not wait for it.",
        tuple(SLOW.values()),
        _slow,
    ),
)
