"""What every driver promises of nodes: what they persist, their timers, kills and pauses."""

from __future__ import annotations

from pathlib import Path

from harness.clock import MS, US
from harness.fault import Action, Administer, Cut, Kill, Mend, Pause, Resume, Start, Wipe
from harness.op import OK, invoke
from harness.testing.promise import (
    PAIR,
    MakeDriver,
    Telling,
    act,
    ask,
    lost,
    restart,
    run,
    tell_numbers,
)
from harness.testing.story import Act, Do, Look, Rest


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
            yield from act(Start("n1"))
            found = yield from ask("list", node="n1")
            assert acknowledged <= set(found) and len(found) == len(set(found)), found
            assert set(found) <= {10 * i + j for i in range(crash + 1) for j in range(4)}, found
        yield from restart("n1")
        assert (yield from ask("list", node="n1")) == found

    run(make, folder, story)


def a_snapshot_replaces_what_was_persisted(make: MakeDriver, folder: Path | None) -> None:
    """A restarted node is given the snapshot's record and those after it."""

    def story() -> Telling:
        yield from ask("put", "old", node="n1")
        yield from ask("shrink", "snapshot", node="n1")
        yield from ask("put", "new", node="n1")
        yield from restart("n1")
        assert (yield from ask("list", node="n1")) == ["snapshot", "new"]

    run(make, folder, story)


def a_compaction_loses_and_doubles_nothing(make: MakeDriver, folder: Path | None) -> None:
    """One record stands for all before it, from some time on; nobody sees when, also where the node
    is killed in between."""

    def story() -> Telling:
        count = 0
        for pause in (0, 0, 20 * US, 200 * US, 2 * MS, 20 * MS):
            yield from ask("put", count, node="n1")
            yield from ask("compact", None, node="n1")
            yield from ask("put", count + 1, node="n1")
            count += 2
            if pause:
                yield Rest(pause)
                yield from restart("n1")
            assert (yield from ask("list", node="n1")) == list(range(count))
        yield from restart("n1")
        assert (yield from ask("list", node="n1")) == list(range(count))

    run(make, folder, story)


def a_wiped_node_starts_with_nothing(make: MakeDriver, folder: Path | None) -> None:
    """And persists again what comes then; a second wipe finds nothing."""

    def story() -> Telling:
        yield from ask("put", 1, node="n1")
        yield from ask("put", 2, node="n1")
        yield from ask("put", 1, node="n2")
        yield from act(Kill("n1"))
        assert (yield from act(Wipe("n1"))) == {"records": 2}
        assert (yield from act(Wipe("n1"))) == {"records": 0}
        yield from act(Start("n1"))
        assert (yield from ask("list", node="n1")) == []
        yield from ask("put", 3, node="n1")
        yield from restart("n1")
        assert (yield from ask("list", node="n1")) == [3]
        assert (yield from ask("list", node="n2")) == [1]

    run(make, folder, story)


def a_killed_node_forgets_what_it_did_not_persist(make: MakeDriver, folder: Path | None) -> None:
    """It neither answers while it is down nor remembers afterwards."""

    def story() -> Telling:
        yield from tell_numbers("n2", "n1", range(3))
        yield from act(Kill("n1"))
        yield from lost("echo", node="n1")
        yield from ask("echo", node="n2")
        yield from act(Start("n1"))
        assert (yield from ask("heard", node="n1")) == []
        assert (yield from ask("count", node="n1")) == 2

    run(make, folder, story)


def timers_fire_once_when_they_are_due(make: MakeDriver, folder: Path | None) -> None:
    """A timer set anew moves its time; a cancelled one never fires."""

    def story() -> Telling:
        yield from ask("alarm", 100 * MS, node="n1")
        yield from ask("alarm", 60 * MS, node="n1")
        yield from ask("alarm", 70 * MS, node="n1")
        yield from ask("silence", 70 * MS, node="n1")
        yield Rest(30 * MS)
        yield from ask("alarm", 100 * MS, node="n1")
        yield Rest(400 * MS)
        alarms = yield from ask("alarms", node="n1")
        assert [delay for delay, _ in alarms] == [60 * MS, 100 * MS], alarms
        assert all(delay <= took for delay, took in alarms), alarms

    run(make, folder, story)


def old_timers_never_fire(make: MakeDriver, folder: Path | None) -> None:
    """A timer belongs to an incarnation: none of a killed node's fires after its start."""

    def story() -> Telling:
        yield from ask("alarm", 150 * MS, node="n1")
        yield from ask("alarm", 150 * MS, node="n2")
        yield from restart("n1")
        yield Rest(400 * MS)
        assert (yield from ask("alarms", node="n1")) == []
        assert len((yield from ask("alarms", node="n2"))) == 1

    run(make, folder, story)


def a_paused_node_misses_time_and_keeps_its_state(make: MakeDriver, folder: Path | None) -> None:
    """It answers nothing until it is resumed; then come its messages, in order, and its timers."""

    def story() -> Telling:
        yield from ask("put", 1, node="n1")
        yield from ask("alarm", 100 * MS, node="n1")
        proof = yield from act(Pause("n1"))
        assert proof == {"state": "stopped"}, proof
        yield from ask("tell", ("n1", [1, 2, 3]), node="n2")
        yield from lost("echo", node="n1")
        assert "n1" in (yield Look()).paused
        yield from act(Resume("n1"))
        yield Rest(100 * MS)
        alarms = yield from ask("alarms", node="n1")
        assert len(alarms) == 1 and alarms[0][1] >= 450 * MS, alarms
        assert (yield from ask("heard", node="n1")) == [1, 2, 3]
        assert (yield from ask("list", node="n1")) == [1]
        assert (yield from ask("count", node="n1")) == 7
        assert not (yield Look()).paused

    run(make, folder, story)


def a_paused_node_can_be_killed(make: MakeDriver, folder: Path | None) -> None:
    """And is then neither up nor paused."""

    def story() -> Telling:
        yield from act(Pause("n1"))
        proof = yield from act(Kill("n1"))
        assert proof == {"signal": 9}, proof
        view = yield Look()
        assert "n1" not in view.up and "n1" not in view.paused
        yield from act(Start("n1"))
        yield from ask("echo", node="n1")
        assert "n1" in (yield Look()).up

    run(make, folder, story)


def actions_that_make_no_sense_are_skipped(make: MakeDriver, folder: Path | None) -> None:
    """With a reason each, and without a change."""

    def story() -> Telling:
        yield from act(Kill("n1"), Pause("n2"), Cut("a", PAIR))
        senseless: tuple[Action, ...] = (
            Kill("n1"), Pause("n1"), Resume("n1"), Start("n2"), Pause("n2"), Resume("n3"),
            Start("n9"), Mend("b"), Cut("a", PAIR), Cut("c", ()), Cut("d", (("n1", "n9"),)),
            Wipe("n2"), Wipe("n9"), Administer(invoke("vanish")),
        )  # fmt: skip
        before = yield Look()
        outcomes = yield Act(senseless)
        for action, outcome in zip(senseless, outcomes, strict=True):
            assert not outcome.done and outcome.why, f"{action} was carried out"
        assert (yield Look()) == before
        yield from act(Start("n1"), Resume("n2"), Mend("a"))

    run(make, folder, story)
