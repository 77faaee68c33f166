"""Makes the agents that the configuration names."""

from collections.abc import Mapping
from typing import Protocol, assert_never

from agents.conversation.listening import Ears
from agents.echo import Echo
from agents.llm.agent import LlmConversationalist
from agents.llm.tools import Capability
from agents.receptionist.agent import Receptionist
from agents.receptionist.faq import Embedder
from gateway.config import AgentSection, Config, EchoAgent, LlmAgent, ReceptionistAgent
from gateway.model.line import Agent
from gateway.model.speech import Voice


class SpeechModels(Ears, Embedder, Protocol):
    """The local models that agents need: recognition, end of turn, embeddings."""


def build_agents(
    config: Config,
    speech: SpeechModels,
    voice: Voice,
    capabilities: Mapping[str, Capability] | None = None,
) -> dict[str, Agent]:
    """Return every configured agent by its name, not started. Raises `ConfigError`.

    `capabilities` carry out what agents do besides talking (`send_message`, `transfer_call`), by name.
    """
    return {
        name: _build(name, section, config, speech, voice, capabilities or {})
        for name, section in config.agents.items()
    }


async def close_agents(agents: Mapping[str, Agent]) -> None:
    """Release what agents hold beyond their calls (connections to language models)."""
    for agent in agents.values():
        if isinstance(agent, LlmConversationalist):
            await agent.close()


def _build(
    name: str,
    section: AgentSection,
    config: Config,
    speech: SpeechModels,
    voice: Voice,
    capabilities: Mapping[str, Capability],
) -> Agent:
    match section:
        case ReceptionistAgent():
            send_message = capabilities.get("send_message")
            return Receptionist(name, section, config.turns, speech, speech, voice, send_message)
        case EchoAgent():
            return Echo(name, section)
        case LlmAgent():
            return LlmConversationalist(name, section, config.turns, speech, voice, capabilities)
        case _:
            assert_never(section)
