"""What the lectures claim of ZooKeeper: reads, order, sync, and what is built of znodes."""

from __future__ import annotations

from harness.claims.claim import COUNT, LECTURE, SIMULATION, Claim, Found
from harness.claims.evidence import all_say, count, first_caught, listed, stale, total
from harness.claims.lab import Lab
from harness.claims.traffic import measured
from harness.result import INVALID

SEEDS, FEW = range(1, 11), range(1, 6)
SIZES = (3, 5, 7)


def _reads(lab: Lab) -> Found:
    def of(share: int) -> list[str]:
        return [f"workload.read_share={share}"]

    plan = "claims/messages-zookeeper"
    reads = [measured(lab, plan, f"nodes={n}", *of(1)) for n in SIZES]
    writes = [measured(lab, plan, f"nodes={n}", *of(0)) for n in SIZES]
    behind = lab.runs("zookeeper-stale-reads", seeds=SEEDS)
    old, seen = sum(len(stale(run)) for run in behind), count(behind, "read")
    order = lab.runs("zookeeper-guarantee", seeds=SEEDS)
    sent = [one.most("Append", "Committed") for one in writes]
    return Found(
        paper="writes go through the leader; a read asks nobody else, and may be old; more servers "
        "add read throughput, not write throughput",
        ours=f"with 3, 5, 7 servers a read takes {listed(one.all for one in reads)} messages, its "
        f"request and its answer; a write takes {listed(one.all for one in writes)}, of which the "
        f"leader sends {listed(sent)}; {old:,} of {seen:,} reads were old while one server was cut "
        f"off; writes linearizable in {len(order)} of {len(order)} runs under faults",
        how=COUNT,
        holds=all(one.all == 2 for one in reads)
        and all(m == 2 * (n - 1) for n, m in zip(SIZES, sent, strict=True))
        and old > 0
        and all_say(order, "zookeeper"),
        note="Messages an operation of one client at a follower, counted; the leader's share of a "
        "write grows with the servers, so each server that is added can answer as many reads as "
        "any other, and makes each write dearer. What is old: answered from a zxid before that of "
        "a write of the same key that had been acknowledged before the read began.",
    )


def _order(lab: Lab) -> Found:
    plans = ("zookeeper-pipeline", "zookeeper-moves")
    runs = [run for plan in plans for run in lab.runs(plan, seeds=SEEDS)]
    moves = sum(op.f == "session" and op.value == "moved" for run in runs for op in run.history)
    asked = sum(len(run.history.calls) for run in runs)
    bugs = {"read-passes-own-write": plans[0], "session-moves-back": plans[1]}
    caught = {
        bug: first_caught(lab, plan, f"system.bug={bug}", "zookeeper") for bug, plan in bugs.items()
    }
    good = all_say(runs, "zookeeper")
    return Found(
        paper="a client's operations in the order it asked; its reads never go back, on whatever "
        "server; it reads its own writes",
        ours=f"{asked:,} operations, up to 6 of a session under way at once, {moves} moves of "
        f"sessions between servers: {'none' if good else 'SOME'} out of order",
        how=SIMULATION,
        holds=good and moves > 0 and all(caught.values()),
        note=f"{len(runs)} runs under kills, partitions and slow links, judged by the checker "
        "`zookeeper`. That it would see the contrary: with the mistake planted "
        + " and ".join(f"`{bug}` is caught with seed {seed}" for bug, seed in caught.items())
        + ".",
    )


def _sync(lab: Lab) -> Found:
    plain = lab.runs("zookeeper-stale-reads", seeds=SEEDS)
    changes = ("workload.read_mode=sync", "expect.linearizable=valid")
    synced = lab.runs("zookeeper-stale-reads", *changes, seeds=SEEDS)
    stormy = lab.runs("zookeeper-sync-reads", seeds=SEEDS)
    old = [sum(len(stale(run)) for run in runs) for runs in (plain, synced, stormy)]
    seen = [count(runs, "read") for runs in (plain, synced, stormy)]
    price = [
        measured(lab, "claims/messages-zookeeper", "workload.read_share=1", f"workload.{mode}").all
        for mode in ("read_mode=plain", "read_mode=sync")
    ]
    return Found(
        paper="sync and then a read gives a fresh value, for a round through the leader",
        ours=f"plain reads: {old[0]:,} of {seen[0]:,} old; after sync: {old[1]} of {seen[1]:,}, "
        f"and {old[2]} of {seen[2]:,} under partitions of every shape; messages a read at a "
        f"follower of three: {price[0]} plain, {price[1]} with sync",
        how=COUNT,
        holds=old[0] > 0
        and old[1] == old[2] == 0
        and all_say(plain, "linearizable", INVALID)
        and all_say([*synced, *stormy], "linearizable")
        and price[1] > price[0],
        note="The same plan and the same fault with and without sync: one of three servers is cut "
        "off for ten seconds, and a third of the clients read there. With sync that server cannot "
        "answer meanwhile. The price is that of sync and read: to the leader, its round to "
        "the followers and their answers, and back.",
    )


def _ready(lab: Lab) -> Found:
    whole = lab.runs("recipes/config", seeds=FEW)
    blind = lab.runs("recipes/config-without-watch", seeds=FEW)
    mixed = sum(run.judged["config"].data["broken"].get("mixed configuration", 0) for run in blind)
    return Found(
        paper="whoever sees Ready reads the whole configuration; who watches it hears of its "
        "deletion before any part of the next",
        ours=f"with the watch 0 of {total(whole, 'config', 'reads'):,} reads were a mix of two "
        f"configurations; without it {mixed} of {total(blind, 'config', 'reads'):,}",
        how=SIMULATION,
        holds=all_say(whole, "config") and all_say(blind, "config", INVALID) and mixed > 0,
        note="Five parts, changed again and again by one writer with all requests outstanding at "
        "once, while servers are cut off, killed and paused.",
    )


def _counter(lab: Lab) -> Found:
    runs = lab.runs("recipes/counter", seeds=SEEDS)
    herd = lab.run("recipes/counter-herd")
    made, unknown, value = (total(runs, "counter", name) for name in ("made", "unknown", "total"))
    planted = "workload.bug=counter-no-version"
    bug = first_caught(lab, "recipes/counter", planted, "counter", 10)
    return Found(
        paper="getData, then setData(version), again after a version error: nothing is lost",
        ours=f"{made:,} acknowledged increments and {unknown} without an answer: the counters "
        f"stand at {value:,}; 30 clients at once: {herd.judged['retries'].data['refused']} tries "
        f"refused, counted to {herd.judged['counter'].data['total']}",
        how=COUNT,
        holds=all_say([*runs, herd], "counter")
        and made <= value <= made + unknown
        and herd.judged["counter"].data["total"] == 30
        and bug > 0,
        note=f"{len(runs)} runs under kills, partitions and pauses. Each acknowledged increment "
        "made a value of its own. With the version left out (a planted mistake) the checker says "
        f"lost increments with seed {bug}.",
    )


def _herd(lab: Lab) -> Found:
    simple = lab.run("recipes/herd-simple").judged["messages"].data["messages"]
    queued = lab.run("recipes/herd-scalable").judged["messages"].data["messages"]
    counter = lab.run("recipes/counter-herd").judged["retries"].data["requests"]
    torn = lab.runs("recipes/lock-no-atomicity", seeds=SEEDS)
    mended = lab.runs("recipes/lock-repair", seeds=SEEDS)
    seen = total(torn, "atomicity", "torn")
    return Found(
        paper="many that retry a counter, or watch one lock: O(n²) messages; a queue of "
        "sequential znodes: O(n). A lock ends with its holder's session and leaves half-done work",
        ours=f"n = 30: simple lock {simple:,} (1.5 n² + 0.5 n), counter {counter} (n² + n), "
        f"sequential lock {queued} (6 n − 3); half-done work seen by the next holder {seen} times; "
        f"where holders repair it: {total(mended, 'atomicity', 'torn')} times, "
        f"{total(mended, 'atomicity', 'repaired')} repairs",
        how=COUNT,
        holds=(simple, counter, queued) == (1365, 930, 177)
        and seen > 0
        and all_say(torn, "atomicity", INVALID)
        and all_say(mended, "atomicity"),
        note="The row lock-counts has larger n, docs/herd.md each term. Holders die half-way "
        "through three writes in one of seven turns.",
    )


CLAIMS = (
    Claim(
        "zookeeper-reads",
        LECTURE,
        "lectures 2; ZooKeeper 4.4, 5.1",
        "All writes go through the leader and are linearizable; any replica answers reads from its "
        "own state.",
        ("claims/messages-zookeeper", "zookeeper-stale-reads", "zookeeper-guarantee"),
        _reads,
    ),
    Claim(
        "client-order",
        LECTURE,
        "lectures 3; ZooKeeper 2.3",
        "FIFO client order, also when a client changes server.",
        ("zookeeper-pipeline", "zookeeper-moves"),
        _order,
    ),
    Claim(
        "sync",
        LECTURE,
        "lectures 4; ZooKeeper 2.3, 4.4",
        "sync then read is fresh, at the price of a leader round.",
        ("zookeeper-stale-reads", "zookeeper-sync-reads", "claims/messages-zookeeper"),
        _sync,
    ),
    Claim(
        "ready-file",
        LECTURE,
        "lectures 5; ZooKeeper 2.3",
        "The Ready file: a whole configuration or none.",
        ("recipes/config", "recipes/config-without-watch"),
        _ready,
    ),
    Claim(
        "mini-transaction",
        LECTURE,
        "lectures 6",
        "A counter incremented by getData and setData(version) loses nothing.",
        ("recipes/counter", "recipes/counter-herd"),
        _counter,
    ),
    Claim(
        "herd",
        LECTURE,
        "lectures 7; ZooKeeper 2.4",
        "The herd effect, the lock without it, and that a lock gives no atomicity.",
        (
            "recipes/herd-simple",
            "recipes/herd-scalable",
            "recipes/counter-herd",
            "recipes/lock-no-atomicity",
            "recipes/lock-repair",
        ),
        _herd,
    ),
)
