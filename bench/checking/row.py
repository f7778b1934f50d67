"""The rows of the table: which histories, what their verdicts are, and what is asked of each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from generated import ORDER, REFUSED, STALE, TWICE, Shape
from msgspec import Struct

from checking.porcupine import RECORDED, Figure, figure, generated, recorded
from harness.result import INVALID, VALID

MINUTE = 60_000.0  # ms that any row may take
SIZES = {1_000: "1k", 10_000: "10k", 100_000: "100k"}
TIMES_FASTER, WORTH_BEATING = 20, 20.0  # than Porcupine, where it took over so many ms


class Row(Struct, frozen=True):
    """One history, or several that count as one: from files that are there (`paths`), or made of a
    `shape`. `most` is how many ms its check may take, `most_read` with reading the file; None
    where nothing is asked. `is_alone`: in a process of its own, from the file to the verdict."""

    name: str
    model: str
    verdict: str
    paths: tuple[str, ...] = ()
    shape: Shape | None = None
    porcupine: Figure | None = None
    most: float | None = MINUTE
    most_read: float | None = None
    most_mb: int | None = 1024
    is_alone: bool = False
    is_quick: bool = True


def rows() -> Iterator[Row]:
    """All rows, in the order of the table."""
    yield from _etcd()
    yield from _others()
    figures = generated()
    for cas, values in product((False, True), (None, 5)):
        for clients, ops in product((5, 10, 20, 50), SIZES):
            yield from _ladder(figures, cas, values, clients, ops)
    for cas, values, ops, bad in product((False, True), (None, 5), SIZES, (None, STALE)):
        yield _row({}, Shape(ops, 200, cas, values, bad=bad), asked=False)
    yield from _million()


def _etcd() -> Iterator[Row]:
    """Each log; `main` adds them up."""
    for line in recorded():
        if line["file"].startswith("etcd/"):
            yield _recorded(line, 2.0)


def _others() -> Iterator[Row]:
    for line in recorded():
        if not line["file"].startswith("etcd/"):
            is_ten = line["file"].startswith("kv/c10")
            yield _recorded(line, float(line["porcupine_ms"]) if is_ten else MINUTE)


def _recorded(line: dict[str, str], most: float) -> Row:
    ms = line["porcupine_ms"]
    return Row(
        name=line["file"].rpartition(".")[0],
        model=line["model"],
        verdict=line["verdict"],
        paths=(str(RECORDED / line["file"]),),
        porcupine=None if ms == "-" else figure(f"{ms} ms"),
        most=most,
    )


def _ladder(
    figures: dict[tuple[str, int], Figure], cas: bool, values: int | None, clients: int, ops: int
) -> Iterator[Row]:
    """Every history of one mix, one number of clients and one of operations."""
    for observed in (False, True) if cas and values is None else (False,):
        for unknown in (0.0, 0.005):
            if unknown and (ops > 10_000 or (ops == 10_000 and clients > 10)):
                continue
            for bad, quiet in _windows(cas, unknown, observed):
                shape = Shape(ops, clients, cas, values, unknown, bad, quiet, observed)
                yield _row(figures, shape)


def _windows(cas: bool, unknown: float, observed: bool) -> Iterator[tuple[str | None, bool]]:
    """No bad window; one stale read while others go on, and where no answer is lost also while all
    is quiet; the other kinds while others go on."""
    yield None, False
    yield STALE, False
    if not unknown and not observed:
        yield STALE, True
        yield ORDER, False
        yield from ((kind, False) for kind in (REFUSED, TWICE) if cas)


def _row(figures: dict[tuple[str, int], Figure], shape: Shape, asked: bool = True) -> Row:
    """The row of a shape, with what is asked of it (nothing beyond deciding it where not
    `asked`)."""
    size = SIZES.get(shape.ops, str(shape.ops))
    lost = ", 0.5 % unknown" if shape.unknown else ""
    beside = None
    if shape.bad in (None, STALE):
        beside = figures.get((f"{size} {'bad' if shape.bad else 'ok'}{lost}", shape.clients))
    return Row(
        name=f"{mix(shape)}, {shape.clients} clients, {size} {window(shape)}{lost}",
        model="cas-register" if shape.cas else "register",
        verdict=INVALID if shape.bad else VALID,
        shape=shape,
        porcupine=beside,
        most=_most(shape, beside) if asked else None,
        most_mb=1024 if asked else None,
        is_quick=shape.bad in (None, STALE) and shape.ops < 100_000 and asked and not shape.unknown,
    )


def mix(shape: Shape) -> str:
    """What is done, and to which values."""
    values = "unique" if shape.values is None else f"0..{shape.values - 1}"
    saw = " observed" if shape.observed else ""
    return f"{'cas' if shape.cas else 'register'} {values}{saw}"


def window(shape: Shape) -> str:
    """Whether it is ok, or what is wrong."""
    return f"{shape.bad} {'quiet' if shape.quiet else 'busy'}" if shape.bad else "ok"


def _most(shape: Shape, beside: Figure | None) -> float:
    """ms that issue 5 gives a generated history."""
    most = [MINUTE]
    if beside and beside.ms and beside.ms > WORTH_BEATING:
        most.append(beside.ms / TIMES_FASTER)
    if shape.values is None and shape.ops == 100_000:
        most.append(200.0 if not shape.cas or shape.observed else 5_000.0)
    if shape.values and not shape.unknown:
        most.append(_FEW_VALUES.get((shape.cas, shape.clients, shape.ops), MINUTE))
    return min(most)


_FEW_VALUES = {
    (False, 50, 1_000): 10.0,
    (False, 50, 100_000): 1_000.0,
    (True, 20, 1_000): 10.0,
    (True, 20, 10_000): 60.0,
    (True, 50, 1_000): 500.0,
}


def _million() -> Iterator[Row]:
    """A million operations, of one register and of a thousand, from the file to the verdict."""
    for name, shape in (
        ("one register, unique", Shape(1_000_000, 10)),
        ("one register, unique, stale busy", Shape(1_000_000, 10, bad=STALE)),
        ("one register, cas unique observed", Shape(1_000_000, 10, cas=True, observed=True)),
        ("one register, 0..4", Shape(1_000_000, 10, values=5)),
        ("1,000 registers, unique", Shape(1_000_000, 50, keys=1000)),
        ("1,000 registers, cas 0..4", Shape(1_000_000, 50, cas=True, values=5, keys=1000)),
    ):
        yield Row(
            name=f"1,000,000 ops, {name}, from the file",
            model="cas-register" if shape.cas else "register",
            verdict=INVALID if shape.bad else VALID,
            shape=shape,
            most=None,
            most_read=5_000.0,
            most_mb=1536,
            is_alone=True,
            is_quick=False,
        )
