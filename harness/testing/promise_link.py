"""What every driver promises of links: order, cuts, delays, loss, doubles and reordering."""

from __future__ import annotations

from pathlib import Path

from harness.clock import MS
from harness.fault import CLIENTS, Cut, Mend, Shape
from harness.testing.promise import PAIR, MakeDriver, Telling, act, ask, lost, run, tell_numbers
from harness.testing.story import Rest


def messages_of_a_link_keep_their_order(make: MakeDriver, folder: Path | None) -> None:
    """Without a fault every message arrives, once and in order."""

    def story() -> Telling:
        heard = yield from tell_numbers("n1", "n2", range(200))
        assert heard == list(range(200)), heard

    run(make, folder, story)


def a_cut_link_delivers_nothing(make: MakeDriver, folder: Path | None) -> None:
    """While it is cut; the proof counts what was dropped, and the mended link delivers again."""

    def story() -> Telling:
        yield from tell_numbers("n1", "n2", range(3))
        yield from act(Cut("a", PAIR))
        heard = yield from tell_numbers("n1", "n2", range(3, 8))
        assert heard == [0, 1, 2], heard
        proof = yield from act(Mend("a"))
        assert proof == {"dropped": 5}, proof
        heard = yield from tell_numbers("n1", "n2", range(8, 9))
        assert heard == [0, 1, 2, 8], heard

    run(make, folder, story)


def a_one_way_cut_passes_the_other_way(make: MakeDriver, folder: Path | None) -> None:
    """A link is directed, and other links are not touched."""

    def story() -> Telling:
        yield from act(Cut("a", PAIR))
        heard = yield from tell_numbers("n2", "n1", range(3))
        assert heard == [0, 1, 2], heard
        yield from lost("relay", "n2", node="n1")
        yield from lost("relay", "n1", node="n2")  # the answer is what the cut drops
        assert (yield from ask("relay", "n3", node="n1")) > 0
        proof = yield from act(Mend("a"))
        assert proof == {"dropped": 2}, proof
        assert (yield from ask("relay", "n2", node="n1")) > 0

    run(make, folder, story)


def a_manager_is_an_end_of_links(make: MakeDriver, folder: Path | None) -> None:
    """A manager is reached by its name, and its links can be cut."""

    def story() -> Telling:
        assert (yield from ask("relay", "m1", node="n1")) > 0
        yield from act(Cut("a", (("m1", "n1"),)))
        yield from lost("relay", "m1", node="n1")
        assert (yield from ask("relay", "m1", node="n2")) > 0

    run(make, folder, story)


def clients_can_be_cut_off(make: MakeDriver, folder: Path | None) -> None:
    """In either direction: a request that is not heard does nothing, one whose answer is not
    heard does."""

    def story() -> Telling:
        yield from act(Cut("in", ((CLIENTS, "n1"),)))
        yield from lost("put", "unheard", node="n1")
        yield from ask("echo", node="n2")
        yield from act(Mend("in"), Cut("out", (("n1", CLIENTS),)))
        yield from lost("put", "unanswered", node="n1")
        proof = yield from act(Mend("out"))
        assert proof == {"dropped": 1}, proof
        assert (yield from ask("list", node="n1")) == ["unanswered"]

    run(make, folder, story)


def mending_one_tag_leaves_the_other(make: MakeDriver, folder: Path | None) -> None:
    """Several disturbances are in force on one link, each until it is mended."""

    def story() -> Telling:
        yield from act(Cut("a", PAIR), Cut("b", PAIR), Shape("c", PAIR, duplicate=1.0))
        yield from act(Mend("a"))
        assert (yield from tell_numbers("n1", "n2", range(2))) == []
        proof = yield from act(Mend("b"))
        assert proof == {"dropped": 2}, proof
        heard = yield from tell_numbers("n1", "n2", range(2, 3))
        assert heard == [2, 2], heard
        proof = yield from act(Mend("c"))
        assert proof == {"duplicated": 1}, proof

    run(make, folder, story)


def a_delay_slows_its_link(make: MakeDriver, folder: Path | None) -> None:
    """By the clock of the node that waits for the answer; delays of several tags add up."""

    def story() -> Telling:
        before = yield from ask("relay", "n2", node="n1")
        yield from act(Shape("a", PAIR, delay=60 * MS), Shape("b", PAIR, delay=50 * MS))
        slow = yield from ask("relay", "n2", node="n1")
        assert before < 110 * MS <= slow < 500 * MS, (before, slow)
        proof = yield from act(Mend("a"))
        assert proof == {"delayed": 1}, proof
        less = yield from ask("relay", "n2", node="n1")
        assert 50 * MS <= less < slow, (less, slow)
        yield from act(Mend("b"))
        after = yield from ask("relay", "n2", node="n1")
        assert after < 50 * MS, after

    run(make, folder, story)


def jitter_keeps_the_order(make: MakeDriver, folder: Path | None) -> None:
    """A link whose delay varies still delivers in order, as a connection does."""

    def story() -> Telling:
        yield from act(Shape("a", PAIR, delay=10 * MS, jitter=10 * MS))
        yield from ask("tell", ("n2", list(range(30))), node="n1")
        yield Rest(200 * MS)
        heard = yield from ask("heard", node="n2")
        assert heard == list(range(30)), heard
        proof = yield from act(Mend("a"))
        assert proof == {"delayed": 30}, proof

    run(make, folder, story)


def loss_loses_and_counts(make: MakeDriver, folder: Path | None) -> None:
    """About the share that was asked for, and the proof counts exactly what is missing."""

    def story() -> Telling:
        yield from act(Shape("a", PAIR, loss=0.5))
        heard = yield from tell_numbers("n1", "n2", range(100))
        assert heard == sorted(set(heard)) and 20 < len(heard) < 80, heard
        proof = yield from act(Mend("a"))
        assert proof == {"lost": 100 - len(heard)}, proof

    run(make, folder, story)


def duplicates_come_twice_and_are_counted(make: MakeDriver, folder: Path | None) -> None:
    """Every message is doubled where the probability is one."""

    def story() -> Telling:
        yield from act(Shape("a", PAIR, duplicate=1.0))
        heard = yield from tell_numbers("n1", "n2", range(20))
        assert sorted(heard) == sorted([*range(20), *range(20)]), heard
        proof = yield from act(Mend("a"))
        assert proof == {"duplicated": 20}, proof

    run(make, folder, story)


def reordering_reorders_and_is_counted(make: MakeDriver, folder: Path | None) -> None:
    """Some messages overtake others; none is lost."""

    def story() -> Telling:
        yield from act(Shape("a", PAIR, reorder=0.3))
        heard = yield from tell_numbers("n1", "n2", range(100))
        assert sorted(heard) == list(range(100)) != heard, heard
        proof = yield from act(Mend("a"))
        assert set(proof) == {"reordered"} and 5 < proof["reordered"] < 60, proof

    run(make, folder, story)
