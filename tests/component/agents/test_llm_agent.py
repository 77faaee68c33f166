"""The language-model agent holding a conversation with a real server, on a fake line in real time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agents.llm.agent import LlmConversationalist, read_key
from agents.llm.brain import STUMBLE
from agents.llm.tools import NOT_AVAILABLE, Capability
from gateway.config import LlmAgent, TurnsSection
from gateway.errors import ConfigError, ProviderUnavailable
from gateway.model.hangup import HangupCause
from tests.support.chat_server import (
    Answer,
    ChatServer,
    serve_chat,
    text_answer,
    text_event,
    tool_answer,
)
from tests.support.fake_line import FakeLine
from tests.support.fake_speech import FakeEars, FakeVoice

Scene = Callable[[FakeLine], Awaitable[None]]


async def converse(
    server: ChatServer,
    scene: Scene,
    words: list[str],
    *,
    capabilities: Mapping[str, Capability] | None = None,
) -> FakeLine:
    """Let `scene` play the caller of an agent that has all tools."""
    section = LlmAgent(
        kind="llm",
        model="m",
        base_url=server.base_url,
        tools=("end_call", "send_message", "transfer_call"),
        instructions="Be brief.",
        timeout_s=2,
    )
    agent = LlmConversationalist(
        "llm",
        section,
        TurnsSection(),
        FakeEars(words, recognition_ms=20, score_ms=10),
        FakeVoice(render_ms=5),
        capabilities,
    )
    line = FakeLine()

    async def caller() -> None:
        try:
            await scene(line)
        finally:
            line.caller_hangs_up()

    acting = asyncio.ensure_future(caller())
    try:
        async with asyncio.timeout(15):
            await agent.converse(line)
    finally:
        acting.cancel()
        await agent.close()
    return line


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def spoken(line: FakeLine, count: int) -> Callable[[], bool]:
    return lambda: sum(playback.ended_at_s is not None for playback in line.playbacks) >= count


async def test_a_turn_is_answered_sentence_by_sentence_and_measured() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(spoken(line, 2))

    async with serve_chat(text_answer("We are", " open. Come", " in.")) as server:
        line = await converse(server, scene, ["are you open"])

    assert line.said == ["We are open.", "Come in."]
    messages = server.requests[0]["messages"]
    assert messages[0]["content"].startswith("Be brief.")
    assert messages[1:] == [
        {"role": "assistant", "content": "Hello, how can I help you?"},
        {"role": "user", "content": "are you open"},
    ]
    [facts] = line.recorded("model_answered")
    assert facts["prompt_tokens"] == 11
    assert facts["completion_tokens"] == 3
    assert line.recorded("turn")


async def test_what_was_not_heard_is_not_in_the_next_request() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(lambda: bool(line.playbacks))
        await asyncio.sleep(0.7)
        await line.speak(700)
        await until(lambda: line.said[-1] == "Sure.")

    answers = (text_answer("One two three four five six seven."), text_answer("Sure."))
    async with serve_chat(*answers) as server:
        await converse(server, scene, ["count", "that is enough thanks"])

    heard = server.requests[1]["messages"][-2]
    assert heard["role"] == "assistant"
    assert heard["content"].endswith("[interrupted]")
    assert heard["content"].startswith("One two")
    assert "seven" not in heard["content"]


async def test_end_call_waits_for_the_goodbye() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(lambda: line.hung_up is not None)

    async with serve_chat(tool_answer("end_call", text="Goodbye then.")) as server:
        line = await converse(server, scene, ["that is all"])

    assert line.said == ["Goodbye then."]
    assert line.hung_up == (HangupCause.AGENT_HUNG_UP, True)
    assert line.playbacks[0].heard == "Goodbye then."
    assert len(server.requests) == 1


async def test_end_call_without_words_says_goodbye_first() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(lambda: line.hung_up is not None)

    async with serve_chat(tool_answer("end_call")) as server:
        line = await converse(server, scene, ["that is all"])

    assert line.said == [LlmAgent(kind="llm", model="m").goodbye]


async def test_a_tool_nobody_carries_out_is_answered_as_not_available() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(spoken(line, 1))

    answers = (tool_answer("send_message", '{"text": "hi"}'), text_answer("I cannot."))
    async with serve_chat(*answers) as server:
        line = await converse(server, scene, ["text me"])

    call, result = server.requests[1]["messages"][-2:]
    assert call["tool_calls"][0]["function"]["name"] == "send_message"
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": NOT_AVAILABLE}
    assert line.recorded("tool_call") == [{"tool": "send_message", "outcome": "not_available"}]
    assert line.said == ["I cannot."]


async def test_a_capability_is_carried_out_and_remembered() -> None:
    sent: list[tuple[str, Mapping[str, Any]]] = []

    async def send(call_id: str, arguments: Mapping[str, Any]) -> str:
        sent.append((call_id, arguments))
        return "sent"

    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(spoken(line, 2))
        await line.speak(300)
        await until(spoken(line, 3))

    answers = (
        tool_answer("send_message", '{"text": "hi"}', text="Let me do that."),
        text_answer("It is sent."),
        text_answer("Yes."),
    )
    async with serve_chat(*answers) as server:
        line = await converse(
            server, scene, ["text me", "did you do it"], capabilities={"send_message": send}
        )

    assert sent == [("c_test", {"text": "hi"})]
    assert line.said == ["Let me do that.", "It is sent.", "Yes."]
    roles = [message["role"] for message in server.requests[2]["messages"]]
    assert roles == ["system", "assistant", "user", "assistant", "tool", "assistant", "user"]
    assert server.requests[2]["messages"][5]["content"] == "Let me do that. It is sent."


def assert_every_tool_call_is_answered(messages: list[dict[str, Any]]) -> None:
    """As the API demands: a request with a call without its result is refused."""
    for index, message in enumerate(messages):
        asked = [call["id"] for call in message.get("tool_calls", ())]
        following = messages[index + 1 : index + 1 + len(asked)]
        assert [item.get("tool_call_id") for item in following] == asked


async def test_a_caller_who_speaks_while_a_tool_runs_leaves_no_call_without_a_result() -> None:
    began = asyncio.Event()

    async def send(call_id: str, arguments: Mapping[str, Any]) -> str:
        began.set()
        await asyncio.sleep(30)
        return "sent"

    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await began.wait()
        await line.speak(300)
        await until(spoken(line, 1))

    answers = (tool_answer("send_message", '{"text": "hi"}'), text_answer("Here I am."))
    async with serve_chat(*answers) as server:
        line = await converse(
            server, scene, ["text me", "are you there"], capabilities={"send_message": send}
        )

    assert line.said == ["Here I am."]
    messages = server.requests[1]["messages"]
    assert any("tool_calls" in message for message in messages)
    assert_every_tool_call_is_answered(messages)


async def test_a_tool_with_a_fault_is_told_to_the_model() -> None:
    async def send(call_id: str, arguments: Mapping[str, Any]) -> str:
        raise KeyError("a fault of ours")

    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(spoken(line, 1))

    answers = (tool_answer("send_message", '{"text": "hi"}'), text_answer("That did not work."))
    async with serve_chat(*answers) as server:
        line = await converse(server, scene, ["text me"], capabilities={"send_message": send})

    assert line.said == ["That did not work."]
    assert "did not work" in server.requests[1]["messages"][-1]["content"]


async def test_a_model_that_only_calls_tools_is_stopped() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(spoken(line, 1))

    async with serve_chat(tool_answer("send_message", '{"text": "hi"}')) as server:
        line = await converse(server, scene, ["text me"])

    assert len(server.requests) == 5
    assert line.said == [STUMBLE]


async def test_a_stream_that_breaks_after_some_words_is_admitted() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await until(lambda: STUMBLE in line.said)

    async with serve_chat(Answer((text_event("We are open. Then"), 0.05))) as server:
        line = await converse(server, scene, ["when"])

    assert line.said[0] == "We are open."
    assert line.said[-1] == STUMBLE


async def test_no_model_at_all_fails_the_conversation() -> None:
    async def scene(line: FakeLine) -> None:
        await line.speak(300)
        await asyncio.sleep(10)

    async with serve_chat(Answer(status=500)) as server:
        with pytest.raises(ProviderUnavailable):
            await converse(server, scene, ["hello"])


def test_the_key_comes_from_its_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_LLM_API_KEY", " from-env \n")
    (tmp_path / "key").write_text("from-file\n")

    assert read_key(None) == "from-env"
    assert read_key(tmp_path / "key") == "from-file"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_key(Path("key")) == "from-file"


@pytest.mark.parametrize("content", ["", "two\nlines", "schlüssel"])
def test_a_file_without_a_key_is_refused_without_printing_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)

    with pytest.raises(ConfigError) as refused:
        read_key(path)

    assert content == "" or content not in str(refused.value)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_key(tmp_path / "none")
