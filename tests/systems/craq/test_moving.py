"""Slots that move from one chain to another: what goes with them, and who answers meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.clock import MS
from harness.core import Send
from systems.craq.layout import SLOTS, first_layout, slot_of
from systems.craq.message import (
    Deliver,
    Delivered,
    Entry,
    Handover,
    Moved,
    NotReady,
    Ping,
    Reply,
    Takeover,
    Update,
    Version,
    Write,
)
from systems.craq.moving import Moving
from systems.craq.store import Store
from tests.systems.craq.by_hand import Chain

FIRST = first_layout(("n1", "n2", "n3", "n4"), chains=2)  # n1 n2 | n3 n4
MOVING = FIRST.moving(0, SLOTS // 2, 1)  # all of the first chain's
NUMBER = MOVING.version
MOVED = MOVING.moved()
LOW = [key for key in range(100) if slot_of(key) < SLOTS // 2]  # keys of the first chain
K, L = LOW[:2]
HIGH = next(key for key in range(100) if slot_of(key) >= SLOTS // 2)


class Pair(Chain):
    """Two chains of two."""

    def __init__(self) -> None:
        super().__init__(4)
        for name in self.names:
            self.disk[name] = []
            self.now += 1 * MS
            self.begin(name)
        self.lay(FIRST)
        self.flow()
        self.told.clear()
        self.flying.clear()

    def put(self, key: Any, value: Any, *, client: str = "c1", id: int = 1) -> None:
        """A write, all the way."""
        head = "n1" if slot_of(key) < SLOTS // 2 else "n3"
        self.ask("write", value, at=head, client=client, id=id, key=key)
        self.flow()

    def move(self) -> None:
        """The whole move, up to what the manager makes of it."""
        self.lay(MOVING)
        self.flow()


def first_part(pair: Pair) -> Deliver:
    """What the source's head delivers first."""
    node = pair["n1"]
    assert MOVING.move is not None
    return node.moving.delivery(MOVING.move, node.store.handed[NUMBER], 1)


def test_keys_move_with_their_versions_and_values() -> None:
    pair = Pair()
    pair.put(K, "a", id=1)
    pair.put(K, "b", id=2)
    pair.put(L, "c", id=3)
    pair.move()
    for name in ("n3", "n4"):
        cells = pair[name].store.cells
        assert {key: (cells[key].version, cells[key].value) for key in (K, L)} == {
            K: (2, "b"), L: (1, "c"),
        }  # fmt: skip
    assert all(K not in pair[name].store.cells for name in ("n1", "n2"))


def test_manager_is_told_when_the_last_part_is_committed_and_not_before() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.pings.clear()
    pair.lay(MOVING)
    pair.flow(lambda source, to, message: to != "n4")
    assert pair.pings == []
    pair.flow(lambda source, to, message: (source, to) != ("n4", "n3"))  # no acknowledgement
    assert [ping.moved for ping in pair.pings] == [NUMBER] * len(pair.pings) != []  # the tail's
    assert pair["n3"].moving.has_moved() == 0
    pair.flow()
    assert pair["n3"].moving.has_moved() == NUMBER


def test_target_answers_for_the_keys_once_the_layout_says_so() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.move()
    pair.lay(MOVED)
    pair.told.clear()
    for name in ("n3", "n4"):
        pair.ask("read", at=name, client="c2", key=K)
    assert pair.told == [("c2", Reply(1, 2, "", "a", 1))] * 2
    pair.ask("write", "b", at="n3", client="c2", id=2, key=K)
    pair.flow()
    assert pair.told[-1] == ("c2", Reply(2, 2, "", "b", 2))


@pytest.mark.parametrize("name", ["n1", "n2"])
def test_source_sends_clients_on_when_the_slots_are_gone(name: str) -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.move()
    pair.told.clear()
    pair.ask("read", at=name, client="c2", key=K)
    pair.ask("write", "b", at=name, client="c3", key=K)
    pair.flow()
    assert pair.told == [("c2", NotReady(1, 1)), ("c3", NotReady(1, 1))]
    pair.lay(MOVED)
    pair.told.clear()
    pair.ask("read", at=name, client="c2", id=2, key=K)
    assert pair.told == [("c2", Moved(2, MOVED))]


def test_keys_that_stay_are_served_all_the_while() -> None:
    pair = Pair()
    pair.lay(MOVING)
    pair.put(HIGH, "a", client="c5")
    pair.ask("read", at="n4", client="c6", key=HIGH)
    assert [message.value for client, message in pair.told if client == "c6"] == ["a"]


def test_replica_that_has_a_handover_asks_the_tail_also_of_a_clean_key() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.told.clear()
    pair.lay(MOVING, "n1")
    pair.ask("read", at="n1", client="c2", key=K)
    assert pair.told == []
    pair.flow(lambda source, to, message: not isinstance(message, Update))
    assert pair.told == [("c2", Reply(1, 1, "", "a", 1))]  # the tail has not committed it
    pair.ask("read", at="n1", client="c2", id=2, key=K)
    pair.flow()
    assert pair.told[-1] == ("c2", NotReady(2, 1))


def test_nothing_is_delivered_before_the_handover_is_committed() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.lay(MOVING, "n1")
    pair.tick("n1")
    assert not [message for _, _, message in pair.flying if isinstance(message, Deliver)]


def test_update_is_refused_from_when_the_head_knows_of_the_move() -> None:
    pair = Pair()
    pair.told.clear()
    pair.lay(MOVING, "n1")
    pair.ask("write", "a", at="n1", key=K)
    assert pair.told == [("c1", NotReady(1, 1))]


def test_request_that_was_done_at_the_source_is_answered_and_not_done_again() -> None:
    pair = Pair()
    pair.put(K, "a", client="c1")
    pair.put(K, "b", client="c2")
    pair.move()
    pair.lay(MOVED)
    pair.told.clear()
    pair.ask("write", "a", at="n3", client="c1", key=K)
    pair.flow()
    assert pair.told == [("c1", Reply(1, 2, "", "a", 1))]
    assert pair.clean("n4", K) == "b"


def test_request_that_is_older_than_what_its_client_did_at_the_source_is_not_done() -> None:
    pair = Pair()
    pair.put(HIGH, "a", client="c1", id=1)
    pair.put(K, "b", client="c1", id=3)
    pair.move()
    pair.lay(MOVED)
    pair.ask("write", "late", at="n3", client="c1", id=2, key=HIGH)
    pair.flow()
    assert pair.clean("n4", HIGH) == "a"


def test_new_head_of_the_source_hands_over_what_the_old_one_did_not() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.lay(MOVING, "n1")
    pair.lose()
    alone = MOVING.changed(0, ("n2",))
    pair.lay(alone, "n2", "n3", "n4")
    pair.flow()
    pair.tick("n2")
    pair.flow()
    assert pair.clean("n4", K) == "a"


def test_new_head_of_the_target_gets_what_the_old_one_did_not_pass_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Moving, "size", 1)
    pair = Pair()
    pair.put(K, "a", client="c1")
    pair.put(L, "b", client="c2")
    pair.lay(MOVING)
    pair.flow(lambda source, to, message: (source, to) != ("n3", "n4"))
    assert pair["n3"].moving.parts_taken(NUMBER) == 4  # two keys, two requests
    pair.lose()
    alone = MOVING.changed(1, ("n4",))
    pair.lay(alone, "n1", "n2", "n4")
    pair.flow()
    for _ in range(2):
        pair.now += 100 * MS
        pair.lay(alone, "n1", "n2", "n4")
        pair.tick("n1")
        pair.flow()
    assert [pair.clean("n4", key) for key in (K, L)] == ["a", "b"]
    assert pair["n4"].store.done["c2"].id == 1


def test_part_that_comes_twice_or_out_of_turn_is_not_taken() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.lay(MOVING)
    pair.flow()
    deliver = first_part(pair)
    third = replace(deliver, takeover=replace(deliver.takeover, part=3))
    for again in (deliver, third):
        effects = pair.hear("n3", again, "n1")
        assert effects == [Send("n1", Delivered(NUMBER, NUMBER, 1))]


def test_delivery_of_a_move_that_is_not_under_way_is_ignored() -> None:
    pair = Pair()
    pair.put(K, "a")
    pair.move()
    pair.lay(MOVED)
    assert pair.hear("n3", first_part(pair), "n1") == []
    assert pair.hear("n1", Delivered(NUMBER, NUMBER, 0), "n3") == []


@pytest.mark.parametrize("between", [None, "c"])
def test_slots_that_come_back_are_as_they_were_at_the_other_chain(between: str | None) -> None:
    """Also where a node hears of it all at once: the same version may be there, gone, and back."""
    pair = Pair()
    pair.put(K, "a", client="c1")
    pair.move()
    pair.lay(MOVED)
    if between:
        pair.ask("write", between, at="n3", client="c9", key=K)
        pair.flow()
    back = MOVED.moving(0, SLOTS // 2, 0)
    pair.lay(back)
    pair.flow()
    home = back.moved()
    pair.lay(home)
    pair.told.clear()
    pair.ask("read", at="n2", client="c2", key=K)
    assert pair.told[0][1].value == (between or "a")
    pair.now += 1 * MS
    pair.begin("n2")  # from its disk, where the log is not known to be committed
    pair.lay(home, "n1", "n2")
    pair.flow()
    assert pair.clean("n2", K) == (between or "a")
    assert pair["n2"].store.dump().digest == pair["n1"].store.dump().digest


@pytest.mark.parametrize("last", [True, False])
def test_key_that_is_coming_back_stays_when_it_is_known_late_that_it_had_gone(last: bool) -> None:
    """A replica may hear of a whole round trip before it hears that any of it is committed."""
    store = Store()
    there = (Write(K, 1, "a"),)
    store.append(Entry(1, 1, "c1", 1, there, "a", 1))
    store.append(Entry(2, 1, "", 0, (), move=Handover(3, 0, SLOTS)))
    store.append(Entry(3, 1, "", 0, there, move=Takeover(5, 0, SLOTS, 1, last, ())))
    store.commit(2)
    assert store.cell(K).latest == 1
    store.append(Entry(4, 1, "c2", 1, (Write(K, 2, "b"),), "b", 2))
    store.commit(4)
    assert (store.cell(K).version, store.cell(K).value) == (2, "b")


def test_tails_answer_about_a_key_that_has_gone_and_come_back_is_too_old_to_be_used() -> None:
    """The version that it names is not there any more, and a newer one is not committed."""
    pair = Pair()
    pair.put(K, "a", id=1)
    pair.ask("write", "b", at="n1", id=2, key=K)
    pair.ask("read", at="n1", client="r", key=K)
    pair.flow(lambda source, to, message: to != "n1")
    (answer,) = [m for _, _, m in pair.flying if type(m) is Version]
    pair.flying = [(*way, m) for *way, m in pair.flying if m is not answer]
    pair.move()
    pair.lay(MOVED)
    pair.ask("write", "c", at="n3", client="c9", key=K)
    pair.flow()
    back = MOVED.moving(0, SLOTS // 2, 0)
    pair.lay(back)
    pair.flow(lambda source, to, message: (source, to) != ("n2", "n1"))
    assert (answer.version, list(pair["n1"].store.cells[K].dirty)) == (2, [3])
    pair.told.clear()
    pair.hear("n1", answer, "n2")
    assert type(pair.told[0][1]) is Moved


def test_log_that_is_read_back_at_once_gives_the_same_state() -> None:
    pair = Pair()
    pair.put(K, "a", client="c1")
    pair.put(L, "b", client="c2")
    pair.move()
    pair.lay(MOVED)
    pair.lay(MOVED.moving(0, SLOTS // 2, 0))
    pair.flow()
    store = pair["n1"].store
    again = type(store)()
    again.extend(store.log)
    again.commit(store.committed)
    assert again.dump() == store.dump()
    assert again.slots == store.slots


def test_ping_says_so_as_long_as_the_manager_does_not_know() -> None:
    pair = Pair()
    pair.move()
    pair.pings.clear()
    pair.tick("n3", "n4")
    assert {ping.moved for ping in pair.pings if isinstance(ping, Ping)} == {NUMBER}
    pair.lay(MOVED)
    pair.pings.clear()
    pair.tick("n3", "n4")
    assert {ping.moved for ping in pair.pings} == {0}
