"""What every driver promises of a run: its clients, its view of the cluster, its ending."""

from __future__ import annotations

from pathlib import Path

from harness.clock import MS
from harness.fault import CLIENTS, Cut, Kill, Mend, Start
from harness.op import INFO
from harness.testing.promise import MakeDriver, Telling, act, ask, run
from harness.testing.story import Do, Look, Rest


def an_unknown_outcome_retires_the_process(make: MakeDriver, folder: Path | None) -> None:
    """The next invocation of its thread comes from a new client; any other goes on with its own."""

    def story() -> Telling:
        first, second = (yield Do("echo")), (yield Do("echo"))
        assert (first.session, second.session) == ("n1/1", "n1/2"), (first, second)
        yield from act(Cut("a", ((CLIENTS, "n1"),)))
        lost = yield Do("echo")
        yield from act(Mend("a"))
        fresh = yield Do("echo")
        assert lost.type == INFO and fresh.process != lost.process, (lost, fresh)
        assert fresh.session == "n1/1", fresh

    run(make, folder, story)


def processes_share_a_client(make: MakeDriver, folder: Path | None) -> None:
    """With a pipeline of two: threads 0 and 1 are one client, with two operations open at a time,
    which goes on after an unknown outcome; the next two are another."""

    def story() -> Telling:
        ops = yield [Do("echo", i) for i in range(4)]
        assert [op.session for op in ops] == ["n1/1", "n1/2", "n2/1", "n2/2"], ops
        assert [op.value for op in ops] == [0, 1, 2, 3], ops
        yield from act(Cut("a", ((CLIENTS, "n1"),)))
        lost = yield Do("echo")
        yield from act(Mend("a"))
        fresh = yield Do("echo")
        assert lost.type == INFO and fresh.process != lost.process, (lost, fresh)
        assert fresh.session == "n1/4", fresh

    run(make, folder, story, pipeline=2)


def what_a_client_observes_is_recorded_in_its_order(make: MakeDriver, folder: Path | None) -> None:
    """Also around the completion that comes with it."""

    def story() -> Telling:
        yield Do("see", 7)

    ops = run(make, folder, story).ops
    told = [op.value if op.process == "watch" else op.type for op in ops]
    assert told == ["invoke", ["before", 7], "ok", ["after", 7]], told


def a_thread_has_a_home_among_the_nodes(make: MakeDriver, folder: Path | None) -> None:
    """Thread i talks to node i mod n, never to a manager, and operations run side by side."""

    def story() -> Telling:
        ops = yield [Do("echo", i) for i in range(5)]
        assert [op.node for op in ops] == ["n1", "n2", "n3", "n1", "n2"], ops
        assert [op.value for op in ops] == [0, 1, 2, 3, 4], ops

    run(make, folder, story)


def the_newest_role_wins(make: MakeDriver, folder: Path | None) -> None:
    """The highest epoch counts, a node's older word does not, and a kill clears it."""

    def story() -> Telling:
        yield from ask("role", ("leader", 1), node="n1")
        yield from ask("role", ("leader", 3), node="n2")
        yield from ask("role", ("follower", 2), node="n2")
        yield Rest(100 * MS)
        assert (yield Look()).with_role("leader") == ("n2",)
        yield from act(Kill("n2"))
        assert "n2" not in (yield Look()).roles
        yield from act(Start("n2"))
        view = yield Look()
        assert view.with_role("leader") == ("n1",) and "n2" not in view.roles, view

    run(make, folder, story)


def the_ending_has_a_dump_of_every_node_that_is_up(make: MakeDriver, folder: Path | None) -> None:
    """With what each holds; a node that is down has none, and nothing was broken."""

    def story() -> Telling:
        yield from ask("put", "kept", node="n1")
        yield from ask("put", "kept", node="n2")
        yield from act(Kill("n3"))

    ending = run(make, folder, story).ending
    assert sorted(ending.dumps) == ["m1", "n1", "n2"], ending.dumps
    assert ending.dumps["n1"].log == ["kept"] and ending.dumps["n1"] == ending.dumps["n2"]
    assert ending.dumps["m1"].digest != ending.dumps["n1"].digest
    assert ending.violation is None and not ending.unhealthy, ending


def times_are_since_the_start_and_in_order(make: MakeDriver, folder: Path | None) -> None:
    """Of what a driver reports; a rest lasts at least as long as was asked."""

    def story() -> Telling:
        yield from ask("echo", 1, node="n1")
        yield Rest(80 * MS)
        yield from ask("echo", 2, node="n1")

    ops = run(make, folder, story).ops
    times = [op.time for op in ops]
    assert times == sorted(times) and 0 <= times[0] < 2_000 * MS, times
    assert times[2] - times[1] >= 80 * MS, times


def node_logs_are_kept_in_the_folder(make: MakeDriver, folder: Path | None) -> None:
    """What a node notes is in <node>/node.log."""

    def story() -> Telling:
        yield from ask("role", ("leader", 41), node="n1")
        yield Rest(50 * MS)

    run(make, folder, story)
    if folder is not None:
        text = (folder / "n1" / "node.log").read_text(encoding="utf-8")
        assert "leader" in text and "41" in text, text
