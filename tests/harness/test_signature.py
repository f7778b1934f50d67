"""A failure's signature: the same for the same failure, whatever the seed."""

from __future__ import annotations

from harness.run import Judged
from harness.signature import signature


def of(verdict: str, cause: str | None, expected: str = "valid", name: str = "linearizable") -> str:
    return signature(
        "demo", {"stats": Judged("valid", "valid"), name: Judged(verdict, expected, cause)}
    )


def test_seed_time_node_and_value_do_not_matter() -> None:
    one = of(
        "invalid", "read by process 3 at n1 returned 7 at 85 ns, when [1, 2] was 'a'; in a kill"
    )
    two = of("invalid", "read by process 12 at n3 returned 9 at 1.25 s, when [4] was 'bc'")
    assert one == two
    assert one.startswith("demo:linearizable=invalid:")


def test_another_reason_check_or_verdict_is_another_failure() -> None:
    found = {
        of("invalid", "a read was stale"),
        of("invalid", "a write was lost"),
        of("unknown", "a read was stale"),
        of("invalid", "a read was stale", name="convergence"),
    }
    assert len(found) == 4


def test_what_is_as_expected_has_no_signature() -> None:
    assert of("invalid", "a read was stale", expected="invalid") == ""


def test_unknown_has_one_whatever_was_expected() -> None:
    assert of("unknown", None, expected="unknown").startswith("demo:linearizable=unknown:")
