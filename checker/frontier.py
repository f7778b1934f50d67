"""The just-in-time search (Lowe 2017): finds a contradiction fast, and its shortest prefix.

It goes from return to return and keeps the *frontier*: every configuration that the history so far
allows. At the return of x it searches, from each configuration that lacks x, over the open tasks
until x is linearized. An empty frontier means that the history up to that return is not
linearizable. Proof that stopping at x loses nothing: in any linearization, cut the order just after
x; the part before the cut is what the search finds.

Five rules keep the frontier small. A *blind* write is one that is legal in every state and leads
always to the same one; a write is *visible* if it is linearized explicitly.

R1 Eager observers. A task that never changes the state where it is legal is linearized as soon as
   the state allows it. In any completion in which it comes later, move it forward to now: it is
   legal, and the others see the same states.
R2 Same-task symmetry. Of the open, unlinearized tasks of one class only the one that returns first
   is a candidate (equal times: by the order of events). In any completion that takes another of
   them first, swap the two: the one that returns first has a place no later than its return, where
   the other is still open. If the first is absorbed there (R3), so is the other after the swap,
   since it is open when the first is linearized.
R3 Absorption. When a blind write is linearized, every other open blind write may later be taken to
   have happened just before it, seen by nobody: then it was open, and its state is overwritten at
   once. It becomes *settled*: at its return the state may stay as it is. It may also still be made
   visible, so both configurations are kept. A blind write that is not settled must be visible.
   Unknown writes are settled always: they may never have happened.
R4 Usefulness. Within a search towards x, a blind write other than x is taken only if it newly
   satisfies an open observer or enables an open update. Take a shortest completion whose next task
   is another blind write u. After u nothing that is not blind is legal and new, so the next task is
   a blind write again (u is not x, so the search goes on). Leave u out: the next one absorbs it
   (R3). That completion is shorter.
R5 Dominance. For two configurations with the same state and the same finished updates, the first
   makes the second superfluous if it has satisfied all observers and settled all writes that the
   second has, and has used up only writes and unknown updates that the second has used up too. Any
   completion of the second is one of the first: skip the observers that are satisfied; a write used
   only by the second is settled in the first, so let its return pass. It is no longer than the
   second's, so pruning inside a search, where R4 argues by shortest completions, is sound also.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from heapq import heapify, heappop, heappush

from checker.model import BLIND, OBSERVER
from checker.scan import Scan, View
from checker.search import SLICE, VALID_DECISION, Decision, Meter, Progress, Search
from checker.table import ILLEGAL

STEPS = 512  # between two times that a search can be stopped

# A configuration is (state, finished updates) -> (good, used): `good` has the bits of satisfied
# observers and of settled writes (more is better), `used` those of visible writes and unknown
# updates (fewer is better).
Fronts = dict[tuple[int, int], list[tuple[int, int]]]


def frontier(scan: Scan, meter: Meter, progress: Progress | None = None) -> Search:
    """Search for a contradiction, from return to return."""
    progress = progress or Progress()
    front: Fronts = {(0, 0): [(0, 0)]}
    held = 0
    try:
        for k in range(len(scan.returns)):
            view = scan.view(k)
            if view.fresh:
                front = _observe(scan, front, view.fresh)
            kept, todo = _split(view, scan.table.kinds[view.c], front)
            if todo:
                yield from _towards(scan, k, todo, kept, meter, progress)
            front = _retire(kept, view.bit)
            meter.held -= held
            held = sum(map(len, front.values()))
            meter.held += held
            if not front:
                return Decision(k)
            progress.passed(scan, k + 1)
            if k % STEPS == STEPS - 1:
                yield
    finally:
        meter.held -= held
    return VALID_DECISION


def _observe(scan: Scan, front: Fronts, fresh: Iterable[tuple[int, int]]) -> Fronts:
    """The frontier after observers have been called: those that the state allows are satisfied."""
    step = scan.table.next
    found: Fronts = {}
    for (state, done), pairs in front.items():
        now = 0
        for bit, c in fresh:
            if step(state, c) == state:
                now |= bit
        found[state, done] = [(good | now, used) for good, used in pairs] if now else pairs
    return found


def _split(view: View, kind: int, front: Fronts) -> tuple[Fronts, list[tuple[int, int, int, int]]]:
    """The configurations that may let the task return as they are, and those to search from; one
    in which a settled write is not visible is both."""
    bit = view.bit
    kept: Fronts = {}
    todo = []
    for name, pairs in front.items():
        for good, used in pairs:
            mask = good if kind == OBSERVER else used if kind == BLIND else name[1]
            if mask & bit:
                _insert(kept, name, good, used)
                continue
            if good & bit:
                _insert(kept, name, good, used)
            todo.append((*name, good, used))
    return kept, todo


def _retire(front: Fronts, bit: int) -> Fronts:
    """The frontier after the task has returned: its bit is free for another."""
    keep = ~bit
    found: Fronts = {}
    for (state, done), pairs in front.items():
        name = (state, done & keep)
        for good, used in pairs:
            _insert(found, name, good & keep, used & keep)
    return found


def _insert(front: Fronts, name: tuple[int, int], good: int, used: int) -> bool:
    """Add a configuration unless another makes it superfluous (R5); false where one does."""
    pairs = front.get(name)
    if pairs is None:
        front[name] = [(good, used)]
        return True
    for g, u in pairs:
        if good | g == g and used | u == used:
            return False
    pairs[:] = [(g, u) for g, u in pairs if not (good | g == good and used | u == u)]
    pairs.append((good, used))
    return True


def _towards(
    scan: Scan,
    k: int,
    todo: list[tuple[int, int, int, int]],
    kept: Fronts,
    meter: Meter,
    progress: Progress,
) -> Generator[None, None, None]:
    """Search from all configurations of `todo` together, best first, until the task of step k is
    linearized; what is found goes to `kept`."""
    moves = _Moves(scan, scan.view(k))
    queued: Fronts = {}
    heap = []
    for state, done, good, used in todo:
        if _insert(queued, (state, done), good, used):
            heap.append((moves.rank(good, used), state, done, good, used))
    heapify(heap)
    spent = held = looked = 0
    try:
        while heap:
            _, state, done, good, used = heappop(heap)
            if (good, used) not in queued[state, done]:
                continue  # something better has come since
            for after, done2, good2, used2, is_there in moves.from_(state, done, good, used):
                spent += len(queued.get((after, done2), ())) >> 4  # long fronts make this slow
                if is_there:
                    _insert(kept, (after, done2), good2, used2)
                elif _insert(queued, (after, done2), good2, used2):
                    heappush(heap, (moves.rank(good2, used2), after, done2, good2, used2))
            looked += 1
            spent += 1
            if spent >= SLICE:
                spent = 0
                meter.held += sum(map(len, queued.values())) - held
                held = sum(map(len, queued.values()))
                progress.looked(scan, k, looked)
                yield
    finally:
        meter.held -= held
        progress.looked(scan, k, looked)


class _Moves:
    """The tasks that a search at one step may linearize, and what each is good for."""

    def __init__(self, scan: Scan, view: View) -> None:
        table = scan.table
        self._step = table.next
        self._view = view
        self._kind = table.kinds[view.c]
        self._observers = 0
        for bit, _ in view.observers:
            self._observers |= bit
        self._satisfied: dict[int, int] = {}
        self._unknown = ~((1 << scan.wide) - 1)
        self._writes = []
        for group in view.blind:
            after = table.landing[group.c]
            sees, enables = self._seen_in(after), self._enabled_in(after)
            is_goal = group.c == view.c
            if sees or enables or is_goal:
                self._writes.append((group.bits, after, sees, enables, is_goal))

    def rank(self, good: int, used: int) -> int:
        """Small is to be looked at first: many observers satisfied, few tasks used."""
        return used.bit_count() - ((good & self._observers).bit_count() << 20)

    def _seen_in(self, state: int) -> int:
        """The open observers that this state satisfies."""
        found = self._satisfied.get(state)
        if found is None:
            found = 0
            for bit, c in self._view.observers:
                if self._step(state, c) == state:
                    found |= bit
            self._satisfied[state] = found
        return found

    def _enabled_in(self, state: int) -> int:
        """The open updates that this state allows."""
        found = 0
        for group in self._view.updates:
            if self._step(state, group.c) != ILLEGAL:
                for bit in group.bits:
                    found |= bit
        return found

    def from_(
        self, state: int, done: int, good: int, used: int
    ) -> list[tuple[int, int, int, int, bool]]:
        """The configurations one task further, each with whether the search ends there."""
        view, bit = self._view, self._view.bit
        seeks_observer = self._kind == OBSERVER
        found = []
        for bits, after, sees, enables, is_goal in self._writes:
            mine = _first(bits, used)
            if not mine:
                continue
            ends = is_goal and mine == bit
            if not (ends or sees & ~good or enables & ~(done | used)):
                continue
            better = good | sees | view.blind_mask
            there = ends or (seeks_observer and bool(better & bit))
            found.append((after, done, better, used | mine, there))
        for group in view.updates:
            mine = _first(group.bits, done | used)
            after = self._step(state, group.c) if mine else ILLEGAL
            if after == ILLEGAL:
                continue
            better = good | self._seen_in(after)
            there = mine == bit or (seeks_observer and bool(better & bit))
            if mine & self._unknown:
                found.append((after, done, better, used | mine, there))
            else:
                found.append((after, done | mine, better, used, there))
        return found


def _first(bits: tuple[int, ...], taken: int) -> int:
    """The first bit that is not taken, or 0."""
    for bit in bits:
        if not bit & taken:
            return bit
    return 0
