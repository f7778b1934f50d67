"""The ZooKeeper-like service in the shell: its commands, its answers, and clients that stay."""

from __future__ import annotations

from typing import Any

import pytest

from harness import build
from harness.clock import SECOND
from harness.driver import SystemSpec
from harness.error import UserError
from harness.fault import Cut, Mend
from harness.op import Op, fail, info, invoke, ok, seen
from harness.shell.dialect import CONNECT, GIVEN_UP, Request, Touch
from harness.sim.driver import SimDriver
from harness.testing.story import Act, Do, Rest, tell
from systems.zookeeper.shell import Shell

SHELL = Shell()
STAT = {
    "czxid": 1 << 32 | 5,
    "mzxid": 1 << 32 | 7,
    "pzxid": 1 << 32 | 5,
    "version": 1,
    "cversion": 0,
    "aversion": 0,
    "ephemeralOwner": None,
    "dataLength": 3,
    "numChildren": 0,
    "ctime": 0,
    "mtime": 0,
}


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("ls /", Request("getChildren", "/")),
        ("get /a", Request("getData", "/a")),
        ("set /a x", Request("setData", ["/a", "x", -1])),
        ("set /a x 3", Request("setData", ["/a", "x", 3])),
        ("create /a", Request("create", ["/a", None, ""])),
        ("create -s -e /a x", Request("create", ["/a", "x", "es"])),
        ("create -es /a", Request("create", ["/a", None, "es"])),
        ("delete /a", Request("delete", ["/a", -1])),
        ("delete /a 2", Request("delete", ["/a", 2])),
        ("stat /a", Request("exists", "/a")),
        ("exists /a", Request("exists", "/a")),
        ("watch /a", Request("exists", ["/a", True])),
        ("watch /a data", Request("getData", ["/a", True])),
        ("watch / children", Request("getChildren", ["/", True])),
        ("sync", Request("sync")),
        ("close", Request("close")),
        (
            "multi create /a 1; set /b 2 ; check /c 3; delete /d",
            Request(
                "multi",
                [
                    ["create", "/a", "1", ""],
                    ["setData", "/b", "2", -1],
                    ["check", "/c", 3],
                    ["delete", "/d", -1],
                ],
            ),
        ),
    ],
)
def test_command_is_an_operation(words: str, request_: Request) -> None:
    assert SHELL.parse(words.split()) == request_


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("get", "get: expected get PATH"),
        ("get a", "get: 'a' is no path: did you mean '/a'?"),
        ("ls //a/", "ls: '//a/' is no path: did you mean '/a'?"),
        (
            "set /a b c d",
            "set: expected set PATH DATA [VERSION] (quote data with spaces)",
        ),
        ("set /a x one", "set: expected a whole number as version, got 'one'"),
        ("watch /a child", "watch: unknown kind 'child': did you mean 'children'?"),
        ("sync now", "sync: nothing comes after it, got 'now'"),
        ("create -x /a", "create: unknown option -x; -e or -s"),
        ("delete /", "delete: the root cannot be deleted"),
        ("multi create /a; delete /", "delete: the root cannot be deleted"),
        ("multi", "multi: of what? such as: multi create /a 1; set /b 2"),
        ("multi get /a", "multi: unknown write 'get': did you mean 'set'?"),
        ("multi check", "check: expected check PATH [VERSION]"),
    ],
)
def test_mistake_is_one_line(words: str, error: str) -> None:
    with pytest.raises(UserError) as caught:
        SHELL.parse(words.split())
    assert str(caught.value) == error


def answer(f: str, value: Any, result: Any) -> str:
    asked = invoke(f, value)
    return SHELL.answer(asked, ok(asked, result, node="n2"))


def test_answers_are_words() -> None:
    assert answer("getData", "/a", ["x y", STAT]) == "x y   (version 1, written at zxid 1.7)"
    assert answer("getData", "/a", [None, STAT]).startswith("(no data)   ")
    assert answer("getData", "/a", ["", STAT]).startswith("''   ")
    assert answer("getChildren", "/", [["a", "b"], STAT]) == "a b"
    assert answer("getChildren", "/", [[], STAT]) == "(no children)"
    assert answer("exists", "/a", None) == "there is no such znode"
    assert answer("create", ["/a", None, ""], ["/a", STAT]) == "created /a"
    assert answer("create", ["/a", None, "e"], ["/a", {**STAT, "ephemeralOwner": "0x1"}]) == (
        "created /a, which goes with session 0x1"
    )
    assert answer("exists", ["/a", True], None) == (
        "watching /a, which is not there: one event, at n2"
    )


def test_refusals_and_silence_are_words() -> None:
    asked = invoke("setData", ["/a", "x", 0])
    assert SHELL.answer(asked, fail(asked, "bad-version")) == "the version is not 0 (bad-version)"
    assert "nobody knows" in SHELL.answer(asked, info(asked, "timeout"))
    assert SHELL.answer(asked, fail(asked, "timeout")) == "no answer in time"


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ("set /nope x", "no-node", "there is no /nope (no-node)"),
        ("get /nope", "no-node", "there is no /nope (no-node)"),
        ("watch /nope data", "no-node", "there is no /nope (no-node)"),
        ("create /a/b/c d", "no-node", "there is no parent /a/b (no-node)"),
        ("delete /config 7", "bad-version", "the version is not 7 (bad-version)"),
        ("set /config x 7", "bad-version", "the version is not 7 (bad-version)"),
        ("create /a", "node-exists", "there is one already (node-exists)"),
        (
            "multi create /a; set /q x; check /{b} 3",
            ["bad-version", "operation 2"],
            "the version is not 3 (bad-version) (write 3 of the multi; none was done)",
        ),
        (
            "multi create /a; create /q/r",
            ["no-node", "operation 1"],
            "there is no parent /q (no-node) (write 2 of the multi; none was done)",
        ),
    ],
)
def test_refusal_names_what_was_asked_for(words: str, error: Any, said: str) -> None:
    request = SHELL.parse(words.split())
    asked = invoke(request.f, request.value)
    assert SHELL.answer(asked, fail(asked, error)) == said


def test_session_that_only_its_client_has_left_is_not_called_closed() -> None:
    shell = Shell()
    shell.prepare(build.system(SystemSpec("zookeeper", 3, {"session_timeout": "3s"})))
    left = seen("session", GIVEN_UP, session="0x1", node="n1", position=1)
    assert shell.event(left) == (
        "session 0x1 was given up by your client; the servers keep it, and its ephemeral znodes, "
        "until its timeout (3 s)"
    )
    closed = seen("session", "closed", session="0x1", node="n1", position=1)
    assert shell.event(closed) == "session 0x1 is closed"


def test_event_says_what_changed_and_who_told() -> None:
    line = seen("watch", ["changed", "/a"], session="0x1", node="n3", position=1 << 32 | 9)
    assert SHELL.event(line) == "watch: the data of /a was changed (zxid 1.9, told by n3)"
    moved = seen("session", "moved", session="0x1", node="n2", position=1)
    assert SHELL.event(moved) == "session 0x1 moved to n2"


def touched(f: str, value: Any, result: Any = None) -> Touch:
    asked = invoke(f, value)
    return SHELL.touched(asked, ok(asked, result))


def test_reads_and_writes_meet_in_the_same_words() -> None:
    assert touched("getData", "/a/b").reads == touched("setData", ["/a/b", "x", -1]).writes
    made = touched("create", ["/a/b-", None, "s"], ["/a/b-0000000001", STAT]).writes
    assert made == ("/a/b-0000000001", *touched("getChildren", "/a").reads)
    assert touched("exists", ["/a", True]).reads == ("/a",)
    several = [["check", "/c", 1], ["create", "/a", 1, ""], ["setData", "/b", 1, -1]]
    assert touched("multi", several, [None, ["/a", STAT], STAT]).writes == (
        "/a",
        *touched("getChildren", "/").reads,
        "/b",
    )
    refused = invoke("setData", ["/a", "x", 0])
    assert SHELL.touched(refused, fail(refused, "bad-version")) == Touch()


def story_in_simulator(story: Any) -> list[Op]:
    """Three clients that two threads share each, at n1, n2 and n3."""
    spec = SystemSpec("zookeeper", 3, SHELL.options)
    system = SHELL.prepare(build.system(spec))
    return tell(SimDriver(), story, system=system, concurrency=6, pipeline=2).ops


CUT = Cut("cut", (("n1", "n2"), ("n2", "n1"), ("n1", "n3"), ("n3", "n1")))


def test_client_stays_at_a_node_that_is_cut_off_and_reads_the_old_value_until_it_syncs() -> None:
    said: list[Any] = []

    def story() -> Any:
        yield Rest(2 * SECOND)
        yield Do("create", ["/x", "old"])
        yield Act((CUT,))
        new = ["/x", "new", -1]
        yield [Do("exists", "/"), Do("exists", "/"), Do("setData", new)]
        said.append((yield Do("getData", "/x")))
        said.append((yield Do("sync")))
        yield Act((Mend("cut"),))
        said.append((yield Do("sync")))
        said.append((yield Do("getData", "/x")))

    ops = story_in_simulator(story)
    assert [op for op in ops if op.f == "setData"][-1].type == "ok"
    stale, silent, synced, fresh = said
    assert (stale.node, stale.value[0]) == ("n1", "old")
    assert (silent.type, silent.error) == ("fail", "timeout")
    assert (synced.type, synced.node) == ("ok", "n1")
    assert (fresh.node, fresh.value[0]) == ("n1", "new")
    assert fresh.session == stale.session


def test_client_goes_where_it_is_told_with_its_session() -> None:
    said: list[Any] = []

    def story() -> Any:
        yield Rest(2 * SECOND)
        said.append((yield Do("create", ["/x", "old"])))
        said.append((yield Do(CONNECT, "n3")))
        said.append((yield Do("getData", "/x")))

    story_in_simulator(story)
    made, gone, found = said
    assert [op.node for op in said] == ["n1", "n3", "n3"]
    assert made.session == gone.session == found.session
    assert found.value[0] == "old"


def test_client_gives_up_the_session_of_a_write_in_doubt_and_closes_the_one_it_is_told_to() -> None:
    def story() -> Any:
        yield Rest(2 * SECOND)
        yield Do("create", ["/x", None, "e"])
        yield Act((CUT,))
        yield Do("setData", ["/x", "new", -1])
        yield Act((Mend("cut"),))
        yield Do("close")

    ops = story_in_simulator(story)
    assert [op.value for op in ops if op.f == "session"] == ["opened", GIVEN_UP, "opened", "closed"]


def test_node_that_is_behind_does_not_get_the_session_back() -> None:
    said: list[Any] = []

    def story() -> Any:
        yield Rest(2 * SECOND)
        yield Do(CONNECT, "n2")
        yield Act((CUT,))
        yield Do("create", ["/x", "new"])
        said.append((yield Do(CONNECT, "n1")))
        said.append((yield Do("getData", "/x")))

    story_in_simulator(story)
    gone, found = said
    assert gone.node != "n1"
    assert found.value[0] == "new"


def test_planted_bug_stays_in_clients_for_people() -> None:
    for name in ("read-passes-own-write", "session-moves-back", "sync-local"):
        system: Any = build.system(SystemSpec("zookeeper", 3, {"bug": name}))
        plain = system.client_type
        prepared: Any = SHELL.prepare(system)
        assert issubclass(prepared.client_type, plain)
        assert issubclass(prepared.client_type.link_type, plain.link_type)
