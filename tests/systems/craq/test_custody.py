"""The watcher of slots sees what is lost, doubled or taken in a move."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.error import InvariantViolated
from systems.craq.custody import Custody, held
from systems.craq.layout import SLOTS, slot_of
from systems.craq.message import (
    COMMIT,
    PREPARE,
    Done,
    Entry,
    Handover,
    Stage,
    Takeover,
    Write,
)
from systems.craq.store import Store

HALF = SLOTS // 2
LOW = next(key for key in range(100) if slot_of(key) < HALF)
HIGH = next(key for key in range(100) if slot_of(key) >= HALF)
HANDOVER = Handover(7, 0, HALF)
TAKEOVER = Takeover(7, 0, HALF, 1, True, (Done("c1", 1, True, "a", 1),))


def entry(seq: int, key: Any = None, move: Any = None, writes: Any = ()) -> Entry:
    """Of c1's write of "a", or of a move."""
    if move is not None:
        return Entry(seq, 1, "", 0, writes, move=move)
    return Entry(seq, 1, "c1", seq, (Write(key, seq, "a"),), "a", seq)


def custody(*logs: tuple[int, Entry]) -> Custody:
    """After these entries of chains were committed."""
    watcher, committed = Custody(2), {0: Store(), 1: Store()}
    for chain, one in logs:
        watcher.saw(chain, one, committed[chain].log)
        committed[chain].append(one)
    return watcher


WRITTEN = (0, entry(1, LOW))
HANDED = (0, entry(2, move=HANDOVER))
TAKEN = (1, entry(1, move=TAKEOVER, writes=(Write(LOW, 1, "a"),)))


def test_move_that_is_right_is_not_accused_whichever_is_seen_first() -> None:
    assert custody(WRITTEN, HANDED, TAKEN).unexplained == []
    early = custody(TAKEN)
    assert early.unexplained == [7]
    early.saw(0, HANDED[1], [WRITTEN[1]])
    assert early.unexplained == []


@pytest.mark.parametrize(
    "logs",
    [
        [(0, entry(1, HIGH))],
        [(1, entry(1, LOW))],
        [(0, entry(1, move=HANDOVER)), (0, entry(2, LOW))],
    ],
)
def test_update_of_a_key_that_is_another_chains_is_seen(logs: list[tuple[int, Entry]]) -> None:
    with pytest.raises(InvariantViolated, match="not its slot"):
        custody(*logs)


def test_chain_that_hands_over_what_it_has_not_is_seen() -> None:
    with pytest.raises(InvariantViolated, match="has not"):
        custody((1, entry(1, move=HANDOVER)))


@pytest.mark.parametrize(
    ("taken", "what"),
    [
        (entry(1, move=TAKEOVER), "keys"),
        (entry(1, move=TAKEOVER, writes=(Write(LOW, 2, "a"),)), "keys"),
        (entry(1, move=TAKEOVER, writes=(Write(LOW, 1, "a"), Write(HIGH, 1, "a"))), "keys"),
        (entry(1, move=replace(TAKEOVER, done=()), writes=(Write(LOW, 1, "a"),)), "requests"),
    ],
)
def test_what_is_lost_or_made_anew_is_seen(taken: Entry, what: str) -> None:
    with pytest.raises(InvariantViolated, match=what):
        custody(WRITTEN, HANDED, (1, taken))


def test_part_that_is_taken_twice_is_seen() -> None:
    again = replace(TAKEN[1], seq=2)
    with pytest.raises(InvariantViolated, match="after 1"):
        custody(WRITTEN, HANDED, TAKEN, (1, again))


# Which requests go with a Handover: the store and the watcher say the same

GOING = Handover(9, 0, 1)
OPENED = Entry(1, 1, "c1", 5, (Write(LOW, 1, "a"),), (), stage=Stage(PREPARE, 1))
ENDED = Entry(3, 1, "c1", 5, (Write(LOW, 1, "a"),), None, stage=Stage(COMMIT, 1))


def told(id: int, is_told: bool) -> Entry:
    """The home of a transaction, where it has ended, hands over other keys."""
    done = (Done("c1", id, is_told),)
    return Entry(2, 1, "", 0, (), move=Takeover(3, SLOTS - 1, SLOTS, 1, True, done))


def handed(*log: Entry) -> dict[str, int]:
    """Client -> the last request that goes with a Handover after this log, as a store has it."""
    store = Store()
    store.extend(log)
    store.append(Entry(len(log) + 1, 1, "", 0, (), move=GOING))
    return {one.client: one.id for one in store.handed[GOING.number].done}


def test_transaction_that_is_open_here_and_has_ended_at_home_counts_as_done() -> None:
    log = (OPENED, told(5, True))
    assert handed(*log) == held(log, GOING).done == {"c1": 5}


def test_transaction_that_is_open_counts_as_not_done_whatever_a_chain_beside_its_home_says() -> (
    None
):
    log = (OPENED, told(5, False))
    assert handed(*log) == held(log, GOING).done == {"c1": 4}


def test_client_whose_first_request_is_open_at_the_other_chain_has_done_none() -> None:
    log = (replace(told(0, False), seq=1),)
    assert handed(*log) == held(log, GOING).done == {"c1": 0}


def test_transaction_that_has_ended_counts_as_done() -> None:
    for log in ((OPENED, told(4, False), ENDED), (OPENED, told(5, True), ENDED)):
        assert handed(*log) == held(log, GOING).done == {"c1": 5}
