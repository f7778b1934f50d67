"""Independent keys: one generator a key, key after key or groups of threads side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from harness.generator.change import map_ops
from harness.generator.contract import (
    PENDING,
    Context,
    Generator,
    Pending,
    Source,
    Step,
    Stream,
    bits_of,
    sequence,
)
from harness.op import Op


def sequential(keys: Iterable[Any], source_of: Callable[[Any], Source]) -> Generator:
    """For one key after another all ops of `source_of(key)`, with that key."""
    return sequence(keyed(key, source_of(key)) for key in keys)


class Concurrent(Struct, frozen=True):
    """Groups of threads, each at a key of its own."""

    size: int
    source_of: Callable[[Any], Source]
    keys: Stream | None  # those nobody has begun
    groups: tuple[Generator | None, ...] | None = None  # None: not asked yet, all keys are done

    hears = True

    def op(self, ctx: Context) -> Step:
        members = bits_of(ctx.all & ~1)
        masks = [_mask(members[i : i + self.size]) for i in range(0, len(members), self.size)]
        groups, keys = list(self.groups or ()), self.keys
        while len(groups) < len(masks):
            group, keys = self._begin(keys)
            groups.append(group)
        at, n = PENDING.at, len(groups)
        first = ctx.spread(n) if n else 0
        for i in (*range(first, n), *range(first)):
            step, keys = self._ask(groups, i, keys, ctx.only(masks[i]))
            if step is None:
                continue
            if isinstance(step[0], Op):
                return step[0], Concurrent(self.size, self.source_of, keys, tuple(groups))
            at = min(at, step[0].at)
        if all(group is None for group in groups):
            return None
        return Pending(at), Concurrent(self.size, self.source_of, keys, tuple(groups))

    def _ask(
        self, groups: list[Generator | None], i: int, keys: Stream | None, ctx: Context
    ) -> tuple[Step, Stream | None]:
        """The next op of a group, which goes on to its next key where it must."""
        while (group := groups[i]) is not None:
            step = group.op(ctx) if ctx.free else (PENDING, group)
            if step is not None:
                groups[i] = step[1]
                return step, keys
            groups[i], keys = self._begin(keys)
        return None, keys

    def _begin(self, keys: Stream | None) -> tuple[Generator | None, Stream | None]:
        """A group at its next key, and the keys that are left."""
        if keys is None:
            return None, None
        return keyed(keys.item, self.source_of(keys.item)), keys.next

    def update(self, ctx: Context, event: Op) -> Generator:
        if self.groups is None or isinstance(event.process, str):
            return self
        members = bits_of(ctx.all & ~1)
        bit = ctx.bit(event.process)
        if bit not in members:
            return self
        i = members.index(bit) // self.size
        group = self.groups[i]
        if group is None or not group.hears:
            return self
        changed = group.update(ctx.only(_mask(members[i * self.size : (i + 1) * self.size])), event)
        groups = (*self.groups[:i], changed, *self.groups[i + 1 :])
        return Concurrent(self.size, self.source_of, self.keys, groups)


def concurrent(size: int, keys: Iterable[Any], source_of: Callable[[Any], Source]) -> Generator:
    """Groups of `size` client threads (the last may be smaller), each doing all ops of
    `source_of(key)` for one key after another, until the keys are used up."""
    assert size > 0
    return Concurrent(size, source_of, Stream.of(keys))


def _mask(bits: Iterable[int]) -> int:
    return sum(1 << bit for bit in bits)


def keyed(key: Any, source: Source) -> Generator:
    """Every op of `source`, at this key."""
    return map_ops(lambda op: with_key(op, key), source)


def with_key(op: Op, key: Any) -> Op:
    """The op at this key."""
    return Op(
        op.index,
        op.time,
        op.process,
        op.type,
        op.f,
        op.value,
        op.error,
        key,
        op.node,
        op.session,
        op.seq,
    )
