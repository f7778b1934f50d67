"""Monitors: sets, queues, stacks and priority queues into which no value is put twice, decided
without a search, in O(n log n).

`life.py` has what queues, stacks and priority queues share, `queue.py`, `stack.py` and `priority.py`
each say when lives contradict one another, with the proof; `sets.py` is of sets.
"""
