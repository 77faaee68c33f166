"""Chunks of a stream, from servers that keep the rules and from those that do not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.chunks import ChunkReader, StreamFailed, TextDelta, ToolCall, Usage


def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def tool(index: int | None, **fields: Any) -> str:
    call: dict[str, Any] = {} if index is None else {"index": index}
    if "id" in fields:
        call["id"] = fields.pop("id")
    call["function"] = fields
    return chunk({"tool_calls": [call]})


def test_text_usage_and_the_end() -> None:
    reader = ChunkReader()

    pieces = [
        piece
        for data in (
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Hel"}),
            chunk({"content": "lo"}),
            chunk({}, "stop"),
            json.dumps({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}),
            "[DONE]",
        )
        for piece in reader.read(data)
    ]

    assert pieces == [TextDelta("Hel"), TextDelta("lo")]
    assert reader.is_done
    assert reader.finish_reason == "stop"
    assert reader.usage == Usage(7, 2)
    assert reader.garbage == 0


def test_tool_calls_are_put_together_by_index() -> None:
    reader = ChunkReader()

    for data in (
        tool(0, id="call_a", name="send_message", arguments=""),
        tool(1, id="call_b", name="end_call", arguments=""),
        tool(0, arguments='{"te'),
        tool(1, arguments="{}"),
        tool(0, arguments='xt": "hi"}'),
    ):
        reader.read(data)

    assert reader.tool_calls() == [
        ToolCall("call_a", "send_message", '{"text": "hi"}'),
        ToolCall("call_b", "end_call", "{}"),
    ]


def test_whole_calls_without_an_index_are_told_apart_by_id() -> None:
    reader = ChunkReader()

    reader.read(tool(None, id="a", name="end_call", arguments="{}"))
    reader.read(tool(None, id="b", name="send_message", arguments='{"text": "x"}'))

    assert [call.name for call in reader.tool_calls()] == ["end_call", "send_message"]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    reader = ChunkReader()

    reader.read(tool(0, id="a", name="end_call"))

    assert reader.tool_calls() == [ToolCall("a", "end_call", "{}")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"error": {"message": "overloaded", "code": 503}}', "overloaded"),
        ('{"error": {"code": "x1"}}', "x1"),
        ('{"error": "plain"}', "plain"),
        ('{"error": {}, "choices": []}', None),
    ],
)
def test_errors_in_the_stream_are_found(data: str, message: str | None) -> None:
    assert ChunkReader().read(data) == ([StreamFailed(message)] if message else [])


@pytest.mark.parametrize("data", ["{", "[]", "null", "7", '"text"', "{}{}", "[" * 100_000])
def test_garbage_is_counted(data: str) -> None:
    reader = ChunkReader()

    assert reader.read(data) == []
    assert reader.garbage == 1


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "index",
                    "id",
                    "function",
                    "name",
                    "arguments",
                    "usage",
                    "prompt_tokens",
                    "finish_reason",
                    "error",
                    "message",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(st.lists(_JSON, max_size=6))
def test_no_json_of_any_shape_is_raised_over(values: list[Any]) -> None:
    reader = ChunkReader()

    for value in values:
        reader.read(json.dumps(value))
        reader.read(json.dumps({"choices": [{"delta": value}]}))
        reader.read(json.dumps({"choices": [{"delta": {"tool_calls": value}}]}))
    reader.tool_calls()
