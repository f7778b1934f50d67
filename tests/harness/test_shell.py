"""The words of the shell: commands from lines, faults from words, and which answers are old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.clock import SECOND
from harness.core import Dump, NodeId
from harness.error import UserError
from harness.fault import Cut, Kill, Outcome, Resume, Role, Start, View
from harness.op import Op, fail, info, invoke, ok
from harness.shell import fault
from harness.shell.command import (
    Ask,
    Heal,
    Nodes,
    Part,
    Quit,
    Strike,
    Use,
    Wait,
    every_word,
    help_text,
    parse,
)
from harness.shell.dialect import Request, Touch, Usage
from harness.shell.journal import Journal
from harness.shell.seat import Seat, prompt, silence, table
from harness.system import System

NODES = ("n1", "n2", "n3")
TARGETS = ("leader", "follower", "majority")


class Registers:
    """A dialect of two commands, for registers."""

    usages = (Usage("read KEY", "a value"), Usage("write KEY VALUE", "a new one"))
    options: Mapping[str, Any] = {}

    def prepare(self, system: System) -> System:
        return system

    def parse(self, words: Sequence[str]) -> Request:
        return Request(words[0], list(words[1:]))

    def answer(self, asked: Op, done: Op) -> str:
        return str(done.value) if done.type == "ok" else str(done.error)

    def event(self, op: Op) -> str:
        return str(op.value)

    def touched(self, asked: Op, done: Op) -> Touch:
        if done.type != "ok":
            return Touch()
        key = asked.value[0]
        return Touch((key,)) if asked.f == "read" else Touch((), (key,))

    def place(self, position: Any) -> str:
        return f"index {position}"

    def applied(self, dump: Dump) -> Any:
        return len(dump.log)


DIALECT = Registers()


def read(line: str) -> Any:
    return parse(line, DIALECT, NODES, TARGETS)


def view(*, up: Sequence[NodeId] = NODES, paused: Sequence[NodeId] = ()) -> View:
    roles = {"n1": Role("leader", 1), "n2": Role("leader", 2), "n3": Role("follower", 2)}
    return View(NODES, (), frozenset(up), frozenset(paused), roles)


def resolve(target: str) -> tuple[NodeId, ...]:
    return ("n2",) if target == "leader" else (target,)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("read x", Ask(Request("read", ["x"]))),
        ('  write x "a b"  ', Ask(Request("write", ["x", "a b"]))),
        ("use n2", Use("n2")),
        ("kill leader n1", Strike("kill", ("leader", "n1"))),
        ("start", Strike("start", ())),
        ("partition n3|n1 n2", Part((("n3",), ("n1", "n2")))),
        ('partition "n3 | n1, n2"', Part((("n3",), ("n1", "n2")))),
        ("partition leader", Part((("leader",),))),
        ("heal", Heal()),
        ("status", Nodes()),
        ("nodes", Nodes()),
        ("wait 0.5", Wait(0.5)),
        ("wait 2s", Wait(2.0)),
        ("exit", Quit()),
        ("", None),
        ("# a remark 'that is not closed", None),
    ],
)
def test_line_is_a_command(line: str, command: Any) -> None:
    assert read(line) == command


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("raed x", "unknown command 'raed': did you mean 'read'?"),
        ("quti", "unknown command 'quti': did you mean 'quit'?"),
        ("xyzzy", "unknown command 'xyzzy': `help` lists them"),
        ("use n4", "use: there is no node 'n4': one of n1, n2, n3"),
        ("use", "use: which node? one of n1, n2, n3"),
        ("kill", "kill: whom? kill NODE..., such as: kill n3"),
        ("kill laeder", "kill: there is no node or target 'laeder': did you mean 'leader'?"),
        ("partition", 'partition: who from whom? such as: partition "n3|n1 n2"'),
        ("partition n1|", 'partition: who from whom? such as: partition "n3|n1 n2"'),
        ("partition n1|n1 n2", "partition: n1 is named twice"),
        ("wait long", "wait: expected seconds, such as: wait 0.5; got 'long'"),
        ("wait nan", "wait: expected seconds, such as: wait 0.5; got 'nan'"),
        ("heal n1", "heal: nothing comes after it, got 'n1'"),
        ("help reda", "help: unknown command 'reda': did you mean 'read'?"),
        ('write x "a', 'a quotation mark is not closed: write x "a'),
    ],
)
def test_mistake_is_one_line_with_the_nearest_word(line: str, error: str) -> None:
    with pytest.raises(UserError) as caught:
        read(line)
    assert str(caught.value) == error


def test_help_has_every_command() -> None:
    text = help_text(read("help").usages)
    assert all(word in text for word in every_word(DIALECT))
    assert help_text(read("help read").usages) == "  read KEY  a value"


def test_kill_hits_who_has_the_role_and_each_node_once() -> None:
    hit = fault.strikes(read("kill leader n2 n3"), view(), resolve)
    assert hit == [("n2", Kill("n2")), ("n3", Kill("n3"))]


def test_start_and_resume_without_names_take_all_that_need_it() -> None:
    now = view(up=("n2", "n3"), paused=("n3",))
    assert fault.strikes(read("start"), now, resolve) == [("n1", Start("n1"))]
    assert fault.strikes(read("resume"), now, resolve) == [("n3", Resume("n3"))]


def test_partition_cuts_both_directions_between_groups_and_nothing_else() -> None:
    sides = fault.sides(read("partition n3|n1 n2").groups, view(), resolve)
    links = {("n3", "n1"), ("n3", "n2"), ("n1", "n3"), ("n2", "n3")}
    made = fault.cut(sides)
    assert isinstance(made, Cut)
    assert set(made.links) == links
    assert fault.shape(sides) == "[n3] | [n1 n2]"


def test_partition_of_one_group_cuts_it_off_from_all_others() -> None:
    assert fault.sides((("leader",),), view(), resolve) == [("n2",), ("n1", "n3")]


def test_node_that_two_groups_name_is_in_the_first() -> None:
    assert fault.sides((("leader",), ("n1", "n2")), view(), resolve) == [("n2",), ("n1",)]


def test_what_came_of_a_fault_is_said_with_its_proof() -> None:
    assert fault.told("n1", "kill", Outcome(True)) == "n1 killed"
    assert fault.told("n1", "kill", Outcome(False, "n1 is down")) == (
        "n1: nothing done: n1 is down"
    )
    assert fault.healed(Outcome(True, "", {"dropped": 7})) == "healed: 7 messages were dropped"
    assert fault.healed(Outcome(False, "x")) == "no partition is in force"


class Talk:
    """A journal, and operations one after another."""

    def __init__(self) -> None:
        self.journal = Journal(DIALECT)
        self.time = 0

    def write(self, key: str, position: int, node: str = "n1") -> str:
        asked = self._ask("write", [key, "v"])
        return self._done(asked, ok(asked, "done", node=node, position=position))

    def read(self, key: str, position: int, node: str = "n3") -> str:
        asked = self._ask("read", [key])
        return self._done(asked, ok(asked, "v", node=node, position=position))

    def lost(self, f: str) -> str:
        asked = self._ask(f, ["x"])
        return self._done(asked, (info if f == "write" else fail)(asked, "timeout"))

    def _ask(self, f: str, value: Any) -> Op:
        self.time += SECOND
        return invoke(f, value, process=0, time=self.time)

    def _done(self, asked: Op, done: Op) -> str:
        typed = f"{asked.f} {asked.value[0]}"
        return self.journal.answered(typed, asked, done, "n3", "n3 is paused")


def test_read_below_an_acknowledged_write_of_the_same_is_stale() -> None:
    talk = Talk()
    talk.write("x", 9)
    assert talk.read("x", 7) == (
        "v\n  n3, index 7; STALE: x was changed at index 9, and n3 does not know"
    )


def test_read_at_or_above_the_write_is_not_stale() -> None:
    talk = Talk()
    talk.write("x", 9)
    assert talk.read("x", 9) == "v\n  n3, index 9"


def test_read_of_something_else_below_an_acknowledged_write_is_only_behind() -> None:
    talk = Talk()
    talk.write("x", 9)
    assert talk.read("y", 7) == "v\n  n3, index 7; n3 is behind: index 9 is acknowledged"


def test_write_that_nobody_acknowledged_makes_no_read_stale() -> None:
    talk = Talk()
    talk.lost("write")
    assert talk.read("x", 7) == "v\n  n3, index 7"


def test_silence_names_the_node_and_the_request_that_waits_before() -> None:
    talk = Talk()
    assert talk.lost("read") == "timeout\n  n3 is paused"
    assert talk.lost("read") == (
        "timeout\n  n3 is paused\n"
        "  answers come in the order of a session, and 'read x' still waits"
    )
    talk.read("x", 1)
    assert talk.lost("read") == "timeout\n  n3 is paused"


def test_history_has_a_line_for_each_command_and_event() -> None:
    talk = Talk()
    talk.write("x", 9)
    talk.journal.happened(2 * SECOND, "partition n3", "[n3] | [n1 n2]")
    talk.read("x", 7)
    talk.journal.happened(3 * SECOND, "", "x was changed", "n3", "index 9")
    assert talk.journal.table().splitlines() == [
        "time   node  command       answer          at",
        "1.0 s  n1    write x       done            index 9",
        "2.0 s        partition n3  [n3] | [n1 n2]",
        "2.0 s  n3    read x        STALE: v        index 7",
        "3.0 s  n3    *             x was changed   index 9",
    ]


def test_history_is_in_the_order_of_time() -> None:
    journal = Journal(DIALECT)
    journal.happened(3 * SECOND, "", "the session is over")  # told while the write still waited
    journal.happened(1 * SECOND, "write x", "no answer")
    assert [line.split()[0] for line in journal.table().splitlines()] == ["time", "1.0", "3.0"]


def test_seat_follows_its_session_and_keeps_the_highest_position() -> None:
    sat = Seat("n3", "n3", "0x1", 7)
    done = ok(invoke("read"), node="n1", session="0x1", position=5)
    assert sat.after(done) == Seat("n3", "n1", "0x1", 7)
    assert prompt(sat.after(done)) == "n3 (session at n1)> "
    other = ok(invoke("read"), node="n1", session="0x2", position=5)
    assert sat.after(other) == Seat("n3", "n1", "0x2", 5)


def test_seat_has_no_session_once_it_has_ended_whatever_is_told_of_it_later() -> None:
    late = ok(invoke("close"), node="n1", session="0x1", position=8)
    assert Seat("n1", "n1", "0x1", 7).after(late, {"0x1"}) == Seat("n1", "n1", "", 8)


def test_table_of_nodes_tells_a_leader_from_one_that_only_thinks_so() -> None:
    now = view(up=("n1", "n2"), paused=("n1",))
    seats = [Seat("n1", "n2", "0x1")]
    assert table(now, seats, {"n2": 9}, DIALECT, "[n1] | [n2 n3]").splitlines() == [
        "node  state   role               epoch  applied  sessions",
        "n1    paused  leader, it thinks  1      ?",
        "n2    up      leader             2      index 9  0x1",
        "n3    down    follower           2      ?",
        "partition: [n1] | [n2 n3]",
    ]


def test_reason_for_silence_is_what_was_done_to_the_node() -> None:
    assert silence("n3", view(up=("n1",)), "") == "n3 is down: `start n3`"
    assert silence("n3", view(paused=("n3",)), "x") == "n3 is paused: `resume n3`"
    assert "[n3] | [n1 n2]" in silence("n3", view(), "[n3] | [n1 n2]")
    assert silence("n1", view(up=("n1",)), "") == "no majority is up"
    assert silence("n1", view(), "") == ""
