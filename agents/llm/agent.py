"""The language-model agent: one client for all calls, a brain and a conversation per call."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from agents.conversation.brain import Brain
from agents.conversation.conversation import Conversation
from agents.conversation.listening import Ears
from agents.conversation.manners import Manners
from agents.llm.brain import STUMBLE, LlmBrain
from agents.llm.client import ChatClient, Sampling, Target
from agents.llm.messages import TELEPHONE, WRITING
from agents.llm.tools import Capability
from agents.local.sentences import SentenceSplitter
from gateway.config import LlmAgent, TurnsSection
from gateway.errors import ConfigError
from gateway.model.line import Agent, CallFacts, Line
from gateway.model.remote_models import ModelHealth
from gateway.model.speech import Voice

log = logging.getLogger(__name__)

KEY_VARIABLE = "OFFHOOK_LLM_API_KEY"


def read_key(path: Path | None) -> str:
    """Return the key from its file, else from the environment, else nothing. Raises `ConfigError`.

    A relative path is looked up in systemd's credentials directory first.
    """
    if path is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and not path.is_absolute() and (Path(credentials) / path).exists():
        path = Path(credentials) / path
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"api_key_file {str(path)!r} cannot be read: {reason}") from None
    if not key or not key.isprintable() or not key.isascii():
        raise ConfigError(f"api_key_file {str(path)!r} does not hold a key in one line")
    return key


class LlmConversationalist:
    """One `[agents.NAME]` section of kind `llm`; shared by all its calls."""

    def __init__(
        self,
        name: str,
        section: LlmAgent,
        turns: TurnsSection,
        ears: Ears,
        voice: Voice,
        capabilities: Mapping[str, Capability] | None = None,
    ) -> None:
        self._name = name
        self._section = section
        self._manners = Manners.of(
            section, turns, filler=section.filler, history_lines=section.history_lines
        )
        self._ears = ears
        self._voice = voice
        self._capabilities = dict(capabilities or {})
        key = read_key(section.api_key_file)
        targets = [Target(base_url=section.base_url, model=section.model, api_key=key)]
        if section.second_base_url:
            second_model = section.second_model or section.model
            targets.append(
                Target(base_url=section.second_base_url, model=second_model, api_key=key)
            )
        sampling = Sampling(
            temperature=section.temperature,
            max_tokens=section.max_tokens,
            first_token_bound_s=section.timeout_s,
        )
        self._client = ChatClient(targets, sampling)

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        """Nothing to load: connections are opened by the first call."""

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.close()

    async def converse(self, line: Line) -> None:
        """Converse freely; raises `ProviderError` when no model answers."""
        brain = self._brain(line.facts, TELEPHONE)
        await Conversation(
            line, brain, self._ears, self._voice, self._manners, SentenceSplitter
        ).run()

    def models(self) -> Sequence[ModelHealth]:
        """Return how the models fare that it asks."""
        return self._client.models()

    def text_brain(self, facts: CallFacts) -> Brain:
        """Return a brain for one conversation in writing."""
        return self._brain(facts, WRITING)

    def _brain(self, facts: CallFacts, manner: str) -> LlmBrain:
        return LlmBrain(
            self._client,
            facts,
            self._section.instructions,
            self._section.tools,
            self._capabilities,
            self._section.goodbye,
            manner,
        )

    def phrases(self) -> Sequence[str]:
        """Return the sentences that do not come from the model."""
        return tuple(dict.fromkeys((*self._manners.phrases(), STUMBLE)))


_: type[Agent] = LlmConversationalist
