"""CRAQ, Raft's key-value store and the ZooKeeper-like service with sync reads on one workload."""

from __future__ import annotations

from collections.abc import Mapping

from harness.claims import plot
from harness.claims.claim import FIGURE, SERVICE, Claim, Found
from harness.claims.lab import Lab, Run
from harness.claims.rate import Window, median_ms, per_second
from harness.claims.traffic import Traffic, measured
from harness.clock import SECOND

PLANS = {
    "CRAQ": "claims/three-craq",
    "Raft": "claims/three-raft",
    "ZooKeeper-like, sync": "claims/three-zookeeper",
}
COLOURS = dict(zip(PLANS, (plot.ORANGE, plot.BLUE, plot.GREEN), strict=True))
COUNTED = {  # the plan that counts its messages, and the change that makes its reads linearizable
    "CRAQ": ("claims/messages-craq", ()),
    "Raft": ("claims/messages-raft", ()),
    "ZooKeeper-like, sync": ("claims/messages-zookeeper", ("workload.read_mode=sync",)),
}
SHARES = (100, 90, 50, 10, 0)  # per cent of reads
ALONE = ("concurrency=1", "rate=50", "workload.keys=1", "workload.read_share=0.5")
MANY = 90  # of these the text speaks


def _three(lab: Lab) -> Found:
    messages = {
        (name, f): measured(lab, plan, *sets, f"workload.read_share={share}")
        for name, (plan, sets) in COUNTED.items()
        for f, share in (("read", 1), ("write", 0))
    }
    runs = {
        (name, share): lab.run(plan, f"workload.read_share={share / 100}")
        for name, plan in PLANS.items()
        for share in SHARES
    }
    rates = {key: _rate(run) for key, run in runs.items()}
    alone = {
        (name, f): _alone(lab.run(plan, *ALONE, judged=False), f)
        for name, plan in PLANS.items()
        for f in ("read", "write")
    }
    _draw(lab, rates)
    ahead = [
        rates["CRAQ", share] / max(rates[name, share] for name in list(PLANS)[1:])
        for share in SHARES
        if share >= 50
    ]
    return Found(
        paper="(no figure: the same workload on the three, all reads linearizable)",
        ours="; ".join(_said(name, messages, alone, rates) for name in PLANS),
        how=SERVICE,
        holds=all(run.verdict("linearizable") == "valid" for run in runs.values())
        and min(ahead) > 1
        and messages["CRAQ", "read"].all < messages["Raft", "read"].all,
        note="Three nodes. Messages an operation, counted, of a client that asks a node which is "
        "not the leader; what an operation takes alone, read / write; operations a second of 30 "
        f"clients with {MANY} % reads. Handling any message costs a node 0.5 ms and a message "
        "takes 2 ms: chosen, so the operations a second are not the systems' own, but who is ahead "
        "and by how much is what their messages make of it. The row holds if every history is "
        "linearizable and CRAQ is ahead with half reads or more.",
        plots=("three-systems.png",),
        data={f"{name} {share} % reads": rate for (name, share), rate in rates.items()},
    )


def _said(
    name: str,
    messages: Mapping[tuple[str, str], Traffic],
    alone: Mapping[tuple[str, str], float],
    rates: Mapping[tuple[str, int], float],
) -> str:
    return (
        f"{name}: a read {messages[name, 'read'].all} messages, a write "
        f"{messages[name, 'write'].all}; alone {alone[name, 'read']:.2f} / "
        f"{alone[name, 'write']:.2f} ms; {rates[name, MANY]:,.0f} a second"
    )


def _rate(run: Run) -> float:
    """Operations a second, once the cluster has settled."""
    assert not run.violated, run.violated
    return per_second(run, "", Window(SECOND, run.plan.time_limit))


def _alone(run: Run, f: str) -> float:
    return median_ms(run.ok(f, since=SECOND, until=run.plan.time_limit))


def _draw(lab: Lab, rates: Mapping[tuple[str, int], float]) -> None:
    with plot.panels(lab.folder / "three-systems.png", width=640, height=340) as (axes,):
        for i, (name, colour) in enumerate(COLOURS.items()):
            at = [j + 0.27 * (i - 1) for j in range(len(SHARES))]
            heights = [rates[name, share] for share in SHARES]
            axes.bar(at, heights, 0.25, color=colour, label=name)
            for x, height in zip(at, heights, strict=True):
                axes.annotate(f"{height:,.0f}", (x, height), ha="center", va="bottom", fontsize=7.5)
        axes.set_xticks(range(len(SHARES)), [f"{share} %" for share in SHARES])
        axes.set_xlabel("reads, of all operations")
        axes.set_ylabel("operations a second")
        plot.title(axes, "Three nodes, 30 clients, 0.5 ms a message")
        plot.legend(axes, "upper right")


CLAIMS = (
    Claim(
        "three-systems",
        FIGURE,
        "lectures; CRAQ, Raft and ZooKeeper side by side",
        "CRAQ, Raft's store and the ZooKeeper-like service with sync reads on one workload.",
        (*PLANS.values(), *(plan for plan, _ in COUNTED.values())),
        _three,
    ),
)
