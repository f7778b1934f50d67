"""Generators: what to do next, as immutable values put together from small ones.

    phases(
        time_limit(20 * SECOND, any(clients(stagger(10 * MS, mix([read, write], rng), rng)),
                                    nemesis(cycle([sleep(5 * SECOND), start, ...])))),
        nemesis(stop),
        sleep(5 * SECOND),
        clients(final_reads),
    )

The words are Jepsen's. What counts as a generator: an Op (once), a function of the context (called
for each op), an iterable (one element after another), None (the end).
"""

from harness.generator.change import (
    check_op,
    cycle,
    f_map,
    limit,
    log,
    once,
    process_limit,
    repeat,
    retry,
    trace,
    until_ok,
    validate,
)
from harness.generator.change import filter_ops as filter
from harness.generator.change import map_ops as map
from harness.generator.contract import (
    FOREVER,
    NOTHING,
    PENDING,
    Context,
    Generator,
    Pending,
    Source,
    Step,
    Stream,
    fill,
    lift,
    sequence,
)
from harness.generator.keys import concurrent, sequential
from harness.generator.threads import any_of as any
from harness.generator.threads import (
    clients,
    each_process,
    each_thread,
    flip_flop,
    mix,
    nemesis,
    on_threads,
    reserve,
)
from harness.generator.timing import (
    cycle_times,
    delay,
    sleep,
    stagger,
    stoppable,
    synchronize,
    time_limit,
    until,
)


def concat(*sources: Source) -> Generator:
    """Each source after the one before has no more ops (which may still be open)."""
    return sequence(sources)


def phases(*sources: Source) -> Generator:
    """Each source after all ops of the one before have completed."""
    return sequence([synchronize(source) for source in sources])


def then(first: Source, second: Source) -> Generator:
    """`first`, and after all its ops have completed `second`."""
    return sequence([first, synchronize(second)])


__all__ = [
    "FOREVER",
    "NOTHING",
    "PENDING",
    "Context",
    "Generator",
    "Pending",
    "Source",
    "Step",
    "Stream",
    "any",
    "check_op",
    "clients",
    "concat",
    "concurrent",
    "cycle",
    "cycle_times",
    "delay",
    "each_process",
    "each_thread",
    "f_map",
    "fill",
    "filter",
    "flip_flop",
    "lift",
    "limit",
    "log",
    "map",
    "mix",
    "nemesis",
    "on_threads",
    "once",
    "phases",
    "process_limit",
    "repeat",
    "reserve",
    "retry",
    "sequence",
    "sequential",
    "sleep",
    "stagger",
    "stoppable",
    "synchronize",
    "then",
    "time_limit",
    "trace",
    "until",
    "until_ok",
    "validate",
]
