"""A chain under everything at once: linearizable always, and soon well again."""

from __future__ import annotations

from typing import Any

import pytest

from checker import CasRegister, check
from harness.clock import MS, SECOND
from harness.op import INVOKE, OK
from harness.variant import CORRECT
from systems.craq.bugs import VARIANTS as BUGS
from tests.systems.craq.chain_storm import KEYS, KINDS, MOVING, chain_storm
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
    "joins-at-the-head": {"nodes": 4, "join": "head", "every": 150 * MS},
    "joins-in-the-middle": {"nodes": 4, "join": "middle", "every": 150 * MS},
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


SHARDED: dict[str, dict[str, Any]] = {
    "two-chains": {"nodes": 6, "chains": 2, "every": 150 * MS},
    "spare": {"nodes": 4, "spares": 1, "every": 150 * MS},
    "two-chains-and-spares": {"nodes": 8, "chains": 2, "spares": 2, "every": 100 * MS},
    "three-short-chains": {"nodes": 7, "chains": 3, "spares": 1, "every": 150 * MS},
    "moving": {"nodes": 6, "chains": 2, "kinds": MOVING, "every": 100 * MS, "timeout": "250ms"},
    "moving-and-plain": {
        **{"nodes": 5, "chains": 2, "spares": 1, "kinds": MOVING, "every": 100 * MS},
        **{"timeout": "250ms", "apportioned": False},
    },
    "sharded-and-plain": {"nodes": 7, "chains": 2, "spares": 1, "apportioned": False},
}


def assert_whole(run: Run, chains: int = 1, spares: int = 0, **options: Any) -> None:
    """No promise broken, linearizable, every chain as long as it is to be and its nodes alike, and
    every key written and read again."""
    assert run.ending.violation is None
    result = check(run.history, CasRegister())
    assert (result.verdict, result.cause) == ("valid", None)
    nodes = [dump for name, dump in run.ending.dumps.items() if name.startswith("n")]
    digests = {dump.group: dump.digest for dump in nodes if not dump.group.startswith("n")}
    assert len(digests) == chains
    assert sum(dump.group.startswith("n") for dump in nodes) == spares
    assert all(dump.digest == digests.get(dump.group, dump.digest) for dump in nodes)
    late = [op for op in run.client_ops if op.time > run.healed + 3 * SECOND and op.type == OK]
    assert {(op.key, op.f) for op in late} >= {(k, f) for k in KEYS for f in ("read", "write")}


@pytest.mark.parametrize("name", list(SHARDED))
def test_storm_finds_no_fault_in_several_chains_and_spares(name: str) -> None:
    for seed in range(4):
        assert_whole(chain_storm(seed, **SHARDED[name]), **SHARDED[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SHARDED))
def test_many_storms_find_no_fault_in_several_chains_and_spares(name: str) -> None:
    for seed in range(1_000, 1_040):
        assert_whole(chain_storm(seed, **SHARDED[name]), **SHARDED[name])


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


@pytest.mark.parametrize(
    ("bug", "kinds"),
    [
        ("no-lease", ("unmanaged", "split", "mend", "mend")),
        ("dirty-newest", KINDS),
        ("no-dedup", ("shape", "mend")),
    ],
)
def test_storm_finds_a_chain_that_is_broken(bug: str, kinds: tuple[str, ...]) -> None:
    runs = (chain_storm(seed, kinds=kinds, bug=bug) for seed in range(20))
    assert any(check(run.history, CasRegister()).verdict == "invalid" for run in runs)


@pytest.mark.parametrize("bug", [b for b, v in BUGS.items() if v.kind == CORRECT])
def test_storm_accuses_no_harmless_difference(bug: str) -> None:
    for seed in range(2):
        run = chain_storm(seed, bug=bug)
        assert run.ending.violation is None
        assert check(run.history, CasRegister()).verdict == "valid"
