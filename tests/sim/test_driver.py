"""The simulated driver: what only a simulator promises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.clock import MS
from harness.core import Dump, SetTimer, dump_of
from harness.driver import Setup, SystemSpec
from harness.error import UserError
from harness.fault import Cut, Kill, Pause, Resume, Start
from harness.op import INFO, OK
from harness.sim.driver import SimDriver
from harness.sim.simulator import Simulator
from harness.testing.echo import Echo, EchoClient, EchoNode
from harness.testing.story import Act, Do, Rest, Story, tell


def told(story: Story, **options: Any) -> Any:
    return tell(SimDriver(), story, **options)


def test_broken_invariant_ends_the_run_and_says_when() -> None:
    def story() -> Any:
        yield Do("break", node="n2")
        while True:
            yield Do("echo")

    ending = told(story, options={"check_every": 10}).ending
    assert ending.violation.startswith("n2 is broken; the run was stopped there, at 0.0")
    assert set(ending.dumps) == {"n1", "n2", "n3"}


@pytest.mark.parametrize(("alike_after", "asked"), [(0, 1), (2, 3), (9, 4)])
def test_nodes_that_differ_at_the_end_are_asked_again_a_few_times(
    alike_after: int, asked: int
) -> None:
    counts = {"n1": 0, "n2": 0, "n3": 0}

    class Late(EchoNode):
        def __init__(self, me: str) -> None:
            super().__init__()
            self.me = me

        def dump(self) -> Dump:
            counts[self.me] += 1
            return dump_of([], "alike" if counts[self.me] > alike_after else self.me)

    def story() -> Any:
        yield Do("echo")

    system: Any = Echo(3)
    system.node = lambda me, rng: Late(me)
    ending = told(story, system=system).ending
    assert set(counts.values()) == {asked}
    assert len({dump.digest for dump in ending.dumps.values()}) == (1 if alike_after < 9 else 3)


def test_invariants_are_checked_right_after_a_fault() -> None:
    def story() -> Any:
        yield [Do("break", node="n2"), Act((Cut("a", (("n1", "n2"),)),), after=5 * MS)]
        raise AssertionError("the run went on")

    ending = told(story, options={"check_every": 10**9}).ending
    assert "at 0.005 s" in ending.violation


def test_invariants_do_not_see_a_node_that_waits_for_its_disk() -> None:
    seen: list[list[str]] = []

    class Watching:
        def check(self, cores: Mapping[str, Any]) -> None:
            seen.append(sorted(cores))

    def story() -> Any:
        yield [Do("put", 1, "n2"), Act((Pause("n3"), Kill("n1")), after=5 * MS)]

    system: Any = Echo(3)
    system.invariants = Watching
    told(story, system=system, options={"fsync": "100ms"})
    assert seen[0] == ["n3"] and seen[-1] == ["n2", "n3"]


def test_nothing_after_a_persist_happens_before_it_is_durable() -> None:
    def story() -> Any:
        put, echo, other = yield [Do("put", 1, "n1"), Do("echo", 1, "n1"), Do("echo", 1, "n2")]
        assert other.time < 1 * MS
        assert 50 * MS <= put.time < 151 * MS
        assert abs(put.time - echo.time) < 1 * MS  # behind it, since its node waits

    told(story, options={"fsync": "100ms"})


def test_pause_holds_what_a_sync_had_left_to_do() -> None:
    def story() -> Any:
        put, _ = yield [Do("put", 1, "n1"), Act((Pause("n1"),), after=5 * MS)]
        assert put.type != OK
        yield Act((Resume("n1"),))
        assert (yield Do("list", node="n1")).value == [1]

    told(story, options={"fsync": "20ms"})


def test_crash_before_the_sync_loses_or_keeps_what_was_written() -> None:
    left = set()

    def story() -> Any:
        yield [Do("put", 1, "n1"), Act((Kill("n1"),), after=5 * MS)]
        yield Act((Start("n1"),))
        left.add(len((yield Do("list", node="n1")).value))

    for seed in range(10):
        told(story, seed=seed, options={"fsync": "100ms"})
    assert left == {0, 1}


def test_crash_falls_between_two_sends_of_one_input() -> None:
    heard = []

    def story() -> Any:
        tell_five = Do("tell", ("n2", list(range(5))), "n1")
        yield [tell_five, Act((Kill("n1"),), after=11 * MS)]
        heard.append((yield Do("heard", node="n2")).value)

    for seed in range(20):
        told(story, seed=seed, options={"latency": "10ms", "jitter": "1us"})
    assert all(h == list(range(len(h))) for h in heard)  # a prefix: the last sends did not happen
    assert len({len(h) for h in heard}) > 3


def test_time_goes_on_under_a_client_that_answers_at_once() -> None:
    class Eager(EchoClient):
        def invoke(self, op: Any, now: int) -> Any:
            list(super().invoke(op, now))
            return self.timer(f"limit {op.process}", now)

    system: Any = Echo(1)
    system.client = lambda me, home, rng: Eager(home, 1)

    def story() -> Any:
        first, second, third = (yield Do("echo")), (yield Do("echo")), (yield Do("echo"))
        assert first.time < second.time < third.time

    told(story, system=system)


def test_start_of_the_run_comes_after_the_warmup() -> None:
    def story() -> Any:
        echo = yield Do("echo", node="n1")
        assert echo.time < 2 * MS
        yield Rest(10 * MS)

    figures = told(story, options={"warmup": "3s", "settle": "1s"}).ending.figures
    assert 1010 * MS < figures["simulated_end"] < 1015 * MS


def test_what_a_core_raises_says_when_and_under_which_seed() -> None:
    class Failing(EchoNode):
        def receive(self, source: str, message: Any, now: int) -> Any:
            raise ZeroDivisionError

    system: Any = Echo(1)
    system.node = lambda me, rng: Failing()

    def story() -> Any:
        yield Do("echo")

    with pytest.raises(ZeroDivisionError) as caught:
        told(story, system=system, seed=77)
    assert "seed 77" in "".join(caught.value.__notes__)


def test_interpreter_that_waits_for_nothing_is_an_error() -> None:
    class Waiting:
        def start(self, now: int) -> tuple[()]:
            return ()

    setup = Setup(SystemSpec("echo", 1), Echo(1), object(), 1, 1)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="nothing is left to happen"):
        SimDriver().drive(setup, Waiting(), lambda status: None)  # type: ignore[arg-type]


def test_nothing_is_written_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story() -> Any:
        yield Do("role", ("leader", 1), "n1")

    monkeypatch.chdir(tmp_path)
    told(story)
    assert list(tmp_path.iterdir()) == []


def test_node_log_reads_as_a_story_of_the_node(tmp_path: Path) -> None:
    def story() -> Any:
        yield Do("put", 1, "n1")
        yield Do("role", ("leader", 4), "n1")
        yield Act((Kill("n1"), Start("n1"), Pause("n1")))

    told(story, folder=tmp_path)
    lines = (tmp_path / "n1" / "node.log").read_text().splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "start records=0",
        "role role=leader epoch=4",
        "kill unsent=0",
        "start records=1",
        "pause",
    ]


def test_timers_set_and_cancelled_leave_the_queue_short(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []

    class Measured(Simulator):
        __slots__ = ()

        def run(self, count: int, todo: list[Any]) -> None:
            super().run(count, todo)
            lengths.append(len(self.queue))

    def story() -> Any:
        for _ in range(2_000):  # each sets and cancels its client's time limit of 300 ms
            yield Do("echo")

    monkeypatch.setattr("harness.sim.driver.Simulator", Measured)
    told(story)
    assert len(lengths) >= 2_000 and max(lengths) < 20


def test_clocks_drift_apart_within_the_bound_and_the_same_in_every_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[Any]] = []

    class Watched(Simulator):
        def begin(self, node: Any, effects: Any) -> None:
            seen[-1].append(node.clock)
            super().begin(node, effects)

    def story() -> Any:
        yield Do("echo")

    monkeypatch.setattr("harness.sim.driver.Simulator", Watched)
    for drift in (0.1, 0.1, 0):
        seen.append([])
        told(story, options={"drift": drift})
    drifts = [clock.drift for clock in seen[0]]
    assert all(abs(drift) <= 0.1 for drift in drifts)
    assert len(set(drifts)) == len(drifts) > 1
    assert seen[0] == seen[1]
    assert set(seen[2]) == {None}


@pytest.mark.parametrize(
    "words", [{"latency": "5 parsecs"}, {"fsync": []}, {"check_every": "x"}, {"drift": 1}]
)
def test_bad_option_is_the_users_mistake_and_is_named(words: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"options.{next(iter(words))}: "):
        told(lambda: iter(()), options=words)  # type: ignore[arg-type, return-value]


def test_timer_that_a_retired_client_sets_never_fires() -> None:
    class Late(EchoClient):
        def timer(self, name: str, now: int) -> Any:
            assert name == "limit 0"
            return (*super().timer(name, now), SetTimer("late", 1 * MS))

    def story() -> Any:
        yield Act((Kill("n1"),))
        assert (yield Do("echo")).type == INFO
        yield Rest(10 * MS)

    system: Any = Echo(1)
    system.client = lambda me, home, rng: Late(home, 5 * MS)
    told(story, system=system)
