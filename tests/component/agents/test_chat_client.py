"""The chat client against a real server that is slow, broken, overloaded or talking nonsense."""

import asyncio
import socket

import pytest

from agents.llm import client as client_module
from agents.llm.chunks import ToolCall, Usage
from agents.llm.client import ChatClient, Completion, Sampling, Target
from gateway.errors import ProviderRefused, ProviderUnavailable
from gateway.model.remote_models import ModelHealth, ModelState
from tests.support.chat_server import (
    DONE,
    Answer,
    event,
    finish_event,
    serve_chat,
    text_answer,
    text_event,
    tool_answer,
)

SAMPLING = Sampling(temperature=0.5, max_tokens=100, first_token_bound_s=1.0)
MESSAGES = [{"role": "user", "content": "hi"}]


def dead_url() -> str:
    """Return a URL on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


async def ask(*urls: str, key: str = "") -> tuple[str, Completion]:
    """Ask the URLs in order; returns the text, and raises after checking it is in the completion."""
    targets = [
        Target(base_url=url, model=f"model-{index}", api_key=key) for index, url in enumerate(urls)
    ]
    client = ChatClient(targets, SAMPLING)
    completion = Completion()
    text = ""
    try:
        async with asyncio.timeout(10):
            async for piece in client.stream(MESSAGES, [], completion):
                text += piece
    finally:
        assert completion.text == text
        await client.close()
    return text, completion


async def test_text_streams_with_usage_and_latency() -> None:
    async with serve_chat(text_answer("Hel", "lo ", "there.")) as server:
        text, completion = await ask(server.base_url, key="secret")

    assert text == "Hello there."
    assert completion.usage == Usage(11, 3)
    assert completion.finish_reason == "stop"
    assert 0 < completion.first_token_ms <= completion.total_ms
    [request] = server.requests
    assert request["model"] == "model-0"
    assert request["stream"] is True
    assert request["stream_options"] == {"include_usage": True}
    assert request["max_tokens"] == 100
    assert "tools" not in request
    assert server.headers[0]["Authorization"] == "Bearer secret"


async def test_without_a_key_no_key_is_sent() -> None:
    async with serve_chat(text_answer("Hi.")) as server:
        await ask(server.base_url)

    assert "Authorization" not in server.headers[0]


async def test_the_first_piece_is_there_before_the_last_is_made() -> None:
    async with serve_chat(text_answer("one", "two", pause_s=0.4)) as server:
        client = ChatClient([Target(base_url=server.base_url, model="m")], SAMPLING)
        stream = client.stream(MESSAGES, [], Completion())
        loop = asyncio.get_running_loop()
        begun_s = loop.time()

        first = await anext(stream)
        first_s = loop.time() - begun_s
        rest = [piece async for piece in stream]

        assert (first, rest) == ("one", ["two"])
        assert first_s < (loop.time() - begun_s) / 2
        await client.close()


async def test_bytes_cut_in_the_middle_of_a_character_and_of_a_line() -> None:
    whole = text_event("Grüße 😀") + b": keep-alive\n\n" + finish_event() + DONE
    pieces = tuple(piece for byte in whole for piece in (bytes([byte]), 0.0))
    async with serve_chat(Answer(pieces)) as server:
        text, _ = await ask(server.base_url)

    assert text == "Grüße 😀"


async def test_tool_calls_come_whole() -> None:
    async with serve_chat(tool_answer("send_message", '{"text": "hi"}')) as server:
        text, completion = await ask(server.base_url)

    assert text == ""
    assert completion.tool_calls == [ToolCall("call_1", "send_message", '{"text": "hi"}')]


async def test_a_server_that_ends_without_done_is_understood() -> None:
    async with serve_chat(Answer((text_event("Hi."), finish_event()))) as server:
        text, _ = await ask(server.base_url)

    assert text == "Hi."


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_overload_is_unavailable_and_goes_to_the_second_url(status: int) -> None:
    broken = Answer(status=status, body='{"error": {"message": "too busy"}}')
    async with serve_chat(broken) as first, serve_chat(text_answer("Second.")) as second:
        with pytest.raises(ProviderUnavailable, match="too busy"):
            await ask(first.base_url)
        text, completion = await ask(first.base_url, second.base_url)

    assert text == "Second."
    assert (completion.target, completion.model) == (1, "model-1")
    assert second.requests[0]["model"] == "model-1"
    assert len(first.requests) == 2, "a server that answers is not asked twice"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
async def test_a_wrong_request_is_refused(status: int) -> None:
    async with serve_chat(Answer(status=status, body="no such thing")) as server:
        with pytest.raises(ProviderRefused, match="no such thing"):
            await ask(server.base_url)


async def test_a_refusal_too_goes_to_the_second_url() -> None:
    async with serve_chat(Answer(status=401)) as first, serve_chat(text_answer("Yes.")) as second:
        text, _ = await ask(first.base_url, second.base_url)

    assert text == "Yes."


async def test_how_each_url_fares_is_known() -> None:
    async with serve_chat(Answer(status=401)) as first, serve_chat(text_answer("Yes.")) as second:
        targets = [
            Target(base_url=first.base_url, model="large", api_key="secret"),
            Target(base_url=second.base_url, model="small"),
        ]
        client = ChatClient(targets, SAMPLING)
        before = client.models()
        async for _ in client.stream(MESSAGES, [], Completion()):
            """Only what came of it counts."""
        large, small = client.models()
        await client.close()

    assert [health.state for health in before] == [ModelState.UNASKED, ModelState.UNASKED]
    assert large == ModelHealth(
        host="127.0.0.1", model="large", state=ModelState.FAILING, answered=0, failed=1
    )
    assert small == ModelHealth(
        host="127.0.0.1", model="small", state=ModelState.UP, answered=1, failed=0
    )


async def test_nobody_listening_goes_to_the_second_url() -> None:
    async with serve_chat(text_answer("Here.")) as second:
        text, _ = await ask(dead_url(), second.base_url)

    assert text == "Here."


async def test_nobody_listening_anywhere_is_unavailable() -> None:
    with pytest.raises(ProviderUnavailable):
        await ask(dead_url(), dead_url())


async def test_a_connection_closed_before_the_answer_is_tried_once_more() -> None:
    async with serve_chat(Answer(refuses_connection=True), text_answer("Hi.")) as server:
        text, completion = await ask(server.base_url)

    assert text == "Hi."
    assert completion.target == 0
    assert len(server.requests) == 2


async def test_a_silent_server_is_given_up_after_the_bound() -> None:
    async with (
        serve_chat(Answer((5.0, text_event("late")))) as first,
        serve_chat(text_answer("In time.")) as second,
    ):
        text, _ = await ask(first.base_url, second.base_url)

    assert text == "In time."


async def test_comments_do_not_count_as_an_answer() -> None:
    pings = tuple(piece for _ in range(40) for piece in (b": ping\n\n", 0.1))
    async with serve_chat(Answer(pings)) as server:
        with pytest.raises(ProviderUnavailable, match="silent"):
            await ask(server.base_url)


async def test_a_pause_between_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BETWEEN_BOUND_S", 0.3)
    answer = Answer((text_event("Hel"), 5.0, text_event("lo")))
    async with serve_chat(answer) as server:
        with pytest.raises(ProviderUnavailable, match="silent"):
            await ask(server.base_url)


@pytest.mark.parametrize("cuts_off", [True, False])
async def test_a_stream_that_breaks_is_not_tried_again_once_heard(cuts_off: bool) -> None:
    broken = Answer((text_event("Hel"), 0.05), cuts_off=cuts_off)
    async with serve_chat(broken) as first, serve_chat(text_answer("never")) as second:
        with pytest.raises(ProviderUnavailable):
            await ask(first.base_url, second.base_url)

    assert second.requests == []


async def test_an_error_inside_the_stream_before_any_token_goes_to_the_second_url() -> None:
    failing = Answer((event({"error": {"message": "no memory"}}),))
    async with serve_chat(failing) as first, serve_chat(text_answer("Fine.")) as second:
        text, _ = await ask(first.base_url, second.base_url)

    assert text == "Fine."


async def test_garbage_between_good_events_is_skipped() -> None:
    pieces = (b"\x00\xff garbage\n\n", event("{"), event([1]), text_event("Still"), event("null"))
    async with serve_chat(Answer((*pieces, text_event(" here."), DONE))) as server:
        text, _ = await ask(server.base_url)

    assert text == "Still here."


async def test_nothing_but_garbage_is_unavailable() -> None:
    async with serve_chat(Answer((b"<html>hello</html>",))) as server:
        with pytest.raises(ProviderUnavailable):
            await ask(server.base_url)


async def test_leaving_the_stream_early_closes_the_request() -> None:
    async with serve_chat(text_answer(*["word "] * 50, pause_s=0.05)) as server:
        client = ChatClient([Target(base_url=server.base_url, model="m")], SAMPLING)
        stream = client.stream(MESSAGES, [], Completion())

        assert await anext(stream) == "word "
        await stream.aclose()
        await client.close()
