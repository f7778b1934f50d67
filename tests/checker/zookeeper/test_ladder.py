"""The strongest model that held: each rung against a slow twin, and all of them in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from checker.budget import Unlimited
from checker.linearizable import Linearizable
from checker.models.register import CasRegister
from checker.zookeeper import ZooKeeperGuarantee
from checker.zookeeper.fresh import first_stale
from checker.zookeeper.ladder import RUNGS
from checker.zookeeper.place import witness
from checker.zookeeper.replay import Replay, names_of, stat_of
from checker.zookeeper.request import READ, Request, requests
from checker.zookeeper.sequential import ordered, sequential
from checker.zookeeper.session import GUARANTEES, session_guarantees
from harness.history import History
from harness.op import INFO, INVOKE, OK, Op
from tests.checker.by_hand import merged, ok
from tests.checker.service import Service
from tests.checker.zookeeper.brute import random_history

FREE = Unlimited()


def wrote(start: float, process: int, value: int, key: str = "x") -> list[Any]:
    return ok(start, start + 1, process, "write", value, key=key)


def read(start: float, process: int, value: Any, key: str = "x") -> list[Any]:
    return ok(start, start + 1, process, "read", value, key=key)


def ladder(*parts: list[Any]) -> tuple[str, str]:
    data = ZooKeeperGuarantee().check(merged(*parts), FREE).data
    return data["strongest"], data["statement"]


def test_statement_names_the_strongest_model_that_held() -> None:
    assert ladder(wrote(0, 0, 1), read(2, 1, 1)) == (
        "linearizable",
        "linearizable, which is more than ZooKeeper promises",
    )
    assert ladder(wrote(0, 0, 1), read(2, 1, None)) == (
        "zookeeper",
        "not linearizable, but all that ZooKeeper promises",
    )
    assert ladder(read(0, 1, 1), wrote(2, 0, 1)) == (
        "sequential",
        "less than ZooKeeper promises, but sequentially consistent",
    )
    crossed = [read(4, 1, None, "x"), read(4, 0, None, "y")]
    assert ladder(wrote(0, 0, 1, "x"), wrote(0, 1, 2, "y"), *crossed) == (
        "session guarantees",
        "not sequentially consistent, but each session's own guarantees hold",
    )
    assert ladder(wrote(0, 0, 1), read(2, 0, None)) == (
        "none",
        "not even each session's own guarantees hold",
    )


def test_each_rung_says_why_not() -> None:
    result = ZooKeeperGuarantee().check(merged(wrote(0, 0, 1), read(2, 0, None)), FREE)
    assert result.data["why_not"]["session guarantees"] == "read your writes does not hold"
    assert set(result.data["models"].values()) == {"invalid"}


def test_sync_is_no_operation_of_a_register() -> None:
    parts = wrote(0, 0, 1), ok(2, 3, 1, "sync", None), read(4, 1, 1)
    assert ladder(*parts)[0] == "linearizable"


def test_each_model_implies_those_below_it() -> None:
    rng = Random(5)
    strongest: Counter[str] = Counter()
    for _ in range(1500):
        dids, history = random_history(rng, tree=rng.random() < 0.3)
        history = History([replace(op, time=i) for i, op in enumerate(history.ops)])
        one_by_one = all(d.session is None for d in dids)  # pipelined: real time is not all
        found = [ordered(history, FREE), sequential(history, FREE)]
        if {d.f for d in dids} <= {"read", "write", "cas"} and one_by_one:
            found.insert(0, Linearizable(CasRegister()).check(history, FREE))
        found.append(session_guarantees(history, FREE))
        verdicts = [result.verdict for result in found]
        first = verdicts.index("valid") if "valid" in verdicts else len(verdicts)
        assert "invalid" not in verdicts[first:], (verdicts, history.ops)
        strongest[RUNGS[len(RUNGS) - len(found) :][first] if first < len(found) else "none"] += 1
    assert min(strongest[rung] for rung in (*RUNGS, "none")) > 3, strongest


# --- session guarantees


def test_session_guarantees_agree_with_every_order_of_versions() -> None:
    rng = Random(7)
    broken: Counter[str] = Counter()
    for _ in range(2000):
        looks = _random_looks(rng)
        expected = _by_all_orders(looks)
        result = session_guarantees(_history_of(looks), FREE)
        assert {name: result.data[name] for name in GUARANTEES} == {
            name: "valid" if expected[name] else "invalid" for name in GUARANTEES
        }, looks
        assert (result.verdict == "valid") == expected["all"], looks
        broken.update(name for name in (*GUARANTEES, "all") if not expected[name])
        broken["none broken"] += all(expected.values())
        broken["only together"] += not expected["all"] and all(expected[n] for n in GUARANTEES)
    assert len(broken) == 6 and min(broken.values()) > 20, broken


Look = tuple[int, str, bool, Any]  # process, key, whether it wrote, the version


def _random_looks(rng: Random) -> list[Look]:
    """Up to 7 writes and reads of 3 processes; a read sees any version, also one to come."""
    asked = [
        (rng.randrange(3), rng.choice("xy"), rng.random() < 0.5) for _ in range(rng.randint(2, 7))
    ]
    versions = {
        key: [None, *(i for i, (_, where, wrote) in enumerate(asked, 1) if wrote and where == key)]
        for key in "xy"
    }
    return [
        (process, key, wrote, i if wrote else rng.choice(versions[key]))
        for i, (process, key, wrote) in enumerate(asked, 1)
    ]


def _history_of(looks: list[Look]) -> History:
    parts = [
        (wrote if is_write else read)(2 * i, process, version, key)
        for i, (process, key, is_write, version) in enumerate(looks)
    ]
    return merged(*parts)


def _by_all_orders(looks: list[Look]) -> dict[str, bool]:
    """Each guarantee, and all four at once, by trying every order of each key's versions."""
    rules = {name: {name} for name in GUARANTEES} | {"all": set(GUARANTEES)}
    by_key = {key: [look for look in looks if look[1] == key] for key in "xy"}
    return {
        name: all(
            any(_fits(found, order, wanted) for order in _orders(found))
            for found in by_key.values()
        )
        for name, wanted in rules.items()
    }


def _orders(looks: list[Look]) -> Iterator[dict[Any, int]]:
    versions = [version for _, _, wrote, version in looks if wrote]
    return ({v: i for i, v in enumerate((None, *order))} for order in permutations(versions))


NAMES = {
    (True, False): "read your writes",
    (False, False): "monotonic reads",
    (True, True): "monotonic writes",
    (False, True): "writes follow reads",
}


def _fits(looks: list[Look], order: dict[Any, int], wanted: set[str]) -> bool:
    for i, (process, _, first, a) in enumerate(looks):
        for other, _, second, b in looks[i + 1 :]:
            if process == other and NAMES[first, second] in wanted:
                if order[b] < order[a] or (second and order[b] == order[a]):
                    return False
    return True


# --- linearizability by zxids


class InOrder:
    """The entries one after another; a read is right after certain numbers of them."""

    def initial(self) -> int:
        return 0

    def step(self, state: int, f: str, value: Any, result: Any) -> int | None:
        if f == "entry":
            return value if state == value - 1 else None
        return state if state in value else None


def _as_entries(history: History) -> History:
    """The same history for InOrder: what each read was told is looked up in every state."""
    known = witness(history, requests(history))
    log, asked = known.log, known.asked.requests
    states = [Replay()]
    for entry in log.entries:
        states.append(Replay())
        for earlier in log.entries[: entry.index]:
            if earlier.error is None:
                states[-1].apply(
                    earlier.type, earlier.value, earlier.position, earlier.session, earlier.time
                )
    at = {r.at: p & 0xFFFFFFFF for p, r in known.placed.writes}
    ops = [
        Op(-1, -1, 10**6 + e.index, INVOKE, "entry", e.index)
        for e in log.entries
        if e.index not in at.values()
    ]
    for r in asked:
        if r.at in at:
            f, value = "entry", at[r.at]
        elif r.kind == READ and r.position is not None:
            f, value = "read", tuple(i for i, s in enumerate(states) if _told(s, r))
        else:
            continue
        invoked = replace(history.ops[r.at], f=f, value=value)
        ops.append(invoked)
        if r.done >= 0:
            type_ = OK if r.outcome != "info" else INFO
            ops.append(replace(invoked, type=type_, time=history.ops[r.done].time, index=r.done))
    ops.sort(key=lambda op: (op.time, op.index))
    return History([replace(op, key="all") for op in ops])


def _told(state: Replay, r: Request) -> bool:
    """Whether this state would have answered that."""
    znode = state.znodes.get(r.path or "")
    if r.f == "read":
        return r.result == (None if znode is None else znode.data)
    if znode is None:
        return r.code == "no-node" or (r.f == "exists" and r.result is None)
    if r.code or r.result is None:
        return False
    if r.f == "exists":
        return bool(r.result == stat_of(znode))
    first = names_of(znode) if r.f == "getChildren" else znode.data
    return list(r.result) == [first, stat_of(znode)]


def test_linearizability_by_zxids_agrees_with_the_search() -> None:
    verdicts: Counter[str] = Counter()
    for seed in range(250):
        rng = Random(seed)
        history = Service(
            seed, sessions=rng.randint(1, 4), read_share=rng.choice((0.2, 0.5, 0.8))
        ).run(rng.randint(4, 25))
        stale = first_stale(witness(history, requests(history)))
        search = Linearizable(InOrder(), split=None).check(_as_entries(history), FREE)
        assert search.verdict == ("valid" if stale is None else "invalid"), seed
        verdicts[search.verdict] += 1
    assert min(verdicts.values()) > 50, verdicts


def test_ladder_of_a_service_with_zxids() -> None:
    found: dict[str, set[str]] = {}
    for bug in (None, "sync-local"):
        for seed in range(12):
            result = ZooKeeperGuarantee().check(Service(seed, bug=bug).run(300), FREE)
            found.setdefault(f"{bug} {result.verdict}", set()).add(result.data["strongest"])
    assert found["None valid"] == {"linearizable", "zookeeper"}
    assert "sequential" in found["sync-local invalid"]
    assert not found["sync-local invalid"] & {"linearizable", "zookeeper"}


def test_read_that_is_stale_after_a_sync_and_moved_back_is_not_called_sequential() -> None:
    """The first alone leaves the order of the zxids; the second does not."""

    def mine(seq: int, position: int) -> dict[str, Any]:
        return {"session": "0x1", "seq": seq, "position": position}

    written = [
        ok(t, t + 1, 1, "write", t, key="x", session="0x2", seq=t + 1, position=t + 1)
        for t in (0, 2, 4)
    ]
    synced = ok(7, 8, 0, "sync", None, **mine(2, 5))
    for first, names in ((1, {"stale after sync"}), (5, {"stale after sync", "read moved back"})):
        seen = [(6, 0, "invoke", "exists", "/b"), (6.5, 0, "ok", "exists", None, mine(1, first))]
        back = [(9, 0, "invoke", "exists", "/b"), (10, 0, "ok", "exists", None, mine(3, 3))]
        data = ZooKeeperGuarantee().check(merged(*written, seen, synced, back), FREE).data
        assert set(data["names"]) == names
        assert set(data["violations"]) == ({"Z5"} if first == 1 else {"Z2", "Z5"})


@pytest.mark.parametrize("bug", ["sync-local", "sync-raises-nothing", "zxid-ahead"])
def test_what_breaks_real_time_alone_is_sequential_as_the_search_says(bug: str) -> None:
    said: Counter[str] = Counter()
    for seed in range(60):
        history = Service(seed, bug=bug, sessions=2, paths=1, moves=0.01).run(20)
        result = ZooKeeperGuarantee().check(history, FREE)
        if result.verdict == "invalid" and result.data["models"]["sequential"] == "valid":
            said[sequential(history, FREE, 100_000).verdict] += 1
    assert said["valid"] > 5 and not said["invalid"], said


def test_broken_session_guarantees_need_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("an order was looked for")

    monkeypatch.setattr("checker.zookeeper.ladder.sequential", never)
    history = merged(wrote(0, 0, 5), read(2, 0, 5), read(4, 0, None))
    models = ZooKeeperGuarantee().check(history, FREE).data["models"]
    assert models["sequential"] == models["session guarantees"] == "invalid"
