"""The agents as a session uses them: made from the configuration, whole calls on a fake line."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.build import build_agents, close_agents
from agents.echo import Echo
from agents.receptionist import phrases
from agents.receptionist.agent import Receptionist
from agents.receptionist.states import State
from gateway.config import Config, EchoAgent, LlmAgent, ReceptionistAgent, TurnsSection
from gateway.errors import ConfigError, ProviderUnavailable
from gateway.model.hangup import HangupCause
from tests.support.fake_line import FakeLine
from tests.support.fake_speech import FakeEars, FakeEmbedder, FakeVoice
from tests.support.virtual_clock import run_virtual


class FakeSpeechModels(FakeEars, FakeEmbedder):
    """All models in one object, as the speech pool offers them."""


def test_every_configured_agent_is_made() -> None:
    async def run() -> None:
        config = Config(
            agents={
                "desk": ReceptionistAgent(),
                "echo": EchoAgent(kind="echo"),
                "free": LlmAgent(kind="llm", model="m"),
            },
            numbers=(),
        )

        agents = build_agents(config, FakeSpeechModels(), FakeVoice())

        assert list(agents) == ["desk", "echo", "free"]
        assert [agent.name for agent in agents.values()] == ["desk", "echo", "free"]
        for agent in agents.values():
            await agent.start()
            assert agent.phrases()
            assert len(set(agent.phrases())) == len(agent.phrases())
        await close_agents(agents)

    run_virtual(run())


def test_a_missing_key_file_is_found_when_agents_are_made(tmp_path: object) -> None:
    section = LlmAgent.model_validate(
        {"kind": "llm", "model": "m", "api_key_file": f"{tmp_path}/none"}
    )

    with pytest.raises(ConfigError, match="api_key_file"):
        build_agents(Config(agents={"free": section}, numbers=()), FakeSpeechModels(), FakeVoice())


def hold_call(
    words: list[str], *, embedder: FakeEmbedder | None = None, seconds: float = 6
) -> FakeLine:
    """Call the receptionist and say `words`, one turn each, waiting for the answers."""

    async def run() -> FakeLine:
        line = FakeLine()
        agent = Receptionist(
            "desk",
            ReceptionistAgent(),
            TurnsSection(),
            FakeEars(words),
            embedder or FakeEmbedder(),
            FakeVoice(render_ms=10),
        )
        await agent.start()

        async def caller() -> None:
            for _ in words:
                await line.speak(900)
                await asyncio.sleep(0.5)
                while line.is_playing:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.5)
            await asyncio.sleep(seconds)
            line.caller_hangs_up()

        acting = asyncio.ensure_future(caller())
        try:
            await agent.converse(line)
        finally:
            acting.cancel()
        return line

    return run_virtual(run())


def test_a_whole_call_with_a_question_a_message_and_a_goodbye() -> None:
    line = hold_call(
        [
            "When are you open?",
            "I would like to leave a message.",
            "My name is John Smith.",
            "Yes please.",
            "Please call me back about the invoice.",
            "Yes, that's right.",
            "No, thank you, goodbye.",
        ]
    )

    assert line.said[0].startswith("We are open")
    [taken] = line.recorded("message_taken")
    assert taken["name"] == "John Smith"
    assert taken["number"] == "+15551234567"
    assert taken["text"] == "Please call me back about the invoice."
    assert line.said[-1] == ReceptionistAgent().goodbye
    assert line.hung_up == (HangupCause.AGENT_HUNG_UP, True)
    assert len(line.users) == 7
    assert len(line.recorded("turn")) == 7
    assert all(float(facts["response_ms"]) < 500 for facts in line.recorded("turn")[:5])


def test_the_receptionist_takes_messages_without_its_model() -> None:
    class Broken(FakeEmbedder):
        async def embed(self, texts: Sequence[str]) -> None:  # type: ignore[override]
            raise ProviderUnavailable(f"no vectors for {len(texts)} texts")

    line = hold_call(["When are you open?", "Yes."], embedder=Broken())

    assert line.said == [phrases.OFFER, phrases.QUESTIONS[State.NAME]]


def test_the_receptionist_renders_its_answers_ahead() -> None:
    section = ReceptionistAgent()
    agent = Receptionist("desk", section, TurnsSection(), FakeEars(), FakeEmbedder(), FakeVoice())

    ahead = agent.phrases()

    for text in (section.goodbye, section.reprompt, section.faq[0].answer, phrases.MORE):
        assert text in ahead


def test_the_echo_plays_every_frame_back_and_ends_with_hash() -> None:
    async def run() -> FakeLine:
        line = FakeLine()
        conversing = asyncio.ensure_future(Echo("echo", EchoAgent(kind="echo")).converse(line))
        for number in range(3):
            await asyncio.sleep(0.02)
            line.hear_frame(bytes([number]) * 640)
        await asyncio.sleep(0.02)
        line.press("5")
        await asyncio.sleep(0.1)
        assert not conversing.done()
        line.press("#")
        await conversing
        return line

    line = run_virtual(run())

    assert [frame[0] for frame in line.frames_played] == [0, 1, 2]
    assert line.hung_up == (HangupCause.AGENT_HUNG_UP, False)
    assert not line.listens_to_frames


def test_the_echo_ends_with_the_call() -> None:
    async def run() -> FakeLine:
        line = FakeLine()
        line.caller_hangs_up()
        await Echo("echo", EchoAgent(kind="echo")).converse(line)
        return line

    line = run_virtual(run())

    assert line.hung_up is None
    assert not line.listens_to_frames
