"""Double barriers with one thing changed: mistakes, and harmless differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from harness.op import OK, WATCH, Op, fail, ok
from harness.recipe import Await, Do, Sleep
from harness.variant import CORRECT, LIVENESS, SAFETY, Variant
from harness.workload import Workload
from workloads.recipes.barrier import Participant, places
from workloads.recipes.clients import Clients
from workloads.recipes.critical import AGAIN, Step, is_end


class BeginsAlone(Participant):
    """Begins as soon as it has entered."""

    def gather(self, room: str, made: Op, until: int) -> Step:
        """Nobody is waited for."""
        yield Sleep(0)
        return made

    def ready_at(self, seen: Op) -> int | None:
        """It has not looked."""
        return None


class LeavesAtOnce(Participant):
    """Deletes its znode and is off."""

    def scatter(self, room: str, gone: Op, until: int) -> Step:
        """Nobody is waited for."""
        yield Sleep(0)
        return gone


class WaitsForOne(Participant):
    """Waits until one of those that it finds is gone, and does not look again."""

    gone_at: Any = None

    def wait_for(self, room: str, others: list[str], until: int) -> Step:
        """The first of the others stands for all."""
        line: Op = yield from super().wait_for(room, others, until)
        if line is not None and line.f == WATCH:
            self.gone_at = line.position
        return line

    def scatter(self, room: str, gone: Op, until: int) -> Step:
        """Off with the first that goes."""
        self.gone_at = None
        last: Op = gone
        while self.now < until and self.gone_at is None:
            last = yield Do("getChildren", room)
            if last.type == OK and not places(last):
                return last
            if last.type == OK:
                yield from self.wait_for(room, places(last), until)
            else:
                yield Sleep(AGAIN)
        return last if self.gone_at is None else ok(last, None, position=self.gone_at)


class CountsOnce(Participant):
    """Counts who is there when it comes, but looks only once whether it is the last."""

    def come(self, room: str, mine: str, until: int) -> Step:
        """The count is of before it has its own znode, so that two that come together both find
        that somebody is missing."""
        found: Op = yield Do("getChildren", room)
        self.before = len(places(found)) if found.type == OK else 0
        return (yield from super().come(room, mine, until))

    def gather(self, room: str, made: Op, until: int) -> Step:
        """Whoever has counted all but itself makes `ready`; all others wait for it."""
        if self.before + 1 >= self.rules.size:
            yield Do("create", [f"{room}/ready", None])
        while self.now < until:
            self.forget()
            seen = yield from self.look(f"{room}/ready")
            if self.lost or (seen.type == OK and seen.value is not None):
                return fail(seen, "connection-lost") if self.lost else seen
            yield Sleep(AGAIN)
        return fail(made, "timeout")


class WatchesAll(Participant):
    """Waits for any change among those that are still there."""

    def wait_for(self, room: str, others: list[str], until: int) -> Step:
        """A watch on the children, not on one of them."""
        found: Op = yield Do("getChildren", [room, True])
        if found.type != OK or not places(found):
            return found
        line: Op = yield Await(lambda seen: is_end(seen) or seen.f == WATCH, until - self.now)
        if line is not None and is_end(line):
            self.mailbox.append(line)
        return line


class ParticipantSyncsFirst(Participant):
    """Asks for a sync before each look whether all are there."""

    def look(self, path: str) -> Step:
        """A round through the leader more."""
        yield Do("sync", path)
        return (yield from super().look(path))


def _client(recipe: type[Participant]) -> Callable[[Workload], Workload]:
    """Puts another client in a barrier's workload."""

    def make(built: Workload) -> Workload:
        if not isinstance(built.wrap, Clients) or built.wrap.recipe is not Participant:
            raise ValueError(f"bug: {recipe.__name__} is no client of the workload {built.name!r}")
        return replace(built, wrap=replace(built.wrap, recipe=recipe))

    return make


VARIANTS: dict[str, Variant] = {
    "barrier-begins-alone": Variant(
        "a participant begins as soon as it has entered, without waiting for ready",
        SAFETY,
        _client(BeginsAlone),
        ("recipes/barrier",),
        caught_by="barrier",
    ),
    "barrier-leaves-at-once": Variant(
        "a participant leaves without waiting until the others have finished",
        SAFETY,
        _client(LeavesAtOnce),
        ("recipes/barrier",),
        caught_by="barrier",
    ),
    "barrier-waits-for-one": Variant(
        "a participant leaves when one of the others is gone, and does not look again",
        SAFETY,
        _client(WaitsForOne),
        ("recipes/barrier",),
        caught_by="barrier",
    ),
    "barrier-counts-once": Variant(
        "who is there is counted before one's own znode is made: two come together, all wait",
        LIVENESS,
        _client(CountsOnce),
        ("recipes/barrier",),
        caught_by="progress",
    ),
    "barrier-watches-all": Variant(
        "those that leave wait for any change among the others",
        CORRECT,
        _client(WatchesAll),
        ("recipes/barrier",),
    ),
    "barrier-sync-first": Variant(
        "a sync before each look whether all are there",
        CORRECT,
        _client(ParticipantSyncsFirst),
        ("recipes/barrier",),
    ),
}
