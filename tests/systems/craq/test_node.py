"""A replica: writes down the chain, reads anywhere, leases, failures, and coming back."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.clock import MS
from harness.core import Persist, Send
from systems.craq.layout import Config
from systems.craq.message import (
    Ack,
    Copied,
    Copy,
    Entry,
    Followed,
    Grant,
    Moved,
    NotReady,
    Ping,
    Query,
    Reply,
    Request,
    Sync,
    Update,
    Version,
    Write,
)
from tests.systems.craq.by_hand import TIMES, Chain, entry_of, laid


def only(kind: type) -> object:
    """Deliver messages of this kind only."""
    return lambda source, to, message: isinstance(message, kind)


def down(chain: Chain) -> None:
    """Let updates go down and no acknowledgement come up."""
    chain.flow(only(Update))


# Writes


def test_write_passes_every_node_and_the_tail_answers() -> None:
    chain = Chain()
    chain.write("a")
    assert chain.told == []
    chain.flow()
    assert chain.told == [("c1", Reply(1, 1, "", "a", 1))]
    assert [chain.clean(n) for n in chain.names] == ["a", "a", "a"]


def test_node_writes_an_update_down_before_it_passes_it_on() -> None:
    chain = Chain()
    for name, message in (
        ("n1", Request("c1", 1, 1, "write", "k", "a")),
        ("n2", Update(1, (entry_of(1, "c1", "a"),))),
        ("n3", Update(1, (entry_of(1, "c1", "a"),))),
    ):
        source = {"n1": "c1", "n2": "n1", "n3": "n2"}[name]
        effects = chain.hear(name, message, source)
        assert isinstance(effects[0], Persist)
        assert any(isinstance(e, Send) for e in effects[1:])


def test_write_through_another_node_reaches_the_head() -> None:
    chain = Chain()
    chain.ask("write", "a", at="n3")
    chain.flow()
    assert chain.log("n1") == ["a"]


def test_ack_marks_only_what_it_covers_and_keeps_newer_dirty_versions() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.write("b", client="c2")
    down(chain)
    chain.lose()
    chain.hear("n1", Ack(1, 1, 2), "n2")
    cell = chain["n1"].store.cell("k")
    assert (cell.version, cell.value, cell.dirty) == (1, "a", {2: "b"})


def test_update_after_a_gap_is_refused_and_what_is_missing_is_sent_again() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.lose()
    chain.now += 100 * MS
    chain.write("b", client="c2")
    chain.flow()
    assert [chain.log(n) for n in chain.names] == [["a", "b"]] * 3
    assert [chain.clean(n) for n in chain.names] == ["b"] * 3


def test_update_that_is_here_already_is_acknowledged_again() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    chain.hear("n3", Update(1, (chain["n1"].store.log[0],)), "n2")
    assert chain.flying == [("n3", "n2", Ack(1, 1, 1))]
    assert chain.log("n3") == ["a"]


def test_lost_update_is_sent_again_in_time() -> None:
    chain = Chain()
    chain.write("a")
    chain.lose()
    chain.now += 200 * MS
    chain.tick()
    chain.flow()
    assert chain.told == [("c1", Reply(1, 1, "", "a", 1))]


def test_lost_acknowledgement_is_asked_for_in_time() -> None:
    chain = Chain()
    chain.write("a")
    down(chain)
    chain.lose()
    for _ in range(3):
        chain.now += 160 * MS
        chain.tick()
        chain.flow()
    assert chain["n1"].store.committed == 1


# Requests come once, twice, late


def test_duplicate_request_gets_its_first_answer() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    chain.write("b", client="c2")
    chain.flow()
    chain.told.clear()
    chain.write("a", client="c1")
    assert chain.told == [("c1", Reply(1, 1, "", "a", 1))]
    assert chain.log("n1") == ["a", "b"]


def test_duplicate_of_a_request_under_way_is_not_done_twice() -> None:
    chain = Chain()
    chain.write("a")
    chain.write("a")
    chain.flow()
    assert chain.log("n3") == ["a"]
    assert len(chain.told) == 1


def test_request_older_than_the_clients_last_is_ignored() -> None:
    chain = Chain()
    chain.write("a", id=1)
    chain.flow()
    chain.write("b", id=2)
    chain.flow()
    chain.told.clear()
    chain.write("a", id=1)
    assert (chain.told, chain.flying) == ([], [])


def test_new_head_knows_what_the_old_one_did() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    chain.told.clear()
    chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.ask("write", "a", at="n2")
    assert chain.told == [("c1", Reply(1, 2, "", "a", 1))]


def test_version_goes_on_where_the_dead_head_left_it() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.ask("write", "b", at="n2", client="c2")
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 2, "", "b", 2))


# Compare-and-set


def test_cas_replaces_the_value_it_compared() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    chain.ask("cas", ("a", "b"), client="c2")
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "", "b", 2))


def test_cas_of_another_value_is_refused_and_says_what_it_saw() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    chain.ask("cas", ("x", "b"), client="c2")
    assert len(chain.told) == 1  # not before the refusal has its place in the order
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "precondition-failed", "a", 1))
    assert [chain.clean(n) for n in chain.names] == ["a"] * 3


def test_cas_on_a_dirty_key_is_busy_and_leaves_no_trace() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.ask("cas", ("a", "b"), client="c2")
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "busy", None, 0))
    assert [chain.clean(n) for n in chain.names] == ["a"] * 3


@pytest.mark.parametrize("head", ["n1", "n2"])
def test_late_copy_of_a_refused_cas_is_not_tried_again(head: str) -> None:
    chain = Chain()
    chain.ask("cas", ("a", "b"), client="c2")
    chain.flow()
    chain.write("a", client="c1")  # now the comparison would hold
    chain.flow()
    if head == "n2":
        chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.ask("cas", ("a", "b"), at=head, client="c2")
    chain.flow()
    assert chain.clean("n3") == "a"
    assert chain.told[-1][1].error == "precondition-failed"


# Appends, increments, transactions


def test_append_travels_as_the_full_value_and_starts_from_a_dirty_one() -> None:
    chain = Chain()
    chain.ask("append", 1, client="c1")
    chain.ask("append", 2, client="c2")
    chain.flow()
    assert [chain.clean(n) for n in chain.names] == [[1, 2]] * 3
    assert chain.told == [("c1", Reply(1, 1, "", 1, 1)), ("c2", Reply(1, 1, "", 2, 2))]


def test_increment_is_told_the_new_number() -> None:
    chain = Chain()
    chain.ask("increment", 2, client="c1")
    chain.ask("increment", 3, client="c2")
    chain.flow()
    assert [reply.value for _, reply in chain.told] == [2, 5]


def test_late_copy_of_an_increment_adds_nothing() -> None:
    chain = Chain()
    for _ in range(2):
        chain.ask("increment", 2)
        chain.flow()
    assert chain.told == [("c1", Reply(1, 1, "", 2, 1))] * 2
    assert chain.clean("n3") == 2


def test_append_to_a_number_is_refused_at_its_place_in_the_log() -> None:
    chain = Chain()
    chain.ask("increment", 2, client="c1")
    chain.ask("append", 2, client="c2")
    assert chain.told == []
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "refused", 2, 1))


def test_transaction_is_one_entry_and_is_answered_at_the_tail() -> None:
    chain = Chain()
    chain.ask("txn", [["append", "x", 1], ["append", "y", 2], ["r", "x", None]], key=None)
    assert chain.told == []
    chain.flow()
    assert chain["n3"].store.last == 1
    told = [["append", "x", 1], ["append", "y", 2], ["r", "x", [1]]]
    assert chain.told == [("c1", Reply(1, 1, "", told))]
    assert [(chain.clean(n, "x"), chain.clean(n, "y")) for n in chain.names] == [([1], [2])] * 3


def test_transaction_that_is_not_committed_is_seen_in_none_of_its_keys() -> None:
    chain = Chain()
    chain.ask("txn", [["append", "x", 1], ["append", "y", 2]], key=None)
    chain.flow(lambda source, to, message: isinstance(message, Update) and to == "n2")
    for key, client in (("x", "c2"), ("y", "c3")):
        chain.ask("read", at="n2", key=key, client=client)
    chain.flow(lambda source, to, message: isinstance(message, Query | Version))
    assert chain.told == [("c2", Reply(1, 1)), ("c3", Reply(1, 1))]


def test_transaction_that_only_reads_has_its_place_in_the_log() -> None:
    chain = Chain()
    chain.ask("append", 1, client="c1", key="x")
    chain.ask("txn", [["r", "x", None]], key=None, client="c2")
    assert chain.told == []
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "", [["r", "x", [1]]]))


def test_entry_without_a_client_is_committed_and_answers_nobody() -> None:
    chain = Chain()
    entry = Entry(1, 1, "", 0, (Write("k", 1, "a"),))
    chain.hear("n2", Update(1, (entry,)), "n1")
    chain.flow(lambda source, to, message: to == "n3")
    assert (chain.clean("n3"), chain.told, chain["n3"].store.done) == ("a", [], {})


# Reads


def test_clean_key_is_answered_by_any_replica_without_asking() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    chain.told.clear()
    for name in chain.names:
        chain.ask("read", at=name, client="c2")
    assert chain.told == [("c2", Reply(1, 1, "", "a", 1))] * 3
    assert chain.flying == []


def test_key_never_written_reads_as_none() -> None:
    chain = Chain()
    chain.ask("read", at="n2")
    assert chain.told == [("c1", Reply(1, 1, "", None, 0))]


def test_newest_dirty_is_never_answered() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    chain.write("b", client="c2")
    chain.told.clear()
    chain.ask("read", at="n1", client="c3")
    assert chain.flying[-1] == ("n1", "n3", Query(1, "c3", 1, "k"))
    chain.flow(lambda source, to, message: isinstance(message, Query | Version))
    assert chain.told == [("c3", Reply(1, 1, "", "a", 1))]


def test_version_that_only_the_tail_knows_to_be_committed_is_answered() -> None:
    chain = Chain()
    chain.write("a")
    down(chain)
    chain.told.clear()
    chain.ask("read", at="n1", client="c3")
    chain.flow(lambda source, to, message: isinstance(message, Query | Version))
    assert chain["n1"].store.committed == 0
    assert chain.told == [("c3", Reply(1, 1, "", "a", 1))]


def test_newer_version_that_went_clean_meanwhile_is_answered() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.ask("read", at="n1", client="c3")
    chain.flow(lambda source, to, message: isinstance(message, Query))
    chain.flow(lambda source, to, message: not isinstance(message, Version))
    chain.flow()
    assert ("c3", Reply(1, 1, "", "a", 1)) in chain.told


def test_plain_chain_sends_reads_on_to_the_tail() -> None:
    chain = Chain(apportioned=False)
    chain.write("a", client="c1")
    chain.flow()
    chain.ask("read", at="n1", client="c2")
    assert [to for _, to, _ in chain.flying] == ["n3"]
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "", "a", 1))


# Leases and epochs


@pytest.mark.parametrize("name", ["n1", "n2", "n3"])
def test_node_without_a_lease_refuses_reads(name: str) -> None:
    chain = Chain()
    chain.now += 600 * MS
    chain.ask("read", at=name)
    assert chain.told == [("c1", NotReady(1, 1))]


def test_old_tail_without_a_lease_answers_no_version_query() -> None:
    chain = Chain()
    chain.now += 600 * MS
    chain.hear("n3", Query(1, "c1", 1, "k"), "n1")
    assert chain.flying == []


def test_tail_without_a_lease_commits_nothing_until_it_has_one_again() -> None:
    chain = Chain()
    chain.now += 600 * MS
    chain.write("a")
    chain.flow()
    assert (chain.told, chain["n3"].store.committed) == ([], 0)
    chain.follow(Config(1, chain.names))
    assert chain.told == [("c1", Reply(1, 1, "", "a", 1))]


def test_lease_counts_from_when_it_was_asked_for() -> None:
    chain = Chain()
    node = chain["n2"]
    sent, chain.now = chain.now + 10 * MS, chain.now + 400 * MS
    chain.hear("n2", _grant(chain, "n2", sent), "m1")
    assert node.lease_until == sent + 600 * MS


def test_grant_to_an_earlier_incarnation_is_no_lease() -> None:
    chain = Chain()
    grant = _grant(chain, "n2", chain.now + 1)
    chain.now += 2
    chain.begin("n2")
    chain.hear("n2", grant, "m1")
    assert chain["n2"].lease_until == 0


def _grant(chain: Chain, name: str, sent: int) -> object:
    from systems.craq.message import Grant

    return Grant(laid(Config(1, chain.names)), chain[name].life, sent, TIMES.lease)


def test_message_of_an_older_epoch_is_dropped() -> None:
    chain = Chain()
    chain.follow(Config(2, chain.names))
    chain.flow()
    chain.hear("n3", Update(1, (entry_of(1, "c1", "a"),)), "n2")
    assert chain.log("n3") == []


def test_message_of_a_newer_epoch_makes_a_node_ask_the_manager() -> None:
    chain = Chain()
    chain.now += 50 * MS
    chain.pings.clear()
    chain.hear("n2", Ack(2, 0, 0), "n3")
    assert [type(p) for p in chain.pings] == [Ping]
    assert chain["n2"].epoch == 1


def test_node_never_goes_back_to_an_older_epoch_even_after_a_restart() -> None:
    chain = Chain()
    chain.follow(Config(3, chain.names))
    chain.now += 1 * MS
    chain.begin("n2")
    chain.follow(Config(2, chain.names), "n2")
    assert chain["n2"].epoch == 0


def test_client_of_another_epoch_is_told_the_configuration() -> None:
    chain = Chain()
    chain.hear("n2", Request("c1", 1, 0, "read", "k"))
    assert chain.told == [("c1", Moved(1, laid(Config(1, chain.names))))]


def test_node_that_knows_no_chain_says_so() -> None:
    chain = Chain()
    chain.now += 1
    chain.begin("n2")
    chain.hear("n2", Request("c1", 1, 1, "read", "k"))
    assert chain.told == [("c1", NotReady(1, 0))]


# Failures


def test_promoted_tail_commits_what_it_has_and_answers_for_the_dead_one() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow(lambda source, to, message: to == "n2")
    chain.lose()
    chain.follow(Config(2, ("n1", "n2")), "n1", "n2")
    chain.flow()
    assert chain.told == [("c1", Reply(1, 2, "", "a", 1))]
    assert chain.clean("n1") == "a"


def test_tail_whose_predecessor_died_gets_the_suffix_before_anything_new() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow(lambda source, to, message: to == "n2")
    chain.lose()
    chain.follow(Config(2, ("n1", "n3")), "n1", "n3")
    chain.write("b", client="c2")
    chain.flow()
    assert chain.log("n3") == ["a", "b"]
    assert [client for client, _ in chain.told] == ["c1", "c2"]


def test_what_only_the_dead_head_had_is_lost_and_the_retry_is_done_once() -> None:
    chain = Chain()
    chain.write("a")
    chain.lose()
    chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.flow()
    chain.ask("write", "a", at="n2")
    chain.flow()
    assert chain.log("n3") == ["a"]


@pytest.mark.parametrize("name", ["n1", "n2", "n3"])
def test_member_that_was_killed_goes_on_from_its_disk(name: str) -> None:
    chain = Chain()
    chain.write("a", client="c1")
    down(chain)
    chain.lose()
    chain.now += 10 * MS
    chain.begin(name)
    chain.follow(Config(1, chain.names))
    chain.write("b", client="c2")
    for _ in range(4):
        chain.flow()
        chain.now += 160 * MS
        chain.follow(Config(1, chain.names))
        chain.tick()
    assert [chain.log(n) for n in chain.names] == [["a", "b"]] * 3
    assert [chain.clean(n) for n in chain.names] == ["b"] * 3


def test_all_that_were_killed_go_on_from_their_disks() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    chain.now += 10 * MS
    chain.told.clear()
    for name in chain.names:
        chain.begin(name)
    chain.follow(Config(1, chain.names))
    chain.flow()
    chain.ask("read", at="n1", client="c2")
    chain.flow()
    assert chain.told[-1] == ("c2", Reply(1, 1, "", "a", 1))


# Joining again


def rejoined(chain: Chain) -> None:
    """n3 was dropped and comes back as a spare that copies from n2."""
    chain.follow(Config(2, ("n1", "n2")))
    chain.flow()


def test_spare_copies_what_it_lacks_from_the_tail() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    chain.follow(Config(2, ("n1", "n2")), "n1", "n2")
    chain.write("b", client="c2")
    chain.flow()
    rejoined(chain)
    assert chain.log("n3") == ["a", "b"]


def test_spare_drops_what_was_never_committed() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    chain.write("lost", client="c2")  # stays at n1 alone
    chain.lose()
    chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.flow()
    chain.ask("write", "b", at="n2", client="c3")
    chain.flow()
    chain.follow(Config(2, ("n2", "n3")), "n1")
    chain.flow()
    assert chain.log("n1") == ["a", "b"]
    chain.now += 1
    chain.begin("n1")
    assert chain.log("n1") == ["a", "b"]


def test_spare_refuses_reads_and_sends_writes_on() -> None:
    chain = Chain()
    rejoined(chain)
    chain.told.clear()
    chain.ask("read", at="n3", id=1)
    chain.ask("write", "a", at="n3", id=2)
    chain.flow()
    assert chain.told == [("c1", NotReady(1, 2)), ("c1", Reply(2, 2, "", "a", 1))]


def test_joining_tail_serves_nothing_before_the_old_tail_has_stopped_committing() -> None:
    chain = Chain()
    rejoined(chain)
    joined = Config(3, ("n1", "n2", "n3"), "n3")
    chain.follow(joined, "n3")
    chain.told.clear()
    chain.write("a", client="c1")  # n1 and n2 are still in epoch 2: n2 commits
    chain.flow()
    assert chain.told == [("c1", Reply(1, 2, "", "a", 1))]
    chain.ask("read", at="n3", client="c2")
    chain.hear("n3", Query(3, "c3", 1, "k"), "n1")
    assert chain.told[1:] == [("c2", NotReady(1, 3))]
    assert chain.flying == []
    chain.follow(joined)
    chain.tick("n3")
    chain.flow()
    chain.ask("read", at="n3", client="c2", id=2)
    assert chain.told[-1] == ("c2", Reply(2, 3, "", "a", 1))


def test_old_tail_commits_no_more_once_it_has_a_successor() -> None:
    chain = Chain()
    rejoined(chain)
    chain.follow(Config(3, ("n1", "n2", "n3"), "n3"), "n1", "n2")
    chain.told.clear()
    chain.write("a")
    chain.flow()
    assert chain.told == []
    assert chain["n2"].store.committed == 0


def test_stale_answer_to_a_greeting_is_ignored() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    chain.hear("n3", Sync(1, chain["n3"].life, 0, 0, 0), "n2")
    chain.hear("n3", Copied(1, chain["n3"].ticket, 0, (), 0, 0), "n2")
    assert chain.log("n3") == ["a"]


def test_second_answer_about_the_log_as_it_was_is_ignored() -> None:
    chain = Chain()
    chain.write("a", client="c1")
    chain.flow()
    for value in ("lost", "lost too"):  # they stay at n1 alone
        chain.write(value, client=value)
    chain.lose()
    chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.flow()
    for value in ("b", "c"):
        chain.ask("write", value, at="n2", client=value)
    chain.flow()
    chain.follow(Config(2, ("n2", "n3")), "n1")
    chain.flow(lambda source, to, message: to == "n3")
    answers = [message for _, to, message in chain.flying if to == "n1"]
    chain.flow()
    assert chain.log("n1") == ["a", "b", "c"]  # as long as it was before
    assert [type(answer) for answer in answers] == [Copied]
    chain.hear("n1", answers[0], "n3")
    assert chain.log("n1") == ["a", "b", "c"]


# Another chain's spare


def test_spare_that_another_chain_calls_drops_the_log_that_it_has_before_it_copies() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    called = replace(
        laid(Config(1, chain.names)),
        version=4,
        chains=(Config(3, ("n1", "n2")), Config(4, ("n9",))),
        wanted=(2, 2),
    )
    effects = chain.hear("n3", Grant(called), "m1")
    assert Persist(Followed(4, 1)) in effects
    assert Send("n9", Copy(4, chain["n3"].ticket, ())) in effects
    assert (chain.log("n3"), chain["n3"].store.committed) == ([], 0)
    chain.now += 1 * MS
    chain.begin("n3")
    assert chain.log("n3") == []


def test_spare_that_its_own_chain_calls_again_keeps_its_log() -> None:
    chain = Chain()
    chain.write("a")
    chain.flow()
    idle = replace(laid(Config(2, ("n1", "n2"))), wanted=(2,))
    chain.hear("n3", Grant(idle), "m1")
    assert (chain["n3"].epoch, chain.log("n3")) == (0, ["a"])
    chain.hear("n3", Grant(laid(Config(3, ("n1",)))), "m1")
    assert (chain["n3"].epoch, chain.log("n3")) == (3, ["a"])


def test_node_of_no_chain_tells_clients_the_layout() -> None:
    chain = Chain()
    idle = replace(laid(Config(2, ("n1", "n2"))), wanted=(2,))
    chain.hear("n3", Grant(idle), "m1")
    chain.ask("read", at="n3")
    chain.hear("n3", Request("c1", 2, 2, "write", "k", "a"))
    assert chain.told == [("c1", Moved(1, idle)), ("c1", Moved(2, idle))]


# Joining elsewhere than at the tail


def with_spare() -> Chain:
    """n1 was left out and has copied "a" from the tail; at n2, the head, "b" and "c" of one key are
    dirty, and have not come to n3."""
    chain = Chain()
    chain.follow(Config(2, ("n2", "n3")), "n2", "n3")
    chain.flow()
    chain.ask("write", "a", at="n2", client="c1")
    chain.flow()
    chain.follow(Config(2, ("n2", "n3")), "n1")
    chain.flow()
    for value in ("b", "c"):
        chain.ask("write", value, at="n2", client=value)
    chain.lose()
    chain.told.clear()
    assert (chain.log("n1"), chain.log("n2")) == (["a"], ["a", "b", "c"])
    return chain


def test_joining_head_is_carried_clean_and_dirty_versions_before_it_orders_or_answers() -> None:
    chain = with_spare()
    chain.follow(Config(3, ("n1", "n2", "n3"), "n1"))
    for f, client in (("write", "c8"), ("read", "c9")):
        chain.ask(f, "too early", at="n1", client=client)
    assert [type(message) for _, message in chain.told] == [NotReady, NotReady]
    chain.told.clear()
    chain.flow(lambda source, to, message: {source, to} == {"n1", "n2"})
    assert chain.log("n1") == ["a", "b", "c"]
    assert (chain.clean("n1"), chain["n1"].store.cell("k").dirty) == ("a", {2: "b", 3: "c"})
    chain.ask("write", "d", at="n1", client="d")
    chain.flow()
    assert chain.log("n1") == chain.log("n2") == chain.log("n3") == ["a", "b", "c", "d"]
    assert [client for client, _ in chain.told] == ["b", "c", "d"]


def test_joining_head_asks_again_for_what_was_lost_on_the_way_to_it() -> None:
    chain = with_spare()
    chain.follow(Config(3, ("n1", "n2", "n3"), "n1"))
    assert Copied in {type(message) for _, _, message in _sent(chain)}
    chain.lose()
    assert not chain["n1"].synced
    chain.tick("n1", "n2")
    chain.flow()
    assert chain.log("n1") == ["a", "b", "c"] and chain["n1"].synced


def _sent(chain: Chain) -> list[Any]:
    """Deliver what is under way to n2, and return what it says."""
    before = chain.flying
    chain.flying = []
    for source, to, message in before:
        if to == "n2":
            chain.hear(to, message, source)
    return chain.flying


def test_head_that_still_joins_when_its_successor_is_lost_is_carried_by_the_next() -> None:
    chain = with_spare()
    chain.follow(Config(3, ("n1", "n2", "n3"), "n1"))
    chain.flow(lambda source, to, message: {source, to} == {"n1", "n2"})
    chain.lose()
    chain.follow(Config(4, ("n1", "n3"), "n1"), "n1", "n3")
    chain.flow()
    assert chain.log("n1") == chain.log("n3") == ["a"]  # "b" and "c" were at n2 alone
    chain.ask("write", "b", at="n1", client="b")
    chain.flow()
    assert chain.told[-1][0] == "b" and chain.clean("n3") == "b"


def test_joining_middle_passes_on_nothing_before_it_has_what_its_predecessor_had() -> None:
    chain = with_spare()
    chain.follow(Config(3, ("n2", "n1", "n3"), "n1"))
    chain.flow(lambda source, to, message: to != "n1" or source != "n2")  # n1 hears not from n2
    assert chain["n1"].early is not None and not chain["n3"].greeted
    chain.ask("read", at="n1", client="c9")
    assert type(chain.told[-1][1]) is NotReady
    chain.flow()
    chain.tick("n1", "n2")
    chain.flow()
    assert chain.log("n1") == chain.log("n3") == ["a", "b", "c"]
    assert chain.clean("n1") == "c"


def test_news_of_a_commit_waits_until_a_joining_node_has_what_it_is_about() -> None:
    chain = with_spare()
    chain.follow(Config(3, ("n2", "n1", "n3"), "n1"))
    chain.hear("n1", Ack(3, 3, 3), "n3")
    assert chain["n1"].store.committed == 1
