"""What every driver promises, as functions that take a way to make a driver and a folder.

Each raises AssertionError where the promise is not kept. They drive the echo system by a story, so
that one body holds for simulated and for real time. Use your own test tool:

    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
    def test_driver(promise, tmp_path):
        promise(MyDriver, tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from harness.clock import MS, US
from harness.driver import Driver
from harness.fault import CLIENTS, Action, Cut, Kill, Mend, Outcome, Pause, Resume, Shape, Start
from harness.op import INFO, OK, Op
from harness.testing.story import Act, Do, Look, Rest, Story, Told, tell

MakeDriver = Callable[[], Driver]
Telling = Generator[Any, Any, Any]

PAIR = (("n1", "n2"),)
LIMIT = "500ms"  # the time limit of an operation; many below wait for it to pass


def _tell(make: MakeDriver, folder: Path | None, story: Story) -> Told:
    return tell(make(), story, folder=folder, system_options={"timeout": LIMIT, "managers": 1})


def _ask(f: str, value: Any = None, *, node: str) -> Telling:
    """The value of an operation that has to be ok."""
    op: Op = yield Do(f, value, node)
    assert op.type == OK, f"{f} at {node} ends with {op.type} {op.error}"
    return op.value


def _lost(f: str, value: Any = None, *, node: str) -> Telling:
    """An operation whose outcome has to stay unknown."""
    op: Op = yield Do(f, value, node)
    assert op.type == INFO, f"{f} at {node} ends with {op.type}, value {op.value!r}"


def _act(*actions: Action) -> Telling:
    """Actions that have to be done. Returns the proof of the last."""
    outcomes: list[Outcome] = yield Act(actions)
    for action, outcome in zip(actions, outcomes, strict=True):
        assert outcome.done, f"{action} was skipped: {outcome.why}"
    return outcomes[-1].proof


def _restart(node: str) -> Telling:
    yield from _act(Kill(node))
    yield from _act(Start(node))


def _tell_numbers(source: str, target: str, numbers: range) -> Telling:
    """Send numbers from node to node and give them time to arrive. Returns what target heard."""
    yield from _ask("tell", (target, list(numbers)), node=source)
    yield Rest(50 * MS)
    return (yield from _ask("heard", node=target))


# Links


def messages_of_a_link_keep_their_order(make: MakeDriver, folder: Path | None) -> None:
    """Without a fault every message arrives, once and in order."""

    def story() -> Telling:
        heard = yield from _tell_numbers("n1", "n2", range(200))
        assert heard == list(range(200)), heard

    _tell(make, folder, story)


def a_cut_link_delivers_nothing(make: MakeDriver, folder: Path | None) -> None:
    """While it is cut; the proof counts what was dropped, and the mended link delivers again."""

    def story() -> Telling:
        yield from _tell_numbers("n1", "n2", range(3))
        yield from _act(Cut("a", PAIR))
        heard = yield from _tell_numbers("n1", "n2", range(3, 8))
        assert heard == [0, 1, 2], heard
        proof = yield from _act(Mend("a"))
        assert proof == {"dropped": 5}, proof
        heard = yield from _tell_numbers("n1", "n2", range(8, 9))
        assert heard == [0, 1, 2, 8], heard

    _tell(make, folder, story)


def a_one_way_cut_passes_the_other_way(make: MakeDriver, folder: Path | None) -> None:
    """A link is directed, and other links are not touched."""

    def story() -> Telling:
        yield from _act(Cut("a", PAIR))
        heard = yield from _tell_numbers("n2", "n1", range(3))
        assert heard == [0, 1, 2], heard
        yield from _lost("relay", "n2", node="n1")
        yield from _lost("relay", "n1", node="n2")  # the answer is what the cut drops
        assert (yield from _ask("relay", "n3", node="n1")) > 0
        proof = yield from _act(Mend("a"))
        assert proof == {"dropped": 2}, proof
        assert (yield from _ask("relay", "n2", node="n1")) > 0

    _tell(make, folder, story)


def a_manager_is_an_end_of_links(make: MakeDriver, folder: Path | None) -> None:
    """A manager is reached by its name, and its links can be cut."""

    def story() -> Telling:
        assert (yield from _ask("relay", "m1", node="n1")) > 0
        yield from _act(Cut("a", (("m1", "n1"),)))
        yield from _lost("relay", "m1", node="n1")
        assert (yield from _ask("relay", "m1", node="n2")) > 0

    _tell(make, folder, story)


def clients_can_be_cut_off(make: MakeDriver, folder: Path | None) -> None:
    """In either direction: a request that is not heard does nothing, one whose answer is not
    heard does."""

    def story() -> Telling:
        yield from _act(Cut("in", ((CLIENTS, "n1"),)))
        yield from _lost("put", "unheard", node="n1")
        yield from _ask("echo", node="n2")
        yield from _act(Mend("in"), Cut("out", (("n1", CLIENTS),)))
        yield from _lost("put", "unanswered", node="n1")
        proof = yield from _act(Mend("out"))
        assert proof == {"dropped": 1}, proof
        assert (yield from _ask("list", node="n1")) == ["unanswered"]

    _tell(make, folder, story)


def mending_one_tag_leaves_the_other(make: MakeDriver, folder: Path | None) -> None:
    """Several disturbances are in force on one link, each until it is mended."""

    def story() -> Telling:
        yield from _act(Cut("a", PAIR), Cut("b", PAIR), Shape("c", PAIR, duplicate=1.0))
        yield from _act(Mend("a"))
        assert (yield from _tell_numbers("n1", "n2", range(2))) == []
        proof = yield from _act(Mend("b"))
        assert proof == {"dropped": 2}, proof
        heard = yield from _tell_numbers("n1", "n2", range(2, 3))
        assert heard == [2, 2], heard
        proof = yield from _act(Mend("c"))
        assert proof == {"duplicated": 1}, proof

    _tell(make, folder, story)


def a_delay_slows_its_link(make: MakeDriver, folder: Path | None) -> None:
    """By the clock of the node that waits for the answer; delays of several tags add up."""

    def story() -> Telling:
        before = yield from _ask("relay", "n2", node="n1")
        yield from _act(Shape("a", PAIR, delay=60 * MS), Shape("b", PAIR, delay=50 * MS))
        slow = yield from _ask("relay", "n2", node="n1")
        assert before < 110 * MS <= slow < 500 * MS, (before, slow)
        proof = yield from _act(Mend("a"))
        assert proof == {"delayed": 1}, proof
        less = yield from _ask("relay", "n2", node="n1")
        assert 50 * MS <= less < slow, (less, slow)
        yield from _act(Mend("b"))
        after = yield from _ask("relay", "n2", node="n1")
        assert after < 50 * MS, after

    _tell(make, folder, story)


def jitter_keeps_the_order(make: MakeDriver, folder: Path | None) -> None:
    """A link whose delay varies still delivers in order, as a connection does."""

    def story() -> Telling:
        yield from _act(Shape("a", PAIR, delay=10 * MS, jitter=10 * MS))
        yield from _ask("tell", ("n2", list(range(30))), node="n1")
        yield Rest(200 * MS)
        heard = yield from _ask("heard", node="n2")
        assert heard == list(range(30)), heard
        proof = yield from _act(Mend("a"))
        assert proof == {"delayed": 30}, proof

    _tell(make, folder, story)


def loss_loses_and_counts(make: MakeDriver, folder: Path | None) -> None:
    """About the share that was asked for, and the proof counts exactly what is missing."""

    def story() -> Telling:
        yield from _act(Shape("a", PAIR, loss=0.5))
        heard = yield from _tell_numbers("n1", "n2", range(100))
        assert heard == sorted(set(heard)) and 20 < len(heard) < 80, heard
        proof = yield from _act(Mend("a"))
        assert proof == {"lost": 100 - len(heard)}, proof

    _tell(make, folder, story)


def duplicates_come_twice_and_are_counted(make: MakeDriver, folder: Path | None) -> None:
    """Every message is doubled where the probability is one."""

    def story() -> Telling:
        yield from _act(Shape("a", PAIR, duplicate=1.0))
        heard = yield from _tell_numbers("n1", "n2", range(20))
        assert sorted(heard) == sorted([*range(20), *range(20)]), heard
        proof = yield from _act(Mend("a"))
        assert proof == {"duplicated": 20}, proof

    _tell(make, folder, story)


def reordering_reorders_and_is_counted(make: MakeDriver, folder: Path | None) -> None:
    """Some messages overtake others; none is lost."""

    def story() -> Telling:
        yield from _act(Shape("a", PAIR, reorder=0.3))
        heard = yield from _tell_numbers("n1", "n2", range(100))
        assert sorted(heard) == list(range(100)) != heard, heard
        proof = yield from _act(Mend("a"))
        assert set(proof) == {"reordered"} and 5 < proof["reordered"] < 60, proof

    _tell(make, folder, story)


# Nodes


def what_was_acknowledged_survives_a_kill(make: MakeDriver, folder: Path | None) -> None:
    """Persisted records are there again in order; one whose fate is unknown may be, others not."""

    def story() -> Telling:
        acknowledged: set[int] = set()
        for crash in range(5):  # each a little later, when other writes are under way
            values = range(10 * crash, 10 * crash + 4)
            kill = Act((Kill("n1"),), after=(100 + 300 * crash) * US)
            ops = yield [*(Do("put", value, "n1") for value in values), kill]
            done = [op.type == OK for op in ops[:-1]]
            acknowledged |= {value for value, is_ok in zip(values, done, strict=True) if is_ok}
            yield from _act(Start("n1"))
            found = yield from _ask("list", node="n1")
            assert acknowledged <= set(found) and len(found) == len(set(found)), found
            assert set(found) <= {10 * i + j for i in range(crash + 1) for j in range(4)}, found
        yield from _restart("n1")
        assert (yield from _ask("list", node="n1")) == found

    _tell(make, folder, story)


def a_snapshot_replaces_what_was_persisted(make: MakeDriver, folder: Path | None) -> None:
    """A restarted node is given the snapshot's record and those after it."""

    def story() -> Telling:
        yield from _ask("put", "old", node="n1")
        yield from _ask("shrink", "snapshot", node="n1")
        yield from _ask("put", "new", node="n1")
        yield from _restart("n1")
        assert (yield from _ask("list", node="n1")) == ["snapshot", "new"]

    _tell(make, folder, story)


def a_killed_node_forgets_what_it_did_not_persist(make: MakeDriver, folder: Path | None) -> None:
    """It neither answers while it is down nor remembers afterwards."""

    def story() -> Telling:
        yield from _tell_numbers("n2", "n1", range(3))
        yield from _act(Kill("n1"))
        yield from _lost("echo", node="n1")
        yield from _ask("echo", node="n2")
        yield from _act(Start("n1"))
        assert (yield from _ask("heard", node="n1")) == []
        assert (yield from _ask("count", node="n1")) == 2

    _tell(make, folder, story)


def timers_fire_once_when_they_are_due(make: MakeDriver, folder: Path | None) -> None:
    """A timer set anew moves its time; a cancelled one never fires."""

    def story() -> Telling:
        yield from _ask("alarm", 100 * MS, node="n1")
        yield from _ask("alarm", 60 * MS, node="n1")
        yield from _ask("alarm", 70 * MS, node="n1")
        yield from _ask("silence", 70 * MS, node="n1")
        yield Rest(30 * MS)
        yield from _ask("alarm", 100 * MS, node="n1")
        yield Rest(400 * MS)
        alarms = yield from _ask("alarms", node="n1")
        assert [delay for delay, _ in alarms] == [60 * MS, 100 * MS], alarms
        assert all(delay <= took for delay, took in alarms), alarms

    _tell(make, folder, story)


def old_timers_never_fire(make: MakeDriver, folder: Path | None) -> None:
    """A timer belongs to an incarnation: none of a killed node's fires after its start."""

    def story() -> Telling:
        yield from _ask("alarm", 150 * MS, node="n1")
        yield from _ask("alarm", 150 * MS, node="n2")
        yield from _restart("n1")
        yield Rest(400 * MS)
        assert (yield from _ask("alarms", node="n1")) == []
        assert len((yield from _ask("alarms", node="n2"))) == 1

    _tell(make, folder, story)


def a_paused_node_misses_time_and_keeps_its_state(make: MakeDriver, folder: Path | None) -> None:
    """It answers nothing until it is resumed; then come its messages, in order, and its timers."""

    def story() -> Telling:
        yield from _ask("put", 1, node="n1")
        yield from _ask("alarm", 100 * MS, node="n1")
        proof = yield from _act(Pause("n1"))
        assert proof == {"state": "stopped"}, proof
        yield from _ask("tell", ("n1", [1, 2, 3]), node="n2")
        yield from _lost("echo", node="n1")
        assert "n1" in (yield Look()).paused
        yield from _act(Resume("n1"))
        yield Rest(100 * MS)
        alarms = yield from _ask("alarms", node="n1")
        assert len(alarms) == 1 and alarms[0][1] >= 450 * MS, alarms
        assert (yield from _ask("heard", node="n1")) == [1, 2, 3]
        assert (yield from _ask("list", node="n1")) == [1]
        assert (yield from _ask("count", node="n1")) == 7
        assert not (yield Look()).paused

    _tell(make, folder, story)


def a_paused_node_can_be_killed(make: MakeDriver, folder: Path | None) -> None:
    """And is then neither up nor paused."""

    def story() -> Telling:
        yield from _act(Pause("n1"))
        proof = yield from _act(Kill("n1"))
        assert proof == {"signal": 9}, proof
        view = yield Look()
        assert "n1" not in view.up and "n1" not in view.paused
        yield from _act(Start("n1"))
        yield from _ask("echo", node="n1")
        assert "n1" in (yield Look()).up

    _tell(make, folder, story)


def actions_that_make_no_sense_are_skipped(make: MakeDriver, folder: Path | None) -> None:
    """With a reason each, and without a change."""

    def story() -> Telling:
        yield from _act(Kill("n1"), Pause("n2"), Cut("a", PAIR))
        senseless: tuple[Action, ...] = (
            Kill("n1"), Pause("n1"), Resume("n1"), Start("n2"), Pause("n2"), Resume("n3"),
            Start("n9"), Mend("b"), Cut("a", PAIR), Cut("c", ()), Cut("d", (("n1", "n9"),)),
        )  # fmt: skip
        before = yield Look()
        outcomes = yield Act(senseless)
        for action, outcome in zip(senseless, outcomes, strict=True):
            assert not outcome.done and outcome.why, f"{action} was carried out"
        assert (yield Look()) == before
        yield from _act(Start("n1"), Resume("n2"), Mend("a"))

    _tell(make, folder, story)


# Clients and views


def an_unknown_outcome_retires_the_process(make: MakeDriver, folder: Path | None) -> None:
    """The next invocation of its thread comes from a new client; any other goes on with its own."""

    def story() -> Telling:
        first, second = (yield Do("echo")), (yield Do("echo"))
        assert (first.session, second.session) == ("n1/1", "n1/2"), (first, second)
        yield from _act(Cut("a", ((CLIENTS, "n1"),)))
        lost = yield Do("echo")
        yield from _act(Mend("a"))
        fresh = yield Do("echo")
        assert lost.type == INFO and fresh.process != lost.process, (lost, fresh)
        assert fresh.session == "n1/1", fresh

    _tell(make, folder, story)


def a_thread_has_a_home_among_the_nodes(make: MakeDriver, folder: Path | None) -> None:
    """Thread i talks to node i mod n, never to a manager, and operations run side by side."""

    def story() -> Telling:
        ops = yield [Do("echo", i) for i in range(5)]
        assert [op.node for op in ops] == ["n1", "n2", "n3", "n1", "n2"], ops
        assert [op.value for op in ops] == [0, 1, 2, 3, 4], ops

    _tell(make, folder, story)


def the_newest_role_wins(make: MakeDriver, folder: Path | None) -> None:
    """The highest epoch counts, a node's older word does not, and a kill clears it."""

    def story() -> Telling:
        yield from _ask("role", ("leader", 1), node="n1")
        yield from _ask("role", ("leader", 3), node="n2")
        yield from _ask("role", ("follower", 2), node="n2")
        yield Rest(100 * MS)
        assert (yield Look()).with_role("leader") == ("n2",)
        yield from _act(Kill("n2"))
        assert "n2" not in (yield Look()).roles
        yield from _act(Start("n2"))
        view = yield Look()
        assert view.with_role("leader") == ("n1",) and "n2" not in view.roles, view

    _tell(make, folder, story)


def the_ending_has_a_dump_of_every_node_that_is_up(make: MakeDriver, folder: Path | None) -> None:
    """With what each holds; a node that is down has none, and nothing was broken."""

    def story() -> Telling:
        yield from _ask("put", "kept", node="n1")
        yield from _ask("put", "kept", node="n2")
        yield from _act(Kill("n3"))

    ending = _tell(make, folder, story).ending
    assert sorted(ending.dumps) == ["m1", "n1", "n2"], ending.dumps
    assert ending.dumps["n1"].log == ["kept"] and ending.dumps["n1"] == ending.dumps["n2"]
    assert ending.dumps["m1"].digest != ending.dumps["n1"].digest
    assert ending.violation is None and not ending.unhealthy, ending


def times_are_since_the_start_and_in_order(make: MakeDriver, folder: Path | None) -> None:
    """Of what a driver reports; a rest lasts at least as long as was asked."""

    def story() -> Telling:
        yield from _ask("echo", 1, node="n1")
        yield Rest(80 * MS)
        yield from _ask("echo", 2, node="n1")

    ops = _tell(make, folder, story).ops
    times = [op.time for op in ops]
    assert times == sorted(times) and 0 <= times[0] < 2_000 * MS, times
    assert times[2] - times[1] >= 80 * MS, times


def node_logs_are_kept_in_the_folder(make: MakeDriver, folder: Path | None) -> None:
    """What a node notes is in <node>/node.log."""

    def story() -> Telling:
        yield from _ask("role", ("leader", 41), node="n1")
        yield Rest(50 * MS)

    _tell(make, folder, story)
    if folder is not None:
        text = (folder / "n1" / "node.log").read_text(encoding="utf-8")
        assert "leader" in text and "41" in text, text


PROMISES: tuple[Callable[[MakeDriver, Path | None], None], ...] = (
    messages_of_a_link_keep_their_order,
    a_cut_link_delivers_nothing,
    a_one_way_cut_passes_the_other_way,
    a_manager_is_an_end_of_links,
    clients_can_be_cut_off,
    mending_one_tag_leaves_the_other,
    a_delay_slows_its_link,
    jitter_keeps_the_order,
    loss_loses_and_counts,
    duplicates_come_twice_and_are_counted,
    reordering_reorders_and_is_counted,
    what_was_acknowledged_survives_a_kill,
    a_snapshot_replaces_what_was_persisted,
    a_killed_node_forgets_what_it_did_not_persist,
    timers_fire_once_when_they_are_due,
    old_timers_never_fire,
    a_paused_node_misses_time_and_keeps_its_state,
    a_paused_node_can_be_killed,
    actions_that_make_no_sense_are_skipped,
    an_unknown_outcome_retires_the_process,
    a_thread_has_a_home_among_the_nodes,
    the_newest_role_wins,
    the_ending_has_a_dump_of_every_node_that_is_up,
    times_are_since_the_start_and_in_order,
    node_logs_are_kept_in_the_folder,
)
