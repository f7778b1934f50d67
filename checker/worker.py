"""A process that decides some keys of a history for another one: see checker/parallel.py.

It reads one Job from its standard input, and writes one Message a decided key to its standard
output; the last one says how far the others came. It ends by itself at the end of its time, or when
nobody reads it any more.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from msgspec import Struct

from checker.budget import budget_until
from checker.decide import Found
from checker.encode import Task
from checker.rounds import Reached, Rounds, deciding
from harness.clock import Nanos


class Job(Struct, frozen=True):
    """What a worker is to do: the tasks of each key by its place, and the model that judges them;
    `end` is when the time is up (ns of this machine's clock), of which there were `limit` ns;
    `memory` is in bytes."""

    model: Any
    keys: dict[int, Sequence[Task]]
    end: Nanos
    limit: Nanos
    memory: int


class Message(Struct, frozen=True):
    """What a worker found: keys that were decided; in the last message how far the others came, and
    why they are not decided. `failed` says why nothing could be done at all."""

    found: dict[int, Found]
    is_last: bool = False
    reached: dict[int, Reached] = {}
    stopped: str | None = None
    failed: str | None = None


def main() -> None:
    """Do the job that the standard input holds."""
    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # a model of the user's that prints is not to break the messages
    try:
        job = pickle.load(sys.stdin.buffer)
        send(out, work(job, out))
    except BrokenPipeError:
        return  # nobody waits for it any more
    except MemoryError:
        send(out, Message({}, True, stopped="the machine has no more memory"))
    except Exception as error:  # such as a model that only the other process has
        send(out, Message({}, True, failed=f"{type(error).__name__}: {error}"))


def work(job: Job, out: BinaryIO) -> Message:
    """Decide keys and say so one by one; the last message."""

    def told(place: int, found: Found) -> None:
        send(out, Message({place: found}))

    rounds = Rounds(deciding(job.model, job.keys), job.memory, told)
    rounds.run(budget_until(job.end, job.limit, job.memory))
    return Message({}, True, rounds.reached, rounds.stopped)


def send(out: BinaryIO, message: Message) -> None:
    """Write a message with its length in front."""
    data = pickle.dumps(message)
    out.write(len(data).to_bytes(8, "big") + data)
    out.flush()
