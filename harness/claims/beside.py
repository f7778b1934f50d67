"""Chains and majorities side by side: messages a write, a slow node, and one workload on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from harness.claims import plot
from harness.claims.claim import COUNT, FIGURE, SERVICE, Claim, Found
from harness.claims.evidence import listed
from harness.claims.lab import Lab, Run
from harness.claims.rate import median_ms
from harness.claims.traffic import Traffic, measured
from harness.clock import SECOND

# --- messages

SIZES = (3, 5, 7, 9)
PLANS = {
    "Raft": "claims/messages-raft",
    "ZooKeeper-like": "claims/messages-zookeeper",
    "chain": "claims/messages-chain",
    "CRAQ": "claims/messages-craq",
}
COLOURS = {
    "Raft": plot.BLUE,
    "ZooKeeper-like": plot.GREEN,
    "chain": plot.RED,
    "CRAQ": plot.ORANGE,
}
# Of two lines that lie on one another both are seen: one is wide, one dashed on top of it.
_WIDE = {"marker": "o", "ms": 9, "lw": 5, "alpha": 0.45}
_DASHED = {"marker": "x", "ls": "--", "lw": 1.3, "zorder": 4}
OVER: dict[str, dict[str, Any]] = {
    "Raft": _WIDE,
    "ZooKeeper-like": _DASHED,
    "chain": _WIDE,
    "CRAQ": _DASHED,
}


def _messages(lab: Lab) -> Found:
    found = {
        (name, n): measured(lab, plan, f"nodes={n}") for name, plan in PLANS.items() for n in SIZES
    }
    leader = [found["Raft", n].most("Append", "Committed") for n in SIZES]
    head = [found["chain", n].of("n1") for n in SIZES]
    most = [found["chain", n].most() for n in SIZES]
    loads = {(name, n): one.busiest()[1] for (name, n), one in found.items()}
    raft, chain = (listed(loads[name, n] for n in SIZES) for name in ("Raft", "chain"))
    _draw_messages(lab, loads, leader, head)
    return Found(
        paper="a Raft leader sends 2(N−1) messages a write, a chain node at most 2",
        ours=f"N = {listed(SIZES)}: Raft leader {listed(leader)}, chain head {listed(head)}, a "
        f"chain node at most {listed(most)}; sent and received by the busiest node: Raft "
        f"{raft}, chain {chain}",
        how=COUNT,
        holds=leader == [2 * (n - 1) for n in SIZES]
        and all(one == 1 for one in head)
        and all(one <= 2 for one in most),
        note="One client, one write after the other, over 16 s of a run; heartbeats, leases and "
        "sessions are left out. The leader sends each follower the entry and, once, that it is "
        "committed; a chain node sends the update on and the acknowledgement back (the tail: the "
        "answer). What the client and a follower that passes its request on send comes on top: "
        f"all messages of a write with N = 3: Raft {found['Raft', 3].all}, ZooKeeper-like "
        f"{found['ZooKeeper-like', 3].all}, chain {found['chain', 3].all}.",
        plots=("messages.png",),
        data={f"{name} {n}": _plain(one) for (name, n), one in found.items()},
    )


def _plain(traffic: Traffic) -> dict[str, str]:
    return {f"{node} {kind}": str(n) for (node, kind), n in sorted(traffic.sent.items())}


def _draw_messages(
    lab: Lab,
    loads: Mapping[tuple[str, int], Fraction],
    leader: Sequence[Fraction],
    head: Sequence[Fraction],
) -> None:
    with plot.panels(lab.folder / "messages.png", 2, width=800, height=330) as (sent, load):
        fine = range(2, 11)
        sent.plot(fine, [2 * (n - 1) for n in fine], "--", color=plot.BLUE, lw=0.8)
        sent.plot(fine, [1 for _ in fine], "--", color=plot.RED, lw=0.8)
        for name, points, colour in (
            ("Raft leader (dashed: 2(N−1))", leader, plot.BLUE),
            ("chain head (dashed: 1)", head, plot.RED),
        ):
            sent.plot(SIZES, [float(m) for m in points], "o", color=colour, label=name)
        for name, colour in COLOURS.items():
            line = [float(loads[name, n]) for n in SIZES]
            load.plot(SIZES, line, color=colour, label=name, **OVER[name])
        for axes, what in (
            (sent, "sent for a write"),
            (load, "sent and received for a write"),
        ):
            axes.set(xlim=(2, 10), ylim=(0, 30 if axes is load else 20))
            axes.set_xticks(SIZES)
            axes.set_yticks(range(0, 31 if axes is load else 21, 5))
            axes.set_xlabel("nodes, N")
            axes.set_ylabel("messages")
            plot.title(axes, what.capitalize() + ("" if axes is sent else ", busiest node"))
            plot.legend(axes, "upper left")


# --- one node ten times slower

SLOW = {  # the plan, and the node that is slow in it
    "chain": ("claims/slow-node-chain", "n2"),
    "CRAQ": ("claims/slow-node-craq", "n2"),
    "Raft": ("claims/slow-node-raft", "n3"),
    "ZooKeeper-like": ("claims/slow-node-zookeeper", "n3"),
}
FACTORS = (1, 2, 5, 10, 20)
COST_MS = 1.0  # of each message along the way, as the plans have it


def _slow_node(lab: Lab) -> Found:
    took = {
        (name, times): _write_ms(lab.run(plan, f"costs.nodes.{node}={times}"))
        for name, (plan, node) in SLOW.items()
        for times in FACTORS
    }
    _draw_slow(lab, took)
    rise = {name: took[name, 10] - took[name, 1] for name in SLOW}
    return Found(
        paper="with one node ten times slower a chain's write latency grows by that node; a "
        "majority's does not",
        ours="median write, all alike → one of three ten times slower: "
        + "; ".join(f"{name} {took[name, 1]:.2f} → {took[name, 10]:.2f} ms" for name in SLOW),
        how=SERVICE,
        holds=all(abs(rise[name] - 9 * COST_MS) < 0.01 for name in ("chain", "CRAQ"))
        and all(abs(rise[name]) < 0.01 for name in ("Raft", "ZooKeeper-like")),
        note="Each update (append) costs a node 1 ms, and so many times as much the chain's "
        "middle, or a follower that is not the client's; a message takes 0.2 ms. The numbers are "
        "chosen, not fitted to anything. The chain grows by exactly what the slow node's work "
        "grows, 9 ms.",
        plots=("slow-node.png",),
        data={f"{name} x{times}": ms for (name, times), ms in took.items()},
    )


def _write_ms(run: Run) -> float:
    assert not run.violated, run.violated
    return median_ms(run.ok("write", since=2 * SECOND, until=run.plan.time_limit))


def _draw_slow(lab: Lab, took: Mapping[tuple[str, int], float]) -> None:
    with plot.panels(lab.folder / "slow-node.png", width=560, height=330) as (axes,):
        for name in SLOW:
            line = [took[name, times] for times in FACTORS]
            axes.plot(FACTORS, line, color=COLOURS[name], label=name, **OVER[name])
        axes.set(xlim=(0, 21), ylim=(0, 26))
        axes.set_xticks(FACTORS)
        axes.set_xlabel("one of three nodes takes so many times as long for everything")
        axes.set_ylabel("a write takes, ms (median)")
        plot.title(axes, "A slow node in a chain and in a majority")
        plot.legend(axes, "upper left")


CLAIMS = (
    Claim(
        "messages",
        FIGURE,
        "lectures 8; Raft vs chain",
        "What a write costs a Raft leader and a chain's nodes in messages.",
        tuple(PLANS.values()),
        _messages,
    ),
    Claim(
        "slow-node",
        FIGURE,
        "lectures 13; Raft vs chain",
        "One node that works ten times slower, in a chain and in a majority.",
        tuple(plan for plan, _ in SLOW.values()),
        _slow_node,
    ),
)
