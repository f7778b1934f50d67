"""What every driver promises of administration: its client, and who the members are."""

from __future__ import annotations

from pathlib import Path

from harness.clock import MS
from harness.fault import CLIENTS, Administer, Cut, Kill, Mend, Outcome
from harness.op import INFO, invoke
from harness.testing.promise import LIMIT, MakeDriver, Telling, act, ask, run
from harness.testing.story import Act, Do, Look


def an_administrator_is_waited_for(make: MakeDriver, folder: Path | None) -> None:
    """The next action comes after its completion; nothing of it is in the history."""

    def story() -> Telling:
        proof = yield from act(Administer(invoke("put", 5, node="n2")), Kill("n2"))
        assert proof == {"signal": 9}, proof
        assert (yield from act(Administer(invoke("echo", 7)))) == {"type": "ok", "value": 7}
        assert (yield from act(Administer(invoke("see", 7)))) == {"type": "ok", "value": 2}

    told = run(make, folder, story)
    assert {op.process for op in told.ops} == {"nemesis"}, told.ops


def an_administrator_that_is_not_answered_gives_up(make: MakeDriver, folder: Path | None) -> None:
    """Within its client's own time limit; meanwhile the others go on, and afterwards there is
    another client for the next."""

    def story() -> Telling:
        yield from act(Administer(invoke("echo", node="n1")))
        yield from act(Cut("a", ((CLIENTS, "n2"),)))
        _, outcomes = yield [
            Do("echo", node="n1"),
            Act((Administer(invoke("echo", 3, node="n2")),)),
        ]
        (outcome,) = outcomes
        wanted = Outcome(False, "echo 3: timeout", {"type": INFO, "value": 3, "error": "timeout"})
        assert outcome == wanted, outcome
        yield from act(Mend("a"))
        yield from act(Administer(invoke("echo", node="n2")))

    ops = run(make, folder, story).ops
    gone = next(op.time for op in ops if op.type == "ok")
    asked, done = [op.time for op in ops if op.process == "nemesis"][4:6]
    assert gone < asked + 400 * MS < asked + 500 * MS <= done, (LIMIT, asked, gone, done)


def the_newest_members_are_seen(make: MakeDriver, folder: Path | None) -> None:
    """Whoever said so, and whatever became of it since."""

    def story() -> Telling:
        assert (yield Look()).members == ()
        yield from ask("members", (["n1", "n2"], 2), node="n1")
        yield from ask("members", (["n3"], 1), node="n3")
        assert (yield Look()).members == ("n1", "n2")
        yield from act(Kill("n1"))
        assert (yield Look()).members == ("n1", "n2")
        yield from ask("members", (["n2"], 3), node="n2")
        assert (yield Look()).members == ("n2",)

    run(make, folder, story)
