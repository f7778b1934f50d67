"""Read modes: what a replica answers from its own store, and for how long."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.clock import MS
from harness.driver import SystemSpec
from harness.rng import stream
from systems.craq import Craq
from systems.craq.bugs import VARIANTS
from systems.craq.freshness import Tolerance
from systems.craq.layout import Config
from systems.craq.message import Ack, Moved, NotReady, Query, Reply, Update
from systems.craq.node import CHUNK, NEAR
from tests.systems.craq.by_hand import Chain, laid

EVENTUAL = Tolerance()
HALF = Tolerance(time=500 * MS)  # by a node's own clock 454 ms, since that may be a tenth slow
LEASE = 601 * MS  # when the leases of a Chain end


def written(tolerance: Tolerance) -> Chain:
    """A chain in which "k" is "a"."""
    chain = Chain(tolerance=tolerance)
    chain.write("a", client="w1")
    chain.flow()
    chain.told.clear()
    return chain


def dirty(chain: Chain, *values: str) -> None:
    """Writes that go down and are not acknowledged; the tail has not got them."""
    for i, value in enumerate(values):
        chain.write(value, client=f"w{value}{i}")
    chain.flow(lambda source, to, message: isinstance(message, Update) and to != "n3")
    chain.lose()


def read(chain: Chain, at: str = "n2", epoch: int | None = None) -> Any:
    """What a read at a node is told, None where nobody has answered yet."""
    chain.told.clear()
    chain.ask("read", at=at, client="r", epoch=epoch)
    return chain.told[0][1] if chain.told else None


A = Reply(1, 1, "", "a", 1)


@pytest.mark.parametrize("name", ["n1", "n2", "n3"])
def test_eventual_read_is_answered_without_a_lease_and_without_asking(name: str) -> None:
    chain = written(EVENTUAL)
    dirty(chain, "b")
    chain.now += 100_000 * MS
    assert read(chain, name) == A
    assert chain.flying == []


def test_eventual_read_is_answered_by_a_node_that_missed_the_clients_epoch() -> None:
    assert read(written(EVENTUAL), epoch=7) == A


def test_node_that_knows_it_was_left_out_answers_no_eventual_read() -> None:
    """It may have to drop its log, and to go back."""
    chain = written(EVENTUAL)
    chain.follow(Config(2, ("n1", "n3")))
    assert read(chain) == NotReady(1, 2)


def test_client_that_missed_an_epoch_is_told_first() -> None:
    assert read(written(EVENTUAL), epoch=0) == Moved(1, laid(Config(1, ("n1", "n2", "n3"))))


def test_eventual_read_never_goes_back_when_a_node_is_started_again() -> None:
    chain = written(EVENTUAL)
    assert read(chain) == A
    chain.now += 1 * MS
    chain.begin("n2")
    chain.follow(Config(1, chain.names), "n2", lease=False)
    assert chain["n2"].store.committed == 0  # it wrote down only what it knew at the time
    assert read(chain) == NotReady(1, 1)
    chain.tick("n1", "n2")
    chain.flow()
    chain.now += 200 * MS
    chain.tick("n2")
    chain.flow()
    assert read(chain) == A


def test_clean_key_is_answered_for_the_bound_after_the_lease() -> None:
    chain = written(HALF)
    chain.now = LEASE + 454 * MS
    assert read(chain) == A
    chain.now = LEASE + 455 * MS
    assert read(chain) == NotReady(1, 1)


def test_dirty_key_is_answered_for_the_bound_after_its_version_came() -> None:
    chain = written(HALF)
    dirty(chain, "b")
    chain.now += 454 * MS
    assert read(chain) == A
    chain.now += 1 * MS
    assert read(chain) is None
    assert [type(message) for _, _, message in chain.flying] == [Query]


def test_bound_counts_from_the_oldest_version_that_is_not_committed() -> None:
    chain = written(HALF)
    dirty(chain, "b")
    chain.now += 300 * MS
    dirty(chain, "c")
    chain.now += 200 * MS
    assert read(chain, "n1") is None


def test_node_that_was_left_out_answers_no_bounded_read() -> None:
    chain = written(HALF)
    chain.follow(Config(2, ("n1", "n3")))
    assert read(chain) == NotReady(1, 2)


def test_eventual_read_never_goes_back_when_a_node_joins_with_a_new_log() -> None:
    """It has answered a version that is among the last few. It gets these when it joins; that they
    are committed it has yet to hear."""
    chain = Chain(tolerance=EVENTUAL)
    for i in range(CHUNK + NEAR // 2):
        chain.write("a", client="w1", id=i + 1)
        chain.flow()
    newest = replace(A, version=CHUNK + NEAR // 2)
    assert read(chain, "n1") == newest
    chain.disk["n1"] = []
    chain.begin("n1")
    chain.follow(Config(2, ("n2", "n3")))
    chain.flow()
    assert chain["n1"].store.last == CHUNK and chain["n1"].near_epoch == 2
    chain.now += 1 * MS
    chain.follow(Config(3, ("n2", "n1", "n3"), "n1"))
    chain.flow(lambda source, to, message: {source, to} == {"n2", "n1"})
    assert chain["n1"].synced and chain["n1"].store.committed == CHUNK
    assert read(chain, "n1") is None
    chain.flow()
    assert chain.told[0][1] == replace(newest, epoch=3)


def test_node_that_never_had_a_lease_answers_no_bounded_read() -> None:
    chain = written(HALF)
    chain.now += 1 * MS
    chain.begin("n2")
    chain.follow(Config(1, chain.names), "n2", lease=False)
    assert read(chain) == NotReady(1, 1)


def test_node_that_joins_does_not_take_what_it_is_given_for_new() -> None:
    """It was committed without this node, nobody here knows when."""
    chain = written(HALF)
    chain.follow(Config(2, ("n1", "n3")))
    chain.write("b", client="wb")
    chain.flow()
    chain.now += 400 * MS
    chain.follow(Config(3, ("n1", "n2", "n3"), "n2"))
    chain.flow(lambda source, to, message: "n3" not in (source, to))
    node = chain["n2"]
    assert node.synced and node.store.cell("k").dirty == {2: "b"}
    assert read(chain, epoch=3) is None


@pytest.mark.parametrize(("values", "answer"), [("b", A), ("bc", A), ("bcd", None)])
def test_dirty_key_is_answered_up_to_so_many_versions_behind(values: str, answer: Any) -> None:
    chain = written(Tolerance(versions=2))
    dirty(chain, *values)
    assert read(chain) == answer


def test_versions_are_not_known_without_a_lease() -> None:
    chain = written(Tolerance(versions=2))
    chain.now = LEASE + 1 * MS
    assert read(chain) == NotReady(1, 1)


def test_node_never_goes_back_behind_a_version_that_it_was_told_of() -> None:
    chain = written(Tolerance(versions=1))
    for value in ("b", "c"):
        chain.write(value, client=f"w{value}")
    chain.flow(lambda source, to, message: isinstance(message, Update))
    chain.lose()  # n2 hears of no acknowledgement, and is two versions behind
    assert read(chain) is None
    chain.flow()
    assert chain.told == [("r", Reply(1, 1, "", "c", 3))]
    chain.hear("n2", Ack(1, 2, 3), "n3")  # now it is one version behind
    chain.lose()
    assert read(chain) is None


def test_both_bounds_hold_together() -> None:
    chain = written(Tolerance(time=500 * MS, versions=1))
    dirty(chain, "b")
    assert read(chain) == A
    chain.now += 460 * MS
    assert read(chain) is None


def test_planted_bug_looks_at_no_bound() -> None:
    system = VARIANTS["bound-ignored"].make(Craq(3, read_mode="bounded", bound="500ms"))
    node = system.node("n2", stream(1, "n2"))
    assert node.freshness.allows(None, 0, -(10**18), 10**18)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"read_mode": "stale"}, "strong, eventual, bounded"),
        ({"read_mode": "bounded"}, "bound_versions"),
        ({"bound": "1s"}, "read_mode: bounded"),
        ({"read_mode": "bounded", "bound_versions": -1}, "bound_versions"),
        ({"read_mode": "eventual", "apportioned": False}, "apportioned"),
    ],
)
def test_read_modes_that_cannot_be_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Craq(3, **options)


def test_read_modes_are_options_of_the_system() -> None:
    spec = SystemSpec("craq", 3, {"read_mode": "bounded", "bound": "200ms", "bound_versions": 0})
    assert Craq(spec.nodes, **spec.options).tolerance == Tolerance(200 * MS, 0)
