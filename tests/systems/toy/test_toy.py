"""The toy: right while nothing is wrong, and its split brain is seen."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from checker import CasRegister, check
from harness.build import system as build
from harness.clock import MS, SECOND
from harness.driver import Setup, SystemSpec
from harness.error import UserError
from harness.fault import Action, Cut, View
from harness.op import FAIL, INVOKE, OK, invoke
from harness.rng import stream
from harness.sim.driver import SimDriver
from systems.toy.message import Reply, Request, Write
from systems.toy.node import Node
from tests.systems.storm import Run, Storm, Weather, register_op


class Apart(Weather):
    """Cuts n1 from all others, once; or does nothing."""

    def _nothing(self, view: View, rng: Random) -> Sequence[Action]:
        return ()

    def _part(self, view: View, rng: Random) -> Sequence[Action]:
        if self.tags:
            return ()
        others = [n for n in view.nodes if n != "n1"]
        return [Cut(self._tag(), tuple((a, b) for n in others for a, b in (("n1", n), (n, "n1"))))]


def play(nodes: int, seed: int, kind: str, **options: Any) -> Run:
    spec = SystemSpec("toy", nodes, options)
    system = build(spec)
    finals = [invoke("read", key=k, node=n) for k in range(3) for n in system.nodes]
    storm = Storm(
        system, register_op(3), stream(seed, "storm"), clients=6, lasts=5 * SECOND,
        recovery=3 * SECOND, pause=60 * MS, finals=finals,
    )  # fmt: skip
    setup = Setup(spec, system, Apart((kind,)), seed, 6)
    return Run(storm, SimDriver().drive(setup, storm, lambda status: None))


@pytest.mark.parametrize("nodes", [1, 2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_register_is_linearizable_without_faults(nodes: int, seed: int) -> None:
    run = play(nodes, seed, "nothing")
    assert check(run.history, CasRegister()).verdict == "valid"
    assert {op.type for op in run.client_ops if op.f != "cas"} == {INVOKE, OK}
    assert {op.error for op in run.client_ops if op.type == FAIL} == {"precondition-failed"}
    assert len({dump.digest for dump in run.dumps}) == 1


@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_partition_splits_the_brain_and_is_seen(nodes: int, seed: int) -> None:
    run = play(nodes, seed, "part")
    assert check(run.history, CasRegister()).verdict == "invalid"


@pytest.mark.parametrize("seed", range(4))
def test_nodes_are_alike_again_after_a_partition(seed: int) -> None:
    run = play(2, seed, "part")
    assert len({dump.digest for dump in run.dumps}) == 1


def test_refusing_variant_does_nothing_at_all() -> None:
    run = play(2, 1, "nothing", bug="refuse-all")
    ended = [op for op in run.client_ops if op.type != INVOKE]
    assert ended
    assert {(op.type, op.error) for op in ended} == {(FAIL, "refused")}


@pytest.mark.parametrize(("nodes", "options"), [(0, {}), (2, {"bug": "refuse-al"})])
def test_bad_options_are_refused(nodes: int, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="system 'toy'"):
        build(SystemSpec("toy", nodes, options))


def test_write_survives_a_restart() -> None:
    first = Node("n1", ("n1",))
    first.start((), 0)
    effects = first.receive("c1", Request("c1", 1, "write", "k", 5), 1)
    record = next(e.record for e in effects if hasattr(e, "record"))
    second = Node("n1", ("n1",))
    second.start((record,), 2)
    (answer,) = second.receive("c2", Request("c2", 1, "read", "k"), 3)
    assert record == Write(1, "k", 5, "c1", 1)
    assert answer.message == Reply(1, "", 5, 1)


def test_same_request_is_done_once() -> None:
    node = Node("n1", ("n1",))
    node.start((), 0)
    for now in (1, 2):
        effects = list(node.receive("c1", Request("c1", 1, "write", "k", 5), now))
    assert [e.message for e in effects] == [Reply(1, "", 5, 1)]
    assert len(node.log) == 1
