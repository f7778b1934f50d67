"""Ordered sequential consistency by search, against every order tried one by one."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from checker.budget import Unlimited
from checker.zookeeper.sequential import ordered, sequential
from tests.checker.by_hand import MS, merged, ok
from tests.checker.zookeeper.brute import Registers, Tree, has_order, random_history


@pytest.mark.parametrize(("tree", "part"), [(t, p) for t in (False, True) for p in range(2)])
def test_agrees_with_brute_force_on_random_histories(tree: bool, part: int) -> None:
    rng = Random(f"{tree}/{part}")
    model = Tree if tree else Registers
    verdicts: Counter[str] = Counter()
    for number in range(2500):
        dids, history = random_history(rng, tree)
        for real_time, judge in ((True, ordered), (False, sequential)):
            expected = "valid" if has_order(dids, model, real_time) else "invalid"
            result = judge(history, Unlimited())
            assert result.verdict == expected, (number, real_time, result.cause, history.ops)
            verdicts[f"{judge.__name__} {expected}"] += 1
    assert min(verdicts.values()) > 300, verdicts


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
