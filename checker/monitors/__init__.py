"""Monitors: sets, queues, stacks and priority queues into which no value is put twice, decided
without a search, in O(n log n).

`life.py` has what queues, stacks and priority queues share, `queue.py`, `stack.py` and
`priority.py` each say when lives contradict one another, with the proof; `sets.py` is of sets.
"""

from __future__ import annotations

from checker.models.queue import FifoQueue, PriorityQueue, Stack
from checker.monitors import priority, queue, stack
from checker.monitors.judge import Monitor, Rules

__all__ = ["PRIORITY_QUEUE", "QUEUE", "STACK"]

QUEUE = Monitor(FifoQueue, Rules(queue.wrong, queue.many))
STACK = Monitor(Stack, Rules(stack.wrong, stack.many))
PRIORITY_QUEUE = Monitor(PriorityQueue, Rules(priority.wrong, priority.many, priority.groups))
