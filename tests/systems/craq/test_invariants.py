"""The watcher of a chain sees each promise being broken."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.error import InvariantViolated
from systems.craq.invariants import ChainInvariants
from systems.craq.layout import Config, Layout, first_layout
from systems.craq.message import Decided, Update
from tests.systems.craq.by_hand import Chain, entry_of, laid
from tests.systems.craq.by_hand_across import Chains, X, Y


def written() -> tuple[Chain, ChainInvariants]:
    chain = Chain()
    chain.write("a")
    chain.flow()
    watcher = ChainInvariants()
    watcher.check(chain.nodes)
    return chain, watcher


def test_chain_that_works_is_not_accused() -> None:
    chain, watcher = written()
    chain.write("b", client="c2")
    chain.flow(lambda source, to, message: isinstance(message, Update))
    watcher.check(chain.nodes)
    chain.flow()
    watcher.check(chain.nodes)


def test_chain_of_which_nobody_is_to_be_seen_is_not_accused() -> None:
    """A fault at the very start comes while every node still waits for its disk."""
    ChainInvariants().check({})


def test_two_chains_of_one_epoch_are_seen() -> None:
    chain, watcher = written()
    chain["n2"].layout = replace(laid(Config(1, ("n2", "n3"))), version=2)
    with pytest.raises(InvariantViolated, match="two chains"):
        watcher.check(chain.nodes)


def test_committed_entries_that_differ_are_seen() -> None:
    chain, watcher = written()
    for name, value in (("n1", "b"), ("n2", "c")):
        chain[name].store.append(entry_of(2, "c2", value))
        chain[name].store.commit(2)
    with pytest.raises(InvariantViolated, match="has committed"):
        watcher.check(chain.nodes)


def test_member_that_lost_a_committed_entry_is_seen() -> None:
    chain, watcher = written()
    chain["n3"].store.truncate(0)
    with pytest.raises(InvariantViolated, match="has lost"):
        watcher.check(chain.nodes)


def test_log_longer_than_the_predecessors_is_seen() -> None:
    chain, watcher = written()
    chain["n3"].store.append(entry_of(2, "c2", "b"))
    with pytest.raises(InvariantViolated, match="its predecessor"):
        watcher.check(chain.nodes)


def test_log_that_is_no_prefix_of_the_predecessors_is_seen() -> None:
    chain, watcher = written()
    for name in ("n1", "n2", "n3"):
        chain[name].store.append(entry_of(2, "c2", name))
    with pytest.raises(InvariantViolated, match="its predecessor has"):
        watcher.check(chain.nodes)


@pytest.mark.parametrize("error", ["", "busy"])
def test_transaction_that_ends_in_two_chains_otherwise_is_seen(error: str) -> None:
    chains = Chains()
    watcher = ChainInvariants()
    chains.txn(["append", X, 1], ["append", Y, 2])
    decided = chains.until(Decided)
    watcher.check(chains.nodes)
    chains.lose()
    chains.hear("n3", replace(decided, error=error), "n1")
    chains.within()
    if error:
        with pytest.raises(InvariantViolated, match="ended in one chain with commit"):
            watcher.check(chains.nodes)
    else:
        watcher.check(chains.nodes)


def two_chains(**changes: object) -> Layout:
    """n1 n2 | n3 n4, the second version."""
    first = first_layout(("n1", "n2", "n3", "n4"), chains=2)
    return replace(first, version=3, **changes)


def watch(**layouts: Layout) -> None:
    """Look at nodes that know these layouts, and hold nothing."""
    chain = Chain()
    for name, layout in layouts.items():
        chain[name].layout = layout
    ChainInvariants().check({name: chain[name] for name in layouts})


@pytest.mark.parametrize(
    ("layout", "what"),
    [
        (two_chains(wanted=(2, 1)), "too long"),
        (two_chains(chains=(Config(1, ("n1", "n2")), Config(3, ()))), "empty"),
        (two_chains(chains=(Config(1, ("n1", "n2")), Config(3, ("n2", "n4")))), "in two chains"),
    ],
)
def test_layout_that_cannot_be_is_seen(layout: Layout, what: str) -> None:
    with pytest.raises(InvariantViolated, match=what):
        watch(n2=layout)


def test_node_that_is_to_leave_does_not_make_its_chain_too_long() -> None:
    watch(n2=two_chains(wanted=(2, 1), out=("n4",)))


def test_two_layouts_of_one_version_are_seen() -> None:
    with pytest.raises(InvariantViolated, match="two layouts"):
        watch(n2=two_chains(), n3=two_chains(out=("n4",)))
