"""A chain under everything at once: linearizable always, and soon well again."""

from __future__ import annotations

from typing import Any

import pytest

from checker import CasRegister, check
from harness.clock import MS, SECOND
from harness.op import INVOKE, OK
from systems.craq import Craq
from systems.craq.node import Node
from tests.systems.craq.chain_storm import KEYS, KINDS, chain_storm
from tests.systems.storm import Run

VARIANTS: dict[str, dict[str, Any]] = {
    "three": {},
    "five": {"nodes": 5, "every": 150 * MS},
    "two": {"nodes": 2, "every": 200 * MS},
    "one": {"nodes": 1},
    "plain": {"apportioned": False, "every": 150 * MS},
    "quick": {"every": 100 * MS, "pause": 10 * MS, "lasts": 4 * SECOND},
    "alone": {"managers": 1, "ensemble": 0, "every": 150 * MS},
    "many-managers": {"managers": 3, "ensemble": 5},
    "slow-leases": {"lease": "1s", "ping": "200ms", "detect": "800ms"},
}


def assert_right(run: Run, nodes: int = 3) -> None:
    """No promise broken, linearizable, all nodes back and alike, writes soon acknowledged."""
    assert run.ending.violation is None
    result = check(run.history, CasRegister())
    assert (result.verdict, result.cause) == ("valid", None)
    names = [f"n{i + 1}" for i in range(nodes)]
    assert len({run.ending.dumps[name].digest for name in names}) == 1
    servers = [dump for name, dump in run.ending.dumps.items() if name not in names]
    assert len({dump.digest for dump in servers}) == len({len(dump.log) for dump in servers})
    assert run.recovery < 4 * SECOND
    late = run.healed + 5 * SECOND - 10 * MS
    reads = [op for op in run.client_ops if op.f == "read" and op.type == OK and op.time > late]
    assert {(op.key, op.node) for op in reads} == {(k, n) for k in KEYS for n in names}


@pytest.mark.parametrize("seed", range(12))
def test_storm_finds_no_fault(seed: int) -> None:
    assert_right(chain_storm(seed))


@pytest.mark.parametrize("name", [n for n in VARIANTS if n != "three"])
def test_storm_finds_no_fault_in_variants(name: str) -> None:
    options = VARIANTS[name]
    for seed in range(3):
        assert_right(chain_storm(seed, **options), options.get("nodes", 3))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(VARIANTS))
def test_many_storms_find_no_fault(name: str) -> None:
    options = VARIANTS[name]
    for seed in range(1_000, 1_040):
        assert_right(chain_storm(seed, **options), options.get("nodes", 3))


def test_chain_without_faults_answers_everything() -> None:
    run = chain_storm(1, kinds=("mend",), lasts=2 * SECOND)
    assert {op.type for op in run.client_ops} <= {INVOKE, OK, "fail"}
    assert all(op.type != "fail" or op.f == "cas" for op in run.client_ops)
    assert_right(run)


class _NoLease(Node):
    def _is_serving(self, now: int) -> bool:
        return self.synced


class _Newest(Node):
    def _ask_tail(self, request: Any) -> list[Any]:
        cell = self.store.cell(request.key)
        return [self._answer(request, cell.dirty[cell.latest], cell.latest)]


class _Forgetful(Node):
    def _write(self, request: Any, now: int) -> list[Any]:
        if self.place.is_head:
            self.store.done.pop(request.client, None)
        return super()._write(request, now)


class _Without(Craq):
    """A chain whose nodes are broken in one way."""

    core: type[Node]

    def node(self, me: str, rng: Any) -> Any:
        if me not in self.nodes:
            return super().node(me, rng)
        return self.core(me, self.nodes, self.deciders, self.times, rng)


class NoLease(_Without):
    """Reads without a lease."""

    core = _NoLease


class Newest(_Without):
    """Answers the newest dirty version."""

    core = _Newest


class Forgetful(_Without):
    """Does a request as often as it comes."""

    core = _Forgetful


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("NoLease", ("unmanaged", "split", "mend", "mend")),
        ("Newest", KINDS),
        ("Forgetful", ("shape", "mend")),
    ],
)
def test_storm_finds_a_chain_that_is_broken(name: str, kinds: tuple[str, ...]) -> None:
    system = f"{__name__}:{name}"
    runs = (chain_storm(seed, system=system, kinds=kinds) for seed in range(20))
    assert any(check(run.history, CasRegister()).verdict == "invalid" for run in runs)
