"""What the lectures claim of chain replication and CRAQ: order, recovery, reads, configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from harness.claims.claim import COUNT, LECTURE, SIMULATION, Claim, Found
from harness.claims.evidence import all_say, answered_by, count, listed, stale
from harness.claims.lab import Lab, Run
from harness.claims.traffic import measured
from harness.core import NodeId
from harness.result import INVALID

SEEDS = range(1, 11)
SIZES = (3, 5, 7)


def _order(lab: Lab) -> Found:
    runs = [lab.run("claims/chain-order", f"nodes={n}", trace=True) for n in SIZES]
    passed = [_passes(run) for run in runs]
    heads = [measured(lab, "claims/messages-chain", f"nodes={n}").of("n1") for n in SIZES]
    leaders = [
        measured(lab, "claims/messages-raft", f"nodes={n}").most("Append", "Committed")
        for n in SIZES
    ]
    reads = sum(count([run], "read") for run in runs)
    at_tail = sum(answered_by(run)[f"n{n}"] for run, n in zip(runs, SIZES, strict=True))
    writes = sum(len(one) for one in passed)
    good = all(
        list(nodes) == [f"n{i}" for i in range(1, n + 1)]
        for one, n in zip(passed, SIZES, strict=True)
        for nodes in one.values()
    )
    return Found(
        paper="writes enter at the head, pass every node in order, commit at the tail, which "
        "answers; the head sends each write once, a Raft leader N−1 times",
        ours=f"{writes:,} writes in chains of 3, 5, 7: {'every one' if good else 'NOT every one'} "
        f"passed all nodes in the chain's order; {at_tail:,} of {reads:,} reads answered by the "
        f"tail; sent for a write: head {listed(heads)}, Raft leader {listed(leaders)}",
        how=COUNT,
        holds=good
        and writes > 0
        and reads == at_tail > 0
        and all_say(runs, "linearizable")
        and all(one == 1 for one in heads)
        and all(m == 2 * (n - 1) for n, m in zip(SIZES, leaders, strict=True)),
        note="The Raft leader sends each entry to N−1 followers, and to each that it is "
        "committed. What passed where is read off every message of the runs.",
    )


def _passes(run: Run) -> dict[int, list[NodeId]]:
    """For each entry of the log, by its number: the nodes in the order in which they took it."""
    taken: dict[int, dict[NodeId, None]] = defaultdict(dict)
    for one in run.trace.passed:
        if one.kind == "Update" and not one.was_sent:
            for entry in one.message.entries:
                taken[entry.seq].setdefault(one.source)
                taken[entry.seq].setdefault(one.target)
    return {seq: list(nodes) for seq, nodes in taken.items()}


def _recovery(lab: Lab) -> Found:
    plans = ("craq-kill-head", "craq-kill-middle", "craq-kill-tail", "craq-kill-slow")
    runs = [run for plan in plans for run in lab.runs(plan, seeds=SEEDS)]
    written = [_acknowledged(run) for run in runs]
    missing = sum(
        len(some - _held(dump.log))
        for run, some in zip(runs, written, strict=True)
        for node, dump in run.history.dumps.items()
        if node.startswith("n")
    )
    checked = sum(run.judged["invariants"].data["checked"] for run in runs)
    kills = sum(op.f == "kill" for run in runs for op in run.history.faults) // 2
    return Found(
        paper="committed writes are at every node, uncommitted ones at a prefix of the chain",
        ours=f"{kills} kills of heads, middles and tails: of {sum(map(len, written)):,} "
        f"acknowledged writes {missing} missing at any node at the end; that a later node's log "
        f"is a prefix of an earlier one's was checked {checked:,} times, "
        f"{'always so' if all(not run.violated for run in runs) else 'NOT always so'}",
        how=SIMULATION,
        holds=missing == 0 and kills > 0 and checked > 0 and all_say(runs, "linearizable"),
        note=f"{len(runs)} runs. The invariants look into the nodes while they run: a later node's "
        "log is a prefix of an earlier one's (but at a change of the chain, until the two have "
        "agreed), and what is committed anywhere is in every log of the chain.",
    )


def _acknowledged(run: Run) -> set[str]:
    """Key and value of every write that was acknowledged; values are written once."""
    found = set()
    for call in run.ok("write", "cas"):
        value = call.invoke.value if call.invoke.f == "write" else call.invoke.value[1]
        found.add(repr((call.invoke.key, value)))
    return found


def _held(log: Sequence[Any]) -> set[str]:
    """Key and value of every entry of a dumped log (see systems.craq.store)."""
    return {repr((key, value)) for _, writes, _ in log for key, _, value in writes}


def _reads(lab: Lab) -> Found:
    craq = lab.run("claims/craq-reads", trace=True)
    plain = lab.run("claims/craq-reads", "system.apportioned=false", trace=True)
    stormy = [
        run
        for plan in ("craq-partition", "craq-hot-keys", "craq-storm")
        for run in lab.runs(plan, seeds=SEEDS)
    ]
    shares = _shares(craq)
    at_tail = _shares(plain)
    alone = measured(lab, "claims/messages-craq", "workload.read_share=1")
    return Found(
        paper="any replica answers, and still linearizably; read throughput grows with the chain",
        ours=f"reads answered by head, middle, tail: CRAQ {_percent(shares)}, plain chain "
        f"{_percent(at_tail)}; a clean read is {alone.all} messages at one node; "
        f"{count(stormy, 'read'):,} reads under faults, all linearizable: "
        f"{'yes' if all_say(stormy, 'linearizable') else 'NO'}",
        how=COUNT,
        holds=all_say([craq, plain, *stormy], "linearizable")
        and at_tail == [0, 0, 1]
        and min(shares) > 0.3
        and alone.all == 2,
        note=f"{len(stormy)} runs under partitions, slow links, kills and pauses. Throughput "
        "itself is in the rows of CRAQ's figures.",
    )


def _shares(run: Run) -> list[float]:
    by = answered_by(run)
    everyone = sum(by.values())
    return [by[f"n{i}"] / everyone for i in (1, 2, 3)]


def _percent(shares: Sequence[float]) -> str:
    return " / ".join(f"{share:.0%}" for share in shares)


def _manager(lab: Lab) -> Found:
    brains = lab.runs("toy-split-brain", seeds=SEEDS)
    plans = ("craq-old-tail", "chain-partition", "craq-deposed", "craq-managers")
    runs = [run for plan in plans for run in lab.runs(plan, seeds=SEEDS)]
    split = [sum(len(stale(run)) for run in some) for some in (brains, runs)]
    traced = lab.run("craq-managers", trace=True)
    chains = _chains(traced)
    return Found(
        paper="a chain resists no partition by itself; a configuration manager, on ZooKeeper, on "
        "a Raft-like log, decides who is in it",
        ours=f"a pair without a manager: {split[0]:,} of {count(brains, 'read'):,} reads stale "
        f"when it is cut in two; chains with managers: {split[1]} of {count(runs, 'read'):,} under "
        f"partitions, of managers too; {len(chains)} epochs followed in one such run, "
        f"{max(map(len, chains.values()))} chain an epoch",
        how=SIMULATION,
        holds=all_say(brains, "linearizable", INVALID)
        and split[0] > 0
        and split[1] == 0
        and all_say(runs, "linearizable")
        and len(chains) > 2
        and all(len(some) == 1 for some in chains.values()),
        note=f"{len(brains)} and {len(runs)} runs. Two managers elect one through the "
        "ZooKeeper-like service, whose three servers stand on the Raft log, and change the "
        "chain only by a write at the version that was read; nodes serve only under a lease.",
    )


def _chains(run: Run) -> dict[int, set[str]]:
    """The chains that were granted in each epoch."""
    found: dict[int, set[str]] = defaultdict(set)
    for one in run.trace.passed:
        if one.kind == "Grant" and not one.was_sent:
            for config in one.message.layout.chains:
                found[config.epoch].add(" ".join(config.chain))
    return dict(found)


CLAIMS = (
    Claim(
        "chain-order",
        LECTURE,
        "lectures 8; Chain Replication 2",
        "Writes go from the head to the tail, which commits and answers; the head sends each once.",
        ("claims/chain-order", "claims/messages-chain", "claims/messages-raft"),
        _order,
    ),
    Claim(
        "chain-recovery",
        LECTURE,
        "lectures 9; Chain Replication 3",
        "Committed writes survive at every node; uncommitted ones are at a prefix of the chain.",
        ("craq-kill-head", "craq-kill-middle", "craq-kill-tail", "craq-kill-slow"),
        _recovery,
    ),
    Claim(
        "craq-reads",
        LECTURE,
        "lectures 10; CRAQ 2.3",
        "Any replica of CRAQ answers reads, and the result is still linearizable.",
        ("claims/craq-reads", "craq-partition", "craq-hot-keys", "craq-storm"),
        _reads,
    ),
    Claim(
        "configuration-manager",
        LECTURE,
        "lectures 11; Chain Replication 3",
        "Neither chain resists partitions by itself: an outside authority says who is in it.",
        ("toy-split-brain", "craq-old-tail", "chain-partition", "craq-deposed", "craq-managers"),
        _manager,
    ),
)
