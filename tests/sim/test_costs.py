"""Costs of messages: a node handles one at a time, and what follows leaves when that is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import MS, Nanos
from harness.cost import Costs
from harness.fault import Kill, Pause, Resume, Start
from harness.op import INFO
from harness.sim.driver import SimDriver
from harness.testing.story import Act, Do, Rest, Story, tell

EXACT = {"latency": "1ms", "jitter": 0, "fsync": 0}
FIVE = Costs({"request": 5 * MS})


def told(story: Story, costs: Costs, **options: Any) -> Any:
    return tell(SimDriver(), story, costs=costs, options=EXACT, **options)


def took(story: Story, costs: Costs = FIVE, **options: Any) -> list[Nanos]:
    """How long each operation took that was answered, in the order of their calls."""
    calls: dict[Any, int] = {}
    lasted: dict[int, Nanos] = {}
    for op in told(story, costs, **options).ops:
        if op.type == "invoke":
            calls[op.process] = op.index
            lasted[op.index] = -op.time
        elif op.type == "ok":
            lasted[calls[op.process]] += op.time
    return [length for length in lasted.values() if length > 0]


def test_two_messages_that_come_together_are_answered_one_after_the_other() -> None:
    def story() -> Any:
        yield [Do("echo", 1, "n1"), Do("echo", 2, "n1"), Do("echo", 3, "n2")]

    assert took(story) == [7 * MS, 12 * MS, 7 * MS]  # with 1 ms there and 1 ms back


def test_nothing_costs_time_without_costs() -> None:
    def story() -> Any:
        yield [Do("echo", 1, "n1"), Do("echo", 2, "n1")]

    assert took(story, Costs()) == [2 * MS, 2 * MS]
    assert "busy_s" not in told(story, Costs()).ending.figures


def test_operation_of_its_own_cost_is_not_charged_that_of_the_rest() -> None:
    def story() -> Any:
        yield [Do("echo", 1, "n1"), Do("count", None, "n2"), Do("list", None, "n3")]

    costs = Costs({"request": 5 * MS, "request/echo": 2 * MS, "request/list": 0})
    assert took(story, costs) == [4 * MS, 7 * MS, 2 * MS]


def test_node_may_be_slower_than_the_others() -> None:
    def story() -> Any:
        yield [Do("echo", 1, "n1"), Do("echo", 2, "n2")]

    assert took(story, Costs({"request": 5 * MS}, nodes={"n2": 10})) == [7 * MS, 52 * MS]


def test_sending_costs_too_and_delays_the_whole_of_what_is_sent() -> None:
    def story() -> Any:
        yield Do("tell", ("n2", [1, 2, 3]), "n1")
        yield Rest(1 * MS)
        assert (yield Do("heard", node="n2")).value == [1, 2, 3]

    costs = Costs({"request/tell": 5 * MS}, {"number": 2 * MS, "reply": 1 * MS})
    assert took(story, costs) == [14 * MS, 3 * MS]


def test_timer_waits_for_its_turn_behind_the_messages_before_it() -> None:
    def story() -> Any:
        yield Do("alarm", 4 * MS, "n1")
        yield [Do("echo", 1, "n1"), Do("echo", 2, "n1")]
        assert (yield Do("alarms", node="n1")).value == [(4 * MS, 17 * MS)]

    # set at 6 ms and told of at 7; the echoes are worked on from 8 to 13 and to 18 ms. The alarm is
    # due at 10, and behind the second echo. Decided was all of it when the work on it began
    costs = Costs({"request/alarm": 5 * MS, "request/echo": 5 * MS})
    assert took(story, costs)[:3] == [7 * MS, 7 * MS, 12 * MS]


def test_crash_in_the_middle_of_the_work_loses_it_and_what_waits() -> None:
    def story() -> Any:
        first, second, _ = yield [
            Do("put", 1, "n1"),
            Do("put", 2, "n1"),
            Act((Kill("n1"), Start("n1")), after=4 * MS),
        ]
        assert (first.type, second.type) == (INFO, INFO)
        assert (yield Do("list", node="n1")).value == []
        assert (yield Do("echo", 1, "n1")).type == "ok"

    told(story, FIVE)


def test_work_begun_before_a_crash_ends_nothing_after_it() -> None:
    def story() -> Any:
        yield [Do("echo", 1, "n1"), Act((Kill("n1"), Start("n1")), after=4 * MS)]
        # the old work would have ended at 6 ms; this comes at about 5
        yield Do("echo", 2, "n1")

    costs = Costs({"request/echo": 5 * MS})
    ops = told(story, costs, system_options={"timeout": "5ms"}).ops
    assert ops[-1].type == INFO  # it takes 7 ms


def test_work_stands_still_while_its_node_is_paused() -> None:
    def story() -> Any:
        yield [Do("echo", 1, "n1"), Do("echo", 2, "n1"), Act((Pause("n1"),), after=3 * MS)]
        yield Act((Resume("n1"),))
        yield Do("echo", 3, "n1")

    # worked on for 2 ms, then again from the resumption: it is over 3 ms after that, the second
    # after 8, the third, which comes after 2, after 13, and is told of 1 ms later
    assert took(story) == [13 * MS]


def test_messages_wait_for_a_node_that_was_paused_while_it_had_nothing_to_do() -> None:
    def story() -> Any:
        yield Act((Pause("n1"),))
        yield [Do("echo", 1, "n1"), Act((Resume("n1"),), after=20 * MS)]

    assert took(story) == [26 * MS]


def test_disk_is_written_when_the_work_is_done() -> None:
    def story() -> Any:
        yield [Do("put", 1, "n1"), Do("put", 2, "n1")]

    costs = Costs({"request/put": 5 * MS})
    told = tell(SimDriver(), story, costs=costs, options={**EXACT, "fsync": "2ms"})
    first, second = [op.time for op in told.ops if op.type == "ok"]
    assert 8 * MS <= first <= 10 * MS  # a sync takes 1 to 3 ms
    assert first + 6 * MS <= second <= first + 8 * MS


def test_figures_say_how_busy_a_node_was() -> None:
    def story() -> Any:
        yield [Do("echo", i, "n1") for i in range(5)]
        yield [Do("echo", i, "n2") for i in range(2)]

    figures: Mapping[str, Any] = told(story, FIVE).ending.figures
    assert figures["busy_s"] == {"n1": 0.025, "n2": 0.01, "n3": 0}
    assert figures["longest_queue"] == {"n1": 4, "n2": 1, "n3": 0}


def test_same_seed_gives_the_same_run() -> None:
    def story() -> Any:
        for i in range(20):
            yield [
                *(Do("put", i, n) for n in ("n1", "n2", "n3", "n1")),
                Act((Pause("n1"), Kill("n2")), after=i * MS),
            ]
            yield Act((Start("n2"), Resume("n1")))

    def run(seed: int) -> Any:
        costs = Costs({"request": 3 * MS, "reply": 1 * MS}, {"reply": 1 * MS}, {"n3": 2})
        return tell(SimDriver(), story, costs=costs, seed=seed)

    one, same, other = run(1), run(1), run(2)
    assert one.ops == same.ops and one.ending == same.ending
    assert one.ending.figures["trace_hash"] != other.ending.figures["trace_hash"]
