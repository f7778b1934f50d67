"""What a live run tells of its nodes: ready, dead, in the way of one another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.clock import MS
from harness.error import UserError, WorldError
from harness.fault import Kill, Pause, Resume, Start, Wipe
from harness.live.driver import LiveDriver
from harness.testing.story import Act, Do, Look, Rest, tell

pytestmark = pytest.mark.live

CRASHING = """
from harness.testing.echo import Echo, EchoNode

class Node(EchoNode):
    def start(self, stored, now):
        raise RuntimeError("no luck today")

class System(Echo):
    def node(self, me, rng):
        return Node() if me == "n2" else EchoNode()
"""

# What a node's process has imported, and its children cannot see: asked of the modules it starts
# from and of every bundled system.
IMPORTED = """
import sys
import harness.live.node, harness.live.proxy
from harness.build import system
from harness.driver import SystemSpec
from systems import REGISTRY
for name in REGISTRY:
    system(SystemSpec(name, 3))
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def nothing() -> Any:
    yield Rest(0)


def node_pid(name: str, folder: Path) -> int:
    """The process of a node, by its working files."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            log = os.readlink(entry / "fd" / "2")
        except OSError:
            continue
        if b"harness.live.node" in words and log == str(folder / name / "node.log"):
            return int(entry.name)
    raise AssertionError(f"no process of {name}")


def test_cluster_is_ready_in_3_s_with_nodes_under_60_mb(tmp_path: Path) -> None:
    figures = tell(LiveDriver(), nothing, folder=tmp_path).ending.figures
    assert figures["ready_s"] < 3
    assert 1 < figures["node_peak_mb"] < 60


def test_node_process_imports_no_heavy_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"numpy", "matplotlib", "networkx", "numba", "paramiko", "jinja2"}
    assert not heavy & set(done.stdout.split())


def test_node_that_ends_at_start_is_named_with_the_last_lines_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crashing_system.py").write_text(CRASHING)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WorldError) as error:
        tell(LiveDriver(), nothing, system="crashing_system:System", folder=tmp_path / "run")
    text = str(error.value)
    assert text.startswith("node n2 ended by itself (exit code 1); last lines of ")
    assert str(tmp_path / "run" / "n2" / "node.log") in text
    assert "RuntimeError: no luck today" in text


@pytest.mark.parametrize(
    ("place", "who"),
    [
        (0, "the proxy asked for it for the link clients -> n1"),
        (8, "the proxy asked for it for the link n2 -> n3"),
        (11, "node n2 asked for it"),  # nine links, two ports of n1, then those of n2
    ],
)
def test_port_in_use_is_named_with_who_asked_for_it(
    place: int, who: str, ports: list[int], tmp_path: Path
) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", ports[place]))
        one.listen()
        with pytest.raises(WorldError) as error:
            tell(LiveDriver(), nothing, folder=tmp_path, options={"base_port": ports[0]})
    assert str(error.value) == f"port {ports[place]} is in use: {who}"


@pytest.mark.parametrize("word", ["7000", 70_000, -1, True, 65_522])
def test_base_port_that_is_none_is_refused(word: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"options.base_port: expected a port from 1 to 65521"):
        tell(LiveDriver(), nothing, folder=tmp_path, options={"base_port": word})


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_node_that_ends_by_itself_is_unhealthy_and_the_run_goes_on(tmp_path: Path) -> None:
    seen = []

    def story() -> Any:
        yield Do("put", 7, node="n2")
        os.kill(node_pid("n2", tmp_path), signal.SIGSEGV)
        yield Rest(200 * MS)
        seen.append((yield Look()).up)
        seen.append((yield Do("echo", 1, node="n1")).type)
        yield Act((Start("n2"),))
        seen.append((yield Do("list", node="n2")).value)

    told = tell(LiveDriver(), story, folder=tmp_path)
    assert seen == [{"n1", "n3"}, "ok", [7]]
    assert len(told.ending.unhealthy) == 1
    assert told.ending.unhealthy[0].startswith("node n2 ended by itself (signal 11); last lines")


def test_torn_record_is_dropped_when_the_node_starts_again(tmp_path: Path) -> None:
    seen = []

    def story() -> Any:
        yield Do("put", "kept", node="n1")
        yield Act((Kill("n1"),))
        with (tmp_path / "n1" / "wal").open("ab") as wal:
            wal.write(b"\x00\x00\x00\x20\x12\x34\x56\x78half a rec")
        yield Act((Start("n1"),))
        yield Do("put", "after", node="n1")
        yield Act((Kill("n1"), Start("n1")))
        seen.append((yield Do("list", node="n1")).value)

    tell(LiveDriver(), story, folder=tmp_path)
    assert seen == [["kept", "after"]]
    assert "dropped a torn record of 18 bytes" in (tmp_path / "n1" / "node.log").read_text()


def test_messages_to_a_paused_node_beyond_what_buffers_hold_are_dropped_and_counted(
    tmp_path: Path,
) -> None:
    seen = []

    def story() -> Any:
        yield Act((Pause("n1"),))
        for _ in range(10):
            yield [Do("echo", "x" * 1_000_000, node="n1") for _ in range(4)]
        yield Act((Resume("n1"),))
        yield Rest(200 * MS)
        seen.append((yield Do("echo", 1, node="n1")).type)

    told = tell(LiveDriver(), story, folder=tmp_path, system_options={"timeout": "20ms"})
    assert seen == ["ok"]
    assert told.ending.figures["frames_overflowed"] > 0


def test_node_whose_file_is_damaged_does_not_start_and_says_where(tmp_path: Path) -> None:
    wal = tmp_path / "n2" / "wal"

    def story() -> Any:
        for value in (1, 2, 3):
            yield Do("put", value, "n2")
        yield Act((Kill("n2"),))
        data = bytearray(wal.read_bytes())
        data[9] ^= 1
        wal.write_bytes(data)
        (outcome,) = yield Act((Start("n2"),))
        wanted = f"node n2 cannot start: {wal}: the record at byte 0 is damaged, and others follow"
        assert not outcome.done and outcome.why.startswith(wanted)
        assert "n2" not in (yield Look()).up
        (outcome,) = yield Act((Wipe("n2"),))
        assert outcome.done and outcome.proof == {"records": 0}
        (outcome,) = yield Act((Start("n2"),))
        assert outcome.done

    ending = tell(LiveDriver(), story, folder=tmp_path).ending
    assert any("the record at byte 0 is damaged" in said for said in ending.unhealthy)
    assert "damaged" in (tmp_path / "n2" / "node.log").read_text()


def test_node_with_a_torn_record_starts_with_those_before_and_notes_it(tmp_path: Path) -> None:
    wal = tmp_path / "n2" / "wal"

    def story() -> Any:
        for value in (1, 2, 3):
            yield Do("put", value, "n2")
        yield Act((Kill("n2"),))
        wal.write_bytes(wal.read_bytes()[:-2])
        yield Act((Start("n2"),))
        assert (yield Do("list", node="n2")).value == [1, 2]

    tell(LiveDriver(), story, folder=tmp_path)
    assert "dropped a torn record of " in (tmp_path / "n2" / "node.log").read_text()
