"""Ordered sequential consistency by search, against every order tried one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from checker.zookeeper.sequential import ordered, sequential
from tests.checker.by_hand import MS, merged, ok
from tests.checker.zookeeper import brute
from tests.checker.zookeeper.brute import Did, Registers, Tree, has_order, random_history

PARTS = [(tree, part) for tree in (False, True) for part in range(2)]


@pytest.mark.parametrize("tree", [False, True])
def test_agrees_with_brute_force_on_random_histories(tree: bool) -> None:
    agrees(Random(f"{tree}/0"), tree, 1000)


@pytest.mark.slow
@pytest.mark.parametrize(("tree", "part"), PARTS)
def test_agrees_with_brute_force_on_10_000_random_histories(tree: bool, part: int) -> None:
    agrees(Random(f"{tree}/slow {part}"), tree, 2500)


def agrees(rng: Random, tree: bool, count: int) -> None:
    """Both judges say what trying every order says, on histories of every kind."""
    model = Tree if tree else Registers
    verdicts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for number in range(count):
        dids, history = random_history(rng, tree)
        assert len(dids) <= 8
        kinds.update(kinds_of(dids))
        for real_time, judge in ((True, ordered), (False, sequential)):
            expected = "valid" if has_order(dids, model, real_time) else "invalid"
            result = judge(history, Unlimited())
            assert result.verdict == expected, (number, real_time, result.cause, history.ops)
            verdicts[f"{judge.__name__} {expected}"] += 1
    assert len(verdicts) == 4 and min(verdicts.values()) > count / 5, verdicts
    wanted = {*ANY_HISTORY, *(OF_TREES if tree else OF_REGISTERS)}
    assert not [kind for kind in wanted if kinds[kind] < count / 25], kinds


ANY_HISTORY = ("unknown outcome", "pipelined", "equal times", "sync", "no sessions", "refused")
OF_REGISTERS = ("cas",)
OF_TREES = ("multi", "ephemeral", "sequential", "close")


def kinds_of(dids: Sequence[Did]) -> set[str]:
    """What a history has."""
    found = {d.f for d in dids}
    creates = [part for d in dids for part in parts_of(d) if part[0] == "create"]
    tests = {
        "unknown outcome": any(d.outcome in ("info", "open") for d in dids),
        "refused": any(d.outcome == "fail" for d in dids),
        "no sessions": all(d.session is None for d in dids),
        "equal times": any(a.ret == b.call for a in dids for b in dids if a is not b),
        "pipelined": any(
            a.session is not None and a.session == b.session and a.call <= b.call < a.ret
            for a, b in permutations(dids, 2)
        ),
        "ephemeral": any("e" in part[3] for part in creates),
        "sequential": any("s" in part[3] for part in creates),
    }
    return found | {kind for kind, holds in tests.items() if holds}


def parts_of(d: Did) -> list[list[Any]]:
    """The operations that it is made of, as those of a multi."""
    if d.f == "multi":
        return list(d.value)
    return [[d.f, *d.value]] if isinstance(d.value, list) else []


def test_the_brute_force_uses_nothing_of_the_checker() -> None:
    """So that a mistake of the one is not one of the other."""
    source = Path(brute.__file__).read_text(encoding="utf-8")
    imported = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert not [line for line in imported if "checker" in line], imported


@pytest.mark.parametrize(("tree", "order", "holds"), [
    (False, ["w1", "r1"], True),
    (False, ["w1", "r2"], False),
])  # fmt: skip
def test_the_brute_force_itself(tree: bool, order: list[str], holds: bool) -> None:
    """By hand: one process writes and then reads at the key 1."""
    dids = [
        Did("write" if one[0] == "w" else "read", int(one[1]) if one[0] == "w" else None, 1, 0,
            None, None, call=10 * i, ret=10 * i + 5, outcome="ok", result=int(one[1]), place=i)
        for i, one in enumerate(order)
    ]  # fmt: skip
    assert has_order(dids, Tree if tree else Registers, True) is holds


def wrote(start: float, end: float, process: int, value: int, key: str = "x") -> list[Any]:
    return ok(start, end, process, "write", value, key=key)


def read(start: float, end: float, process: int, value: Any, key: str = "x") -> list[Any]:
    return ok(start, end, process, "read", value, key=key)


def verdicts(*parts: list[Any]) -> tuple[str, str]:
    """Of ordered sequential consistency, and of sequential consistency."""
    history = merged(*parts)
    found = ordered(history, Unlimited()), sequential(history, Unlimited())
    return found[0].verdict, found[1].verdict


def test_read_of_another_session_may_be_old() -> None:
    assert verdicts(wrote(0, 1, 0, 5), read(2, 3, 1, None)) == ("valid", "valid")


def test_read_after_sync_may_not() -> None:
    synced = ok(2, 3, 1, "sync", None)
    assert verdicts(wrote(0, 1, 0, 5), synced, read(4, 5, 1, None)) == ("invalid", "valid")


def test_reads_do_not_go_back() -> None:
    parts = wrote(0, 1, 0, 5), read(2, 3, 1, 5), read(4, 5, 1, None)
    assert verdicts(*parts) == ("invalid", "invalid")


def test_session_reads_its_own_write() -> None:
    assert verdicts(wrote(0, 1, 0, 5), read(2, 3, 0, None)) == ("invalid", "invalid")


def test_update_is_after_what_had_returned() -> None:
    before = read(0, 1, 0, 5)
    assert verdicts(before, wrote(2, 3, 1, 5)) == ("invalid", "valid")


def test_keys_are_judged_together() -> None:
    """Each register alone has an order; both together have not (Herlihy and Wing, section 4)."""
    x = wrote(0, 1, 0, 1, "x"), read(6, 7, 1, None, "x")
    y = wrote(0, 1, 1, 2, "y"), read(6, 7, 0, None, "y")
    assert verdicts(*x) == verdicts(*y) == ("valid", "valid")
    assert verdicts(*x, *y) == ("invalid", "invalid")


def test_pipelined_requests_are_in_the_order_of_their_numbers() -> None:
    def of(seq: int) -> dict[str, Any]:
        return {"session": "0x1", "seq": seq}

    first = ok(0, 9, 0, "write", 1, key="x", **of(1))
    second = ok(0, 8, 1, "read", None, key="x", **of(2))
    assert verdicts(first, second) == ("invalid", "invalid")
    assert verdicts(first, ok(0, 8, 1, "read", None, key="x", **of(0))) == ("valid", "valid")


def test_write_of_unknown_outcome_may_come_late_or_never() -> None:
    unknown = [(0, 0, "invoke", "write", 5, {"key": "x"}), (1, 0, "info", "write", 5, {"key": "x"})]
    assert verdicts(unknown, read(2, 3, 1, None), read(4, 5, 1, 5)) == ("valid", "valid")
    assert verdicts(unknown, read(2, 3, 1, 5), read(4, 5, 1, None)) == ("invalid", "invalid")


def asked(start: float, process: int, f: str, path: str, answer: Any, **fields: Any) -> list[Any]:
    """Two rows: a read of the tree and its ok, over a millisecond later."""
    return [(start, process, "invoke", f, path), (start + 1, process, "ok", f, answer, fields)]


def test_ephemeral_goes_with_its_session() -> None:
    mine = {"session": "0x1"}
    create = ok(0, 1, 0, "create", ["/a", 1, "e"], **mine, seq=1)
    close = ok(2, 3, 0, "close", None, **mine, seq=2)
    gone = asked(6, 1, "exists", "/a", None, session="0x2", seq=2)
    synced = ok(4, 5, 1, "sync", None, session="0x2", seq=1)
    assert verdicts(create, close, synced, gone) == ("valid", "valid")
    late = ok(8, 9, 2, "create", ["/a", 2, ""], session="0x2", seq=9)
    assert verdicts(create, close, late)[0] == "valid"
    assert verdicts(create, late)[0] == "valid"  # it may have expired
    old = asked(10, 0, "getData", "/a", [1, {}], **mine, seq=3)
    assert verdicts(create, late, old)[0] == "valid"  # read before that, at a server that is behind
    again = ok(10, 11, 0, "sync", None, **mine, seq=3)
    assert verdicts(create, late, again)[0] == "invalid"  # but once expired it asks no more


def test_ephemeral_is_there_while_its_session_asks() -> None:
    mine = {"session": "0x1"}
    create = ok(0, 1, 0, "create", ["/a", 1, "e"], **mine, seq=1)
    synced = ok(2, 3, 1, "sync", None, session="0x2", seq=1)
    gone = asked(4, 1, "exists", "/a", None, session="0x2", seq=2)
    later = ok(6, 7, 0, "sync", None, **mine, seq=2)
    assert verdicts(create, synced, gone) == ("valid", "valid")  # it may have expired
    assert verdicts(create, synced, gone, later)[0] == "invalid"


def test_shortest_prefix_without_an_order_is_shown() -> None:
    later = [part for t in range(20, 60, 2) for part in read(t, t + 1, 2, 7)]
    history = merged(
        wrote(0, 1, 0, 5), read(2, 3, 1, 5), read(4, 5, 1, None), wrote(6, 7, 0, 7), later
    )
    result = ordered(history, Unlimited())
    (anomaly,) = result.anomalies
    assert history.ops[anomaly.at].time == 4 * MS
    assert anomaly.sentence == result.cause
    assert "read /kx by process 1 was told nothing at 5 ms" in anomaly.sentence


def test_time_limit_makes_it_unknown() -> None:
    class Spent:
        def expired(self) -> str:
            return "time limit of 1 s"

    writes = [wrote(0, 9, p, p, f"x{p}") for p in range(11)]
    result = ordered(merged(*writes, wrote(0, 1, 50, 99), read(2, 3, 50, None)), Spent())
    assert result.verdict == "unknown" and "time limit of 1 s" in (result.cause or "")


def test_what_is_no_argument_or_answer_makes_it_unknown() -> None:
    for f, value in (("multi", 3), ("create", []), ("getData", 5), ("cas", None)):
        result = ordered(merged(ok(0, 1, 0, f, value)), Unlimited())
        assert result.verdict == "unknown" and f"the history has {f}, " in (result.cause or "")
    assert "dequeue" in (ordered(merged(ok(0, 1, 0, "dequeue", 3)), Unlimited()).cause or "")
