"""A session may expire only when its timeout has passed since a write of it was called."""

from __future__ import annotations

from typing import Any

import pytest

from checker.budget import Unlimited
from checker.zookeeper import ZooKeeperGuarantee
from harness.core import Dump
from tests.checker.by_hand import h, ok

EARLY = "session ended early"


def line(index: int, type_: str, value: Any, session: str | None = None, **more: Any) -> Any:
    said = {"index": index, "term": 1, "position": 1 << 32 | index, "time": index, "error": None}
    return {**said, "session": session, "seq": 1 if session else 0, "type": type_, "value": value,
            **more}  # fmt: skip


def names(end: int, **closing: Any) -> dict[str, int]:
    """Session `a`, of 1 s, creates a znode at 100 ms, and is over by a reply at `end` (ms)."""
    log = [
        line(1, "createSession", {"session": "a", "timeout_ms": 1000}),
        line(2, "create", ["/x", 1], "a"),
        line(3, "closeSession", "a", **closing),
    ]
    seen = {"node": "n1", "session": "b", "seq": 1, "position": 1 << 32 | 3}
    history = h(
        *ok(100, 200, 0, "create", ["/x", 1], node="n1", session="a", seq=1,
            position=1 << 32 | 2),
        *ok(end - 50, end, 1, "exists", "/x", **seen),
        dumps={"n1": Dump(log, None, "d")},
    )  # fmt: skip
    found: dict[str, int] = ZooKeeperGuarantee().check(history, Unlimited()).data["names"]
    return found


@pytest.mark.parametrize("end", [300, 1050])
def test_session_that_expires_within_its_timeout_of_a_write_is_accused(end: int) -> None:
    assert EARLY in names(end, expired=True)


def test_session_that_expires_later_is_not() -> None:
    assert EARLY not in names(1150, expired=True)


def test_session_that_its_client_closed_or_of_which_the_log_does_not_say_is_not() -> None:
    assert EARLY not in names(300, expired=False)
    assert EARLY not in names(300)
