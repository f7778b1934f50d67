"""Layouts: how nodes and slots are shared out, and what belongs where."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from systems.craq.layout import NOWHERE, SLOTS, Config, first_layout, slot_of
from systems.craq.place import Place

SEVEN = tuple(f"n{i}" for i in range(1, 8))


def test_nodes_and_slots_are_shared_out_in_order_and_the_last_are_spares() -> None:
    layout = first_layout(SEVEN, chains=2, spares=2)
    assert [config.chain for config in layout.chains] == [("n1", "n2"), ("n3", "n4", "n5")]
    assert layout.ranges == ((0, 0), (SLOTS // 2, 1))
    assert layout.wanted == (2, 3)


def test_no_two_chains_ever_have_an_epoch_in_common() -> None:
    layout = first_layout(SEVEN, chains=3)
    for number in (0, 1, 0, 2, 2):
        layout = layout.changed(number, layout.chains[number].chain).settled(number)
        epochs = [config.epoch for config in layout.chains]
        assert len(set(epochs)) == 3
        assert max(epochs) < layout.version


@pytest.mark.parametrize(
    ("nodes", "chains", "spares"), [(2, 3, 0), (3, 1, 3), (3, 0, 0), (80, 65, 0), (3, 1, -1)]
)
def test_layout_in_which_a_chain_would_be_empty_is_refused(
    nodes: int, chains: int, spares: int
) -> None:
    with pytest.raises(ValueError):
        first_layout([f"n{i}" for i in range(nodes)], chains, spares)


def test_every_key_belongs_to_one_chain_and_stays_there() -> None:
    layout = first_layout(SEVEN, chains=2)
    owners = {key: layout.number_of(key) for key in range(200)}
    assert set(owners.values()) == {0, 1}
    for key, number in owners.items():
        assert number == (slot_of(key) >= SLOTS // 2)
        assert layout.changed(0, ("n1",)).chain_of(key).chain == (
            layout.chains[1].chain if number else ("n1",)
        )


def test_slot_of_a_key_is_the_same_in_every_process() -> None:
    assert [slot_of(key) for key in (1, "1", "x", 2.5)] == [55, 10, 6, 35]


def test_spare_is_called_by_a_chain_that_is_short_and_by_no_other() -> None:
    layout = first_layout(SEVEN, chains=2, spares=1)
    assert layout.place_of("n7", SEVEN) == NOWHERE
    assert layout.changed(1, ("n4", "n6")).place_of("n7", SEVEN) == 1
    assert layout.changed(1, ("n4", "n6", "n7")).place_of("n5", SEVEN) == NOWHERE


def test_two_chains_that_are_short_call_different_spares() -> None:
    layout = first_layout(SEVEN, chains=2, spares=1).changed(0, ("n1",)).changed(1, ("n4", "n5"))
    assert [layout.place_of(node, SEVEN) for node in ("n2", "n3", "n6", "n7")] == [0, 1, 0, 1]


def test_node_that_was_taken_out_is_called_by_nobody() -> None:
    layout = replace(first_layout(SEVEN, chains=2).changed(0, ("n1", "n2")), out=("n3",))
    assert layout.place_of("n3", SEVEN) == NOWHERE


def test_spare_that_is_called_stands_outside_its_chain() -> None:
    place = Place("n7", first_layout(SEVEN, spares=1).changed(0, ("n2", "n1")), SEVEN)
    assert (place.role, place.number, place.head, place.tail) == ("spare", 0, "n2", "n1")


def test_node_that_no_chain_calls_has_no_epoch() -> None:
    place = Place("n7", first_layout(SEVEN, spares=1), SEVEN)
    assert (place.role, place.number, place.epoch, place.config) == ("spare", NOWHERE, 0, Config())
