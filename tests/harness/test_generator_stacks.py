"""Generators put together at random: what holds for every stack of them."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from harness import generator as gen
from harness.clock import MS, SECOND
from harness.op import INFO, INVOKE, NEMESIS, Op, invoke
from tests.harness.perfect import any_outcome, invocations, play

seeds = st.integers(0, 999)
times = st.integers(0, 40).map(lambda n: n * MS)


def leaves() -> st.SearchStrategy[gen.Source]:
    ops = st.sampled_from(["read", "write", "cas"]).map(invoke)
    return st.one_of(
        ops,
        st.lists(ops, max_size=4),
        st.builds(gen.repeat, ops, st.integers(0, 5)),
        st.builds(lambda op: gen.limit(4, lambda ctx: op), ops),
        times.map(gen.sleep),
        times.map(gen.until),
    )


def wrapped(inner: st.SearchStrategy[gen.Source]) -> st.SearchStrategy[gen.Source]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(gen.time_limit, times, inner),
        st.builds(gen.delay, times, inner),
        st.builds(lambda t, g, s: gen.stagger(t, g, Random(s)), times, inner, seeds),
        st.builds(lambda gs, s: gen.mix(gs, Random(s)), several, seeds),
        several.map(lambda gs: gen.any(*gs)),
        several.map(lambda gs: gen.phases(*gs)),
        several.map(lambda gs: gen.concat(*gs)),
        several.map(lambda gs: gen.flip_flop(*gs)),
        st.builds(lambda n, a, b: gen.reserve(n, a, b), st.integers(1, 3), inner, inner),
        inner.map(gen.clients),
        inner.map(gen.nemesis),
        inner.map(gen.each_thread),
        inner.map(gen.synchronize),
        inner.map(gen.until_ok),
        st.builds(gen.cycle, inner, st.integers(0, 3)),
        st.builds(gen.limit, st.integers(0, 9), inner),
        st.builds(gen.process_limit, st.integers(1, 9), inner),
        st.builds(
            lambda n, g: gen.concurrent(n, range(4), lambda key: g), st.integers(1, 3), inner
        ),
        st.builds(lambda g: gen.sequential("xy", lambda key: g), inner),
        st.builds(lambda a, b: gen.cycle_times(5 * MS, a, 3 * MS, b), inner, inner),
        inner.map(lambda g: gen.filter(lambda op: op.f != "cas", g)),
    )


class Unsure(Struct, frozen=True):
    """Another generator that is asked again at every event: it is never sure of its waits."""

    inner: gen.Generator

    hears = True

    def op(self, ctx: gen.Context) -> gen.Step:
        step = self.inner.op(ctx)
        if step is None:
            return None
        what, inner = step
        return gen.Pending(what.at) if isinstance(what, gen.Pending) else what, Unsure(inner)

    def update(self, ctx: gen.Context, event: Op) -> gen.Generator:
        return Unsure(self.inner.update(ctx, event))


stacks = st.recursive(leaves(), wrapped, max_leaves=6)


def run(stack: gen.Source, concurrency: int, seed: int) -> list[Op]:
    return play(
        gen.limit(400, gen.validate(stack)),
        concurrency,
        takes=lambda rng: rng.choice((1, MS, 7 * MS)),
        answer=any_outcome,
        seed=seed,
    )


@settings(max_examples=250, deadline=None)
@given(stacks, st.integers(1, 4), seeds)
def test_every_stack_makes_a_legal_history(stack, concurrency, seed):
    """Validated as it is emitted; here: indices, times, and one open op a process."""
    history = run(stack, concurrency, seed)
    assert [op.index for op in history] == list(range(len(history)))
    assert all(a.time <= b.time for a, b in pairwise(history))
    open_: dict[object, Op] = {}
    retired: set[object] = set()
    for op in history:
        if op.process in open_:
            begun = open_.pop(op.process)
            assert (begun.f, begun.key) == (op.f, op.key) and op.type != INVOKE
            if op.type == INFO and op.process != NEMESIS:
                retired.add(op.process)
            continue
        assert op.type == (INFO if op.process == NEMESIS else INVOKE)
        assert op.process not in retired
        open_[op.process] = op
        assert len([p for p in open_ if p != NEMESIS]) <= concurrency
    assert not open_


@settings(max_examples=100, deadline=None)
@given(stacks, times, st.integers(1, 4), seeds)
def test_time_limit_bounds_every_stack(stack, limit, concurrency, seed):
    history = run(gen.time_limit(limit, stack), concurrency, seed)
    assert all(op.time < limit for op in invocations(history))


@settings(max_examples=100, deadline=None)
@given(stacks, stacks, st.integers(1, 4), seeds)
def test_phases_never_overlap(first, second, concurrency, seed):
    mark = gen.map(lambda op: Op(op.index, op.time, op.process, op.type, "second"), second)
    history = run(gen.phases(gen.time_limit(SECOND, first), mark), concurrency, seed)
    seconds = [op.index for op in history if op.f == "second"]
    if seconds:
        assert all(op.f == "second" for op in history[seconds[0] :])


@settings(max_examples=60, deadline=None)
@given(stacks, st.integers(1, 4), seeds)
def test_the_same_stack_runs_twice_alike(stack, concurrency, seed):
    """A stack is a value: running it uses nothing of it up."""
    stack = gen.limit(400, stack)
    once = play(stack, concurrency, answer=any_outcome, seed=seed)
    assert once == play(stack, concurrency, answer=any_outcome, seed=seed)


@settings(max_examples=150, deadline=None)
@given(stacks, st.integers(1, 4), seeds)
def test_waits_that_are_sure_hide_nothing(stack, concurrency, seed):
    """The interpreter does not ask at every event where the generator is sure: nothing is lost."""
    asked = gen.lift(gen.limit(400, stack))
    skipped = play(asked, concurrency, answer=any_outcome, seed=seed)
    assert skipped == play(Unsure(asked), concurrency, answer=any_outcome, seed=seed)
