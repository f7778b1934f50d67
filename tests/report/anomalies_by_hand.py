"""Histories by hand, and the anomalies that pictures are drawn of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.clock import MS, US
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, NEMESIS, OK, Op
from harness.result import Anomaly, Edge


class Builder:
    """Collects operations with their times in any order; `history()` sorts and numbers them."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, int, Op]] = []
        self.count = 0

    def _line(self, time: int, op: Op) -> None:
        self.lines.append((time, len(self.lines), op))

    def op(
        self,
        process: int,
        f: str,
        value: Any,
        call: int,
        end: int | None,
        type_: str = OK,
        result: Any = ...,
        **fields: Any,
    ) -> int:
        """One operation from `call` to `end` ns; returns its number, for `index`."""
        key = {"key": fields.pop("key")} if "key" in fields else {}
        node = {"node": fields["node"]} if "node" in fields else {}
        self._line(call, Op(-1, call, process, INVOKE, f, value, **key, **node))
        mine = len(self.lines) - 1
        if end is not None:
            done = value if result is ... else result
            self._line(end, Op(-1, end, process, type_, f, done, **key, **fields))
        return mine

    def fault(self, f: str, time: int, value: Any = None, *, took: int = MS) -> None:
        """A nemesis op: its invocation, and its completion with a report."""
        self._line(time, Op(-1, time, NEMESIS, INFO, f, None))
        self._line(time + took, Op(-1, time + took, NEMESIS, INFO, f, value))

    def history(self) -> History:
        """The history; afterwards `index(n)` knows the place of each operation."""
        ordered = sorted(self.lines, key=lambda line: (line[0], line[1]))
        self.place = {number: i for i, (_, number, _) in enumerate(ordered)}
        ops = [
            Op(
                i, o.time, o.process, o.type, o.f, o.value, o.error, o.key, o.node, o.session,
                o.seq, o.position, o.observed,
            )
            for i, (_, _, o) in enumerate(ordered)
        ]  # fmt: skip
        return History(ops)

    def index(self, number: int) -> int:
        """The index in the history of an operation that `op` returned."""
        return self.place[number]

    def anomaly(
        self,
        history: History,
        core: Sequence[int],
        at: int,
        edges: Sequence[tuple[int, int, str, str]],
        sentence: str,
        key: Any = None,
    ) -> Anomaly:
        """An anomaly over all client operations, by the numbers that `op` returned."""
        indices = tuple(self.index(c) for c in core)
        times = [history.ops[i].time for i in indices]
        return Anomaly(
            sentence=sentence,
            at=self.index(at),
            core=indices,
            ops=tuple(call.invoke.index for call in history.calls),
            window=(min(times) - 20 * MS, history.end),
            edges=tuple(Edge(self.index(s), self.index(t), k, w) for s, t, k, w in edges),
            key=key,
        )


def stale_read(*, key: Any = 5, crowd: int = 8) -> tuple[History, Anomaly]:
    """A follower cut off by a partition answers a read with a value replaced 312 ms before."""
    b = Builder()
    ms = MS
    b.fault(
        "start-partition",
        12_000 * ms,
        {
            "fault": "partition",
            "state": "installed",
            "targets": ["n1"],
            "shape": "[n1] | [n2 n3]",
        },
    )
    old = b.op(1, "write", 4, 11_900 * ms, 11_912 * ms, key=key, node="n2")
    new = b.op(2, "write", 7, 12_010 * ms, 12_040 * ms, key=key, node="n3")
    read = b.op(3, "read", None, 12_352 * ms, 12_353 * ms, result=4, key=key, node="n1")
    for i in range(crowd):
        at = (12_060 + 30 * i) * ms
        b.op(10 + i % 3, "read", None, at, at + 9 * ms, result=7, key=key, node="n2")
    b.op(4, "write", 9, 12_100 * ms, 12_400 * ms, INFO, error="timeout", key=key, node="n1")
    b.op(5, "cas", [7, 8], 12_120 * ms, 12_180 * ms, FAIL, error="busy", key=key, node="n3")
    b.fault(
        "stop-partition",
        12_900 * ms,
        {"fault": "partition", "state": "healed", "proof": {"dropped": 214}},
    )
    h = b.history()
    anomaly = b.anomaly(
        h,
        [old, new, read],
        read,
        [
            (old, new, "ww", "write 4 returned before write 7 was called"),
            (old, read, "wr", ""),
            (new, read, "rt", "returned 312 ms before the call"),
            (read, new, "rw", ""),
        ],
        "read by process 3 from n1 returned 4 at 12.353 s, 312 ms after write 7 had been "
        "acknowledged; 352 ms after partition [n1] | [n2 n3]",
        key,
    )
    return h, anomaly


def six_cycle() -> tuple[History, Anomaly]:
    """Two writers, each of whose values is read before and after the other's."""
    b = Builder()
    ms = MS
    w1 = b.op(0, "write", 101, 500 * ms, 640 * ms, node="n1")
    w2 = b.op(1, "write", 102, 510 * ms, 660 * ms, node="n2")
    r1 = b.op(2, "read", None, 520 * ms, 540 * ms, result=101, node="n3")
    r2 = b.op(2, "read", None, 545 * ms, 560 * ms, result=102, node="n3")
    r3 = b.op(3, "read", None, 570 * ms, 580 * ms, result=101, node="n1")
    r4 = b.op(4, "read", None, 600 * ms, 612 * ms, result=102, node="n2")
    b.fault("kill", 400 * ms, {"fault": "kill", "state": "installed", "targets": ["n2"]})
    b.fault("start", 590 * ms, {"fault": "kill", "state": "healed", "targets": ["n2"]})
    h = b.history()
    edges = [
        (w1, r1, "wr", ""),
        (r1, r2, "rt", "returned 5 ms before the call"),
        (w2, r2, "wr", ""),
        (r2, r3, "rt", "returned 10 ms before the call"),
        (w1, r3, "wr", ""),
        (r3, r4, "rt", ""),
        (w2, r4, "wr", ""),
        (r2, w1, "ww", "101 is read after 102, so write 102 comes first"),
        (w1, w2, "ww", "101 is read before 102 (540 ms)"),
        (r3, w2, "rw", ""),
    ]
    core = [w1, w2, r1, r2, r3, r4]
    said = "reads return 101, 102, 101, 102 one after the other, but each was written only once"
    return h, b.anomaly(h, core, r3, edges, said)


def micro() -> tuple[History, Anomaly]:
    """Operations of microseconds, seconds apart, under four overlapping faults."""
    b = Builder()
    s = 1000 * MS
    old = b.op(0, "write", "a$b$c", 1 * s, 1 * s + 40 * US, node="n1", key="k/…ü 1")
    new = b.op(1, "write", "new-value-with-a-long-name-0123456789", 4 * s, 4 * s + 55 * US)
    read = b.op(2, "read", None, 9 * s, 9 * s + 3 * US, result="a$b$c", node="n3")
    for i in range(30):
        b.op(2, "read", None, 5 * s + i * 7 * US, 5 * s + i * 7 * US + 5 * US, result=None)
    b.op(7, "cas", ["a", "b"], 3 * s, 3 * s + 8 * US, FAIL, error="precondition-failed", observed=1)
    shapes = {
        "partition": ("start-partition", 2, 8, "[n1] | [n2 n3]"),
        "pause": ("pause", 3, 6, "n2"),
        "packet": ("start-packet", 3, 9, "n3: delay 50 ms ± 10 ms, loss 5 %"),
        "kill": ("kill", 5, 7, "n1"),
    }
    ends = {"partition": "stop-partition", "pause": "resume", "packet": "stop-packet"}
    for name, (f, start, end, shape) in shapes.items():
        b.fault(f, start * s, {"fault": name, "state": "installed", "shape": shape})
        if name in ends:
            b.fault(ends[name], end * s, {"fault": name, "state": "healed"})
    h = b.history()
    edges = [(old, read, "wr", ""), (new, read, "rt", ""), (read, new, "rw", ""),
             (old, new, "ww", "")]  # fmt: skip
    said = "read by process 2 returned a$b$c 5 s after it was replaced; " * 4
    return h, b.anomaly(h, [old, new, read], read, edges, said, key="k/…ü 1")


def cas_chain() -> tuple[History, Anomaly]:
    """Two compare-and-sets took the same old value."""
    b = Builder()
    w = b.op(0, "write", 1, 10 * MS, 14 * MS, node="n1")
    c1 = b.op(1, "cas", (1, 2), 16 * MS, 22 * MS, node="n1")
    c2 = b.op(2, "cas", (1, 3), 18 * MS, 26 * MS, node="n2")
    r = b.op(3, "read", None, 30 * MS, 31 * MS, result=3, node="n2")
    u = b.op(4, "write", 5, 12 * MS, None)
    h = b.history()
    edges = [
        (w, c1, "wr", "took the old value 1"),
        (w, c2, "wr", "took the old value 1"),
        (c1, c2, "rw", ""),
        (c2, c1, "rw", ""),
        (c2, r, "wr", ""),
    ]
    said = "two compare-and-sets both replaced 1, which was written once"
    return h, b.anomaly(h, [w, c1, c2, r, u], c2, edges, said, key="x")


def crowd(lanes: int = 40) -> tuple[History, Anomaly]:
    """Many processes; no graph is known, only that one operation cannot be placed."""
    b = Builder()
    numbers = []
    for i in range(lanes):
        for j in range(5):
            at = (10 * j + (i * 7) % 10) * MS
            f, value = ("write", i * 10 + j) if i % 2 else ("read", None)
            result = value if f == "write" else i
            numbers.append(b.op(i, f, value, at, at + 8 * MS, result=result))
    h = b.history()
    return h, b.anomaly(h, numbers[100:102], numbers[101], [], "acquire by process 20: held twice")
