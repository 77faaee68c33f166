"""Server-sent events, however the bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm import sse
from agents.llm.sse import SseOverflow, SseParser


def parse(*chunks: bytes) -> list[str]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.end()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": ping\n\ndata: a\n\n: ping\n\n", ["a"]),
        (b"event: x\nid: 7\nretry: 5\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a", ["a"]),
        (b"data: a\n", ["a"]),
        (b"nonsense\n\n\n\ndata: a\n\n", ["a"]),
        (b"data\n\n", [""]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, events: list[str]) -> None:
    assert parse(stream) == events


_LINES = st.lists(
    st.one_of(
        st.text(alphabet="abc é€😀:{}", max_size=12).map(lambda text: f"data: {text}"),
        st.sampled_from(["", "", ": comment", "event: x", "id", "data"]),
    ),
    max_size=20,
)


@given(_LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200), max_size=30))
def test_cutting_the_bytes_anywhere_changes_nothing(
    lines: list[str], ending: str, cuts: list[int]
) -> None:
    stream = "".join(line + ending for line in lines).encode()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]

    assert parse(*chunks) == parse(stream)


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(stream: bytes) -> None:
    parse(stream)


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_LIMIT", 100)

    with pytest.raises(SseOverflow):
        parse(b"data: " + b"x" * 200)


def test_endless_data_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_LIMIT", 100)

    with pytest.raises(SseOverflow):
        parse(b"data: x\n" * 50)
