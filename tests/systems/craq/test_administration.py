"""Nodes are taken out and in: the layout's part, the manager's, the administrator's."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.clock import MS, SECOND
from harness.core import Complete, Note, Send
from harness.op import Op, invoke
from harness.rng import stream
from systems.craq import Craq
from systems.craq.administration import Answer, answer
from systems.craq.layout import Layout, first_layout
from systems.craq.manager import Manager
from systems.craq.message import Administer, Administered
from systems.craq.options import Times
from tests.systems.craq.test_manager import ALL, Managed, steady

SEVEN = tuple(f"n{i}" for i in range(1, 8))
FIRST = first_layout(SEVEN, chains=2, spares=1)


def asked(layout: Layout, f: str, node: str) -> Answer:
    return replace(answer(layout, FIRST, f, node), value=None)


def after(layout: Layout, f: str, node: str) -> Layout:
    next_ = asked(layout, f, node).next
    assert next_ is not None and next_.version == layout.version + 1
    return next_


def test_node_that_is_taken_out_is_to_leave_and_its_chain_to_be_shorter() -> None:
    layout = after(FIRST, "remove-node", "n2")
    assert (layout.out, layout.wanted, layout.chains) == (("n2",), (2, 3), FIRST.chains)
    assert asked(layout, "remove-node", "n2") == Answer()
    assert not layout.is_short(0)
    gone = layout.changed(0, ("n1", "n3"))
    assert asked(gone, "remove-node", "n2") == Answer(done=True)


def test_chain_that_lost_a_node_for_which_it_waits_is_short_though_another_is_taken_out() -> None:
    layout = after(FIRST.changed(0, ("n1", "n2")), "remove-node", "n2")
    assert layout.is_short(0)


def test_last_node_of_a_chain_is_not_taken_out() -> None:
    alone = FIRST.changed(0, ("n1",))
    assert asked(alone, "remove-node", "n1").refused == "n1 is the last of its chain"
    joining = FIRST.changed(0, ("n1", "n7"), "n7")
    assert asked(joining, "remove-node", "n1").refused == "n1 is the last of its chain"
    layout = after(after(FIRST, "remove-node", "n1"), "remove-node", "n2")
    assert asked(layout, "remove-node", "n3").refused == "n3 is the last of its chain"


def test_node_that_is_taken_in_again_is_called_by_its_chain() -> None:
    out = after(FIRST, "remove-node", "n2").changed(0, ("n1", "n3"))
    layout = after(out, "add-node", "n2")
    assert (layout.out, layout.wanted) == ((), FIRST.wanted)
    assert layout.place_of("n2", SEVEN) == 0
    assert asked(layout, "add-node", "n2") == Answer()
    joining = layout.changed(0, ("n1", "n3", "n2"), "n2")
    assert asked(joining, "add-node", "n2") == Answer()
    assert asked(joining.settled(0), "add-node", "n2") == Answer(done=True)


def test_spare_comes_and_goes_and_no_chain_is_longer_for_it() -> None:
    out = after(FIRST, "remove-node", "n7")
    assert asked(out, "remove-node", "n7") == Answer(done=True)
    layout = after(out, "add-node", "n7")
    assert (layout.out, layout.wanted) == ((), FIRST.wanted)
    assert asked(layout, "add-node", "n7") == Answer(done=True)


def test_manager_fences_a_node_that_is_taken_out_like_one_that_is_lost() -> None:
    managed = steady()
    ask(managed, "remove-node", "n1")
    version, last = managed.manager.layout.version, managed.leased["n1"]
    managed.run(2 * SECOND, *ALL)
    assert managed.config.chain == ("n2", "n3")
    assert managed.began[version + 1] - last >= managed.manager.times.fence
    assert ask(managed, "remove-node", "n1").done
    managed.run(2 * SECOND, *ALL)
    assert managed.config.chain == ("n2", "n3")


def test_manager_keeps_a_node_that_is_taken_out_while_nobody_else_can_go_on() -> None:
    managed = steady()
    ask(managed, "remove-node", "n1")
    managed.run(3 * SECOND, "n1")
    assert managed.config.chain == ("n1",)
    managed.run(3 * SECOND, *ALL)
    assert "n1" not in managed.config.chain and len(managed.config.chain) == 2


def test_manager_refuses_a_node_that_is_not_there() -> None:
    assert ask(steady(), "remove-node", "n9").refused == "there is no node n9"


def ask(managed: Managed, f: str, node: str) -> Administered:
    """What an administrator is told."""
    effects = list(managed.manager.receive("admin", Administer(1, f, node), managed.now))
    answers = [e.message for e in effects if isinstance(e, Send) and e.to == "admin"]
    managed.do([e for e in effects if not (isinstance(e, Send) and e.to == "admin")])
    (told,) = answers
    assert isinstance(told, Administered)
    return told


# The client


class Talk:
    """An administrator's client, and what came of it."""

    def __init__(self) -> None:
        self.core = Craq(3).client("admin1", "n1", stream(1, "admin1"))
        self.sent: list[tuple[str, Any]] = []
        self.done: Op | None = None
        self.do(self.core.invoke(invoke("remove-node", "n2"), 0))

    def do(self, effects: Any) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.sent.append((effect.to, effect.message))
            elif isinstance(effect, Complete):
                self.done = effect.op

    def hear(self, message: Any) -> None:
        self.do(self.core.receive("m1", message, 1 * MS))


def test_administrator_asks_until_it_is_so() -> None:
    talk = Talk()
    talk.hear(Administered(1, True))
    talk.do(talk.core.timer("script", 41 * MS))
    talk.hear(Administered(2, True, True, "", ["n1", "n3"]))
    assert talk.sent == [(m, Administer(i, "remove-node", "n2")) for i, m in ((1, "m1"), (2, "m1"))]
    assert talk.done is not None
    assert (talk.done.type, talk.done.value) == ("ok", ["n1", "n3"])


def test_administrator_turns_to_the_other_manager_where_one_does_not_lead_or_answer() -> None:
    talk = Talk()
    talk.hear(Administered(1, False))
    talk.do(talk.core.timer("script", 41 * MS))
    talk.do(talk.core.timer("script", 241 * MS))
    assert [to for to, _ in talk.sent] == ["m1", "m2", "m1"]


def test_administrator_that_is_refused_fails() -> None:
    talk = Talk()
    talk.hear(Administered(1, True, False, "no"))
    assert talk.done is not None
    assert (talk.done.type, talk.done.error) == ("fail", ["refused", "no"])


def test_clients_operations_go_on_beside_administration() -> None:
    talk = Talk()
    talk.hear(Administered(1, True, True))
    talk.do(talk.core.invoke(replace(invoke("read"), key="k"), 50 * MS))
    assert talk.sent[-1][0] == "n1"


def test_administrator_says_what_was_moved_though_it_is_over_by_the_next_look() -> None:
    talk = Talk()
    talk.hear(Administered(1, True, value=[3, 9, 0, 1]))
    talk.do(talk.core.timer("script", 41 * MS))
    talk.hear(Administered(2, True, True, value=[]))
    assert talk.done is not None and talk.done.value == [3, 9, 0, 1]


# Moves


def test_range_begins_to_move_from_the_first_slot_that_is_elsewhere() -> None:
    said = answer(FIRST, FIRST, "begin-move", [20, 40, 0])
    assert said.next is not None and said.next.move is not None
    move = said.next.move
    assert (move.first, move.end, move.source, move.target) == (32, 41, 1, 0)
    assert said.value == [32, 40, 1, 0] and not said.done
    assert answer(said.next, FIRST, "begin-move", [20, 40, 0]).done
    assert answer(said.next, FIRST, "move-range", [20, 40, 0]) == Answer()
    assert answer(said.next.moved(), FIRST, "move-range", [20, 40, 0]).done


def test_one_move_at_a_time() -> None:
    going = answer(FIRST, FIRST, "begin-move", [0, 9, 1]).next
    assert going is not None
    assert answer(going, FIRST, "begin-move", [20, 30, 1]) == Answer()
    assert answer(going, FIRST, "begin-move", [0, 9, 0]) == Answer()


def test_range_in_several_places_is_moved_piece_by_piece() -> None:
    layout = FIRST.moving(10, 20, 1).moved().moving(40, 50, 0).moved()
    pieces = []
    while not (said := answer(layout, FIRST, "move-range", [0, 63, 1])).done:
        assert said.next is not None
        pieces.append(said.value)
        layout = said.next.moved()
    assert pieces == [[0, 9, 0, 1], [20, 31, 0, 1], [40, 49, 0, 1]]
    assert layout.ranges == ((0, 1),)


@pytest.mark.parametrize("value", [None, [1, 2], [5, 4, 0], [0, 64, 0], [-1, 3, 0], [0, 1, 2], "x"])
def test_move_that_cannot_be_is_refused(value: Any) -> None:
    assert (
        "expected [first slot, last slot, chain]"
        in answer(FIRST, FIRST, "begin-move", value).refused
    )


def test_members_are_all_that_were_not_taken_out_lost_ones_and_spares_too() -> None:
    layout = after(FIRST.changed(0, ("n1", "n2")), "remove-node", "n1")
    manager = Manager("m1", SEVEN, FIRST, Times())
    notes = [e for e in manager.start((layout,), 0) if isinstance(e, Note) and e.what == "members"]
    assert [note.data["members"] for note in notes] == [["n2", "n3", "n4", "n5", "n6", "n7"]]
