"""Frames come out of a stream as they went in, wherever the stream is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.live.wire import Codec, split, whole
from harness.testing.echo import Back, Number, Request, There

MESSAGES = st.one_of(
    st.builds(Number, st.integers(0, 2**40)),
    st.builds(Request, st.integers(0, 99), st.just("put"), st.text(max_size=40)),
    st.builds(Back, st.builds(There, st.just("c1"), st.integers(0, 9), st.integers(0, 9))),
)
NAMED = st.lists(st.tuples(st.sampled_from(["n1", "c12", "манагер"]), MESSAGES), max_size=8)


@given(NAMED, st.lists(st.integers(0, 400), max_size=5))
def test_messages_survive_any_cutting_of_the_stream(named: list, cuts: list[int]) -> None:
    codec = Codec(Request | Number | Back)
    stream = b"".join(codec.encode(name, message) for name, message in named)
    places = sorted(min(cut, len(stream)) for cut in [0, *cuts, len(stream)])
    found, rest = [], b""
    for start, end in pairwise(places):
        messages, rest = codec.decode(rest + stream[start:end])
        found += messages
    assert (found, rest) == (named, b"")


@given(NAMED, st.integers(0, 400))
def test_whole_frames_end_where_the_last_of_them_does(named: list, cut: int) -> None:
    codec = Codec(Request | Number | Back)
    frames = [codec.encode(name, message) for name, message in named]
    stream = b"".join(frames)[:cut]
    end, count = whole(stream)
    assert split(stream[:end]) == frames[:count]
    assert count == len(frames) or len(stream) - end < len(frames[count])
