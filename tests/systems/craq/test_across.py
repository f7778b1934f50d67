"""Transactions over several chains: two phases, locks, and heads that are lost in between."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import MS
from systems.craq.message import Decided, Prepare, Reply, Update, Vote
from tests.systems.craq.by_hand_across import X2, Y2, Chains, X, Y

BOTH = (["append", X, 1], ["append", Y, 2], ["r", Y, None])
TOLD = [["append", X, 1], ["append", Y, 2], ["r", Y, [2]]]
ALL = ("n1", "n2", "n3", "n4")


def holds(chains: Chains) -> list[Any]:
    """The committed values of X in its chain, and of Y in its own."""
    return [chains.clean(n, X) for n in ("n1", "n2")] + [chains.clean(n, Y) for n in ("n3", "n4")]


def free(chains: Chains) -> bool:
    """Whether no node holds a lock or an open transaction, and no version is dirty."""
    stores = [chains[name].store for name in ALL]
    cells = [cell for store in stores for cell in store.cells.values()]
    return not any(s.locks or s.pending for s in stores) and not any(c.dirty for c in cells)


# What it does


def test_transaction_is_written_in_both_chains_and_told_once() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.flow()
    assert chains.told == [("c1", Reply(1, chains["n1"].epoch, "", TOLD))]
    assert holds(chains) == [[1], [1], [2], [2]]
    assert free(chains)


def test_reads_are_filled_in_in_the_order_they_were_asked_for() -> None:
    chains = Chains()
    chains.update("append", Y, 7)
    chains.flow()
    chains.told.clear()
    chains.txn(["r", X, None], ["r", Y, None], ["w", X, 3], ["append", Y, 8], ["r", X, None])
    chains.flow()
    told = [["r", X, None], ["r", Y, [7]], ["w", X, 3], ["append", Y, 8], ["r", X, 3]]
    assert [reply.value for _, reply in chains.told] == [told]


def test_transaction_of_one_chain_needs_no_other() -> None:
    chains = Chains()
    chains.txn(["append", X, 1], ["append", X2, 2])
    assert chains["n1"].store.log[-1].stage is None
    chains.flow()
    assert (chains.clean("n2", X), chains.clean("n2", X2)) == ([1], [2])


@pytest.mark.parametrize("kind", [Prepare, Vote, Decided])
def test_nothing_is_said_to_another_head_before_it_is_committed(kind: type) -> None:
    said = {Prepare: ("n1", "n2"), Vote: ("n3", "n4"), Decided: ("n1", "n2")}
    head, tail = said[kind]
    chains = Chains()
    chains.txn(*BOTH)
    if kind is not Prepare:
        chains.until(Prepare if kind is Vote else Vote)
        chains.flow(lambda source, to, message: isinstance(message, Prepare | Vote))
    # the head has written it down, and the tail has not
    lost = chains.lose()
    assert [type(message) for message in lost] == [Update]
    assert chains[head].store.last > chains[tail].store.last
    chains.ticks()
    assert holds(chains) == [[1], [1], [2], [2]]
    assert len(chains.told) == 1


# What others see meanwhile


@pytest.mark.parametrize("at", ["n3", "n4"])
def test_read_of_a_prepared_key_waits_until_the_end(at: str) -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Decided)
    assert [client for client, _ in chains.told] == ["c1"]  # it is committed at home
    chains.read(Y, at)
    chains.within()
    assert len(chains.told) == 1
    chains.flow()
    assert chains.told[1] == ("r", Reply(1, chains["n3"].epoch, "", [2], 1))


@pytest.mark.parametrize("at", ["n1", "n2"])
def test_read_at_home_waits_for_the_decision(at: str) -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.read(X, at)
    chains.within()
    assert chains.told == []
    chains.flow()
    assert ("r", Reply(1, chains["n1"].epoch, "", [1], 1)) in chains.told


def test_read_of_a_key_that_a_transaction_only_reads_is_answered() -> None:
    chains = Chains()
    chains.txn(["append", X, 1], ["r", Y, None])
    chains.until(Vote)
    chains.read(Y, "n4")
    assert chains.told == [("r", Reply(1, chains["n3"].epoch))]


@pytest.mark.parametrize(("f", "value"), [("append", 9), ("write", [9])])
def test_update_of_a_locked_key_waits_and_is_done_then(f: str, value: Any) -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.update(f, Y, value)
    chains.update(f, Y, value)  # the client asks again
    chains.within()
    assert chains.told == []
    chains.flow()
    assert sorted(client for client, _ in chains.told) == ["c1", "c2"]
    assert chains.clean("n4", Y) == ([9] if f == "write" else [2, 9])
    assert free(chains)


def test_key_that_is_only_read_is_locked_too() -> None:
    chains = Chains()
    chains.txn(["append", X, 1], ["r", Y, None])
    chains.until(Vote)
    chains.update("append", Y, 9)
    chains.within()
    assert chains.told == []
    chains.flow()
    assert {client: reply.value for client, reply in chains.told} == {
        "c1": [["append", X, 1], ["r", Y, None]],
        "c2": 9,
    }


def test_keys_of_the_chain_that_are_not_locked_are_updated_meanwhile() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.update("append", Y2, 9)
    chains.within()
    assert [client for client, _ in chains.told] == ["c2"]


# No


def test_locked_key_makes_another_transaction_fail_as_busy_and_leaves_no_trace() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.txn(["append", X2, 5], ["append", Y, 6], client="c3")
    chains.flow(lambda source, to, m: not isinstance(m, Vote) or bool(m.error))
    assert [(client, reply.error) for client, reply in chains.told] == [("c3", "busy")]
    chains.flow()
    assert chains.clean("n2", X2) is None
    assert holds(chains) == [[1], [1], [2], [2]]
    assert free(chains)


def test_two_transactions_that_want_each_others_keys_do_not_wait_for_ever() -> None:
    chains = Chains()
    chains.txn(["append", X, 1], ["append", Y, 2], client="c1")
    chains.txn(["append", Y, 3], ["append", X, 4], client="c2")
    chains.flow()
    assert sorted(reply.error for _, reply in chains.told) == ["busy", "busy"]
    assert free(chains)


def test_part_that_cannot_be_done_aborts_the_whole() -> None:
    chains = Chains()
    chains.update("increment", Y, 1)
    chains.flow()
    chains.told.clear()
    chains.txn(["append", X, 1], ["append", Y, 2])
    chains.flow()
    assert [reply.error for _, reply in chains.told] == ["refused"]
    assert holds(chains) == [None, None, 1, 1]
    assert free(chains)


def test_read_that_waited_for_an_aborted_transaction_gets_the_older_value() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.lose()
    chains.read(Y, "n4")
    for _ in range(8):
        chains.now += 200 * MS
        chains.lay(chains.layout)
        chains.tick("n1", "n2")
        chains.flow(lambda source, to, message: not isinstance(message, Prepare | Vote))
        chains.lose()
    assert chains.told == [
        ("c1", Reply(1, chains["n1"].epoch, "busy")),
        ("r", Reply(1, chains["n3"].epoch)),
    ]
    assert free(chains)


def test_transaction_without_votes_is_aborted_in_time() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    for _ in range(8):
        chains.within()
        chains.lose()
        chains.now += 200 * MS
        chains.lay(chains.layout)
        chains.tick("n1", "n2")
    chains.within()
    assert [reply.error for _, reply in chains.told] == ["busy"]
    assert not chains["n1"].store.locks


def test_chain_that_prepared_and_hears_of_no_end_asks_for_it() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Decided)
    chains.lose()
    assert chains["n3"].store.locks
    chains.ticks()
    assert holds(chains) == [[1], [1], [2], [2]]
    assert free(chains)


def test_prepare_of_a_key_that_is_another_chains_is_voted_down() -> None:
    chains = Chains()
    chains.hear("n3", Prepare(1, "c1", 1, 0, (["append", X, 1],)), "n1")
    assert chains.flying == [("n3", "n1", Vote(0, "c1", 1, 1, "busy"))]


# Again, late, and after a loss


def test_transaction_that_is_asked_again_gets_its_first_answer() -> None:
    chains = Chains()
    for _ in range(3):
        chains.txn(*BOTH)
    chains.flow()
    chains.txn(*BOTH)
    assert [reply.value for _, reply in chains.told] == [TOLD, TOLD]
    assert holds(chains) == [[1], [1], [2], [2]]


def test_late_prepare_of_what_is_over_locks_nothing() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    prepare = chains.until(Prepare)
    chains.flow()
    chains.hear("n3", prepare, "n1")
    assert (chains.flying, free(chains)) == ([], True)


def test_end_that_comes_when_the_client_is_further_on_does_not_bring_its_requests_back() -> None:
    """The client was told at home, and its next request is done in the other chain before the end
    of the transaction is there; then that request comes a second time."""
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Decided)
    for _ in range(2):
        chains.update("append", Y2, 9, client="c1", id=2)
        chains.flow()
    assert chains.clean("n4", Y2) == [9]


@pytest.mark.parametrize("kind", [Prepare, Vote, Decided])
def test_new_head_at_home_goes_on(kind: type) -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(kind)
    chains.lose()
    chains.lead(0, "n2")
    chains.ticks()
    assert [reply.value for _, reply in chains.told] == [TOLD]
    assert holds(chains)[1:] == [[1], [2], [2]]
    assert not chains["n2"].store.locks and not chains["n4"].store.locks


@pytest.mark.parametrize("kind", [Vote, Decided])
def test_new_head_of_the_other_chain_goes_on(kind: type) -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(kind)
    chains.lose()
    chains.lead(1, "n4")
    chains.update("append", Y, 3)
    chains.within()
    assert "c2" not in dict(chains.told)  # it knows what is locked
    chains.ticks()
    assert chains.clean("n4", Y) == [2, 3]
    assert [reply.value for client, reply in chains.told if client == "c1"] == [TOLD]


def test_update_that_waited_at_a_lost_head_is_asked_again() -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.update("append", Y, 9)
    chains.lead(1, "n4", "n3")
    assert [type(answer).__name__ for _, answer in chains.told] == ["Moved"]


@pytest.mark.parametrize("name", ALL)
def test_node_that_is_started_again_knows_what_is_open(name: str) -> None:
    chains = Chains()
    chains.txn(*BOTH)
    chains.until(Vote)
    chains.lose()
    locks = dict(chains[name].store.locks)
    chains.now += 1 * MS
    chains.begin(name)
    assert chains[name].store.locks == locks != {}
    chains.lay(chains.layout)
    chains.ticks(3)
    assert holds(chains) == [[1], [1], [2], [2]]
    assert free(chains)
