"""Agents in the configuration: what all have, and what each kind has besides."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.config.section import Section
from gateway.model.addresses import parse_address


class EarlySpeech(StrEnum):
    """What happens to speech while the greeting plays."""

    HOLD = "hold"
    DROP = "drop"
    BARGE_IN = "barge_in"


class AgentBase(Section):
    """What every agent has."""

    greeting: str = "Hello, thank you for calling. How can I help you?"
    greeting_file: Path | None = None
    """A WAV file (PCM16, mono) to play instead of rendering `greeting`; its words stay `greeting`."""
    early_speech: EarlySpeech = EarlySpeech.HOLD
    barge_in: bool = True
    """Whether callers may interrupt the agent (after the greeting)."""
    goodbye: str = "Thank you for calling. Goodbye."
    reprompt: str = "Are you still there?"
    apology: str = "I am sorry, something went wrong on our side. Please call again later."


class FaqEntry(Section):
    """One question, with other wordings, and its answer."""

    questions: tuple[str, ...] = Field(min_length=1)
    answer: str = Field(min_length=1)


class ReceptionistAgent(AgentBase):
    """Answers from an FAQ and takes messages; needs no language model."""

    kind: Literal["receptionist"] = "receptionist"
    business: str = "Offhook"
    faq: tuple[FaqEntry, ...] = (
        FaqEntry(
            questions=("When are you open?", "What are your opening hours?", "Are you open today?"),
            answer="We are open Monday to Friday from nine to five.",
        ),
        FaqEntry(
            questions=("Where are you?", "What is your address?", "How do I get to you?"),
            answer="You can find our address on our web site.",
        ),
        FaqEntry(
            questions=("Who are you?", "Am I talking to a robot?", "What is this number?"),
            answer="I am an automated receptionist. I answer questions and take messages.",
        ),
    )
    faq_threshold: float = Field(default=0.3, ge=0, le=1)
    """Cosine similarity from which an FAQ entry counts as the answer."""
    deliver_to: tuple[str, ...] = ()
    """Where messages that it takes are sent, such as `email:desk@example.org`; none: they stand in the timeline."""
    texts_answers: bool = True
    """Whether callers who ask for it get the last answer as a text."""

    @field_validator("deliver_to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            parse_address(address)
        return value


class EchoAgent(AgentBase):
    """Plays back what it hears; for testing lines."""

    kind: Literal["echo"]
    greeting: str = "This is the echo test. Everything you say comes back to you."


class LlmAgent(AgentBase):
    """Converses through any OpenAI-compatible chat-completions URL."""

    kind: Literal["llm"]
    base_url: str = "http://127.0.0.1:11434/v1"
    model: str = Field(min_length=1)
    api_key_file: Path | None = None
    """File with the key; or the variable OFFHOOK_LLM_API_KEY."""
    instructions: str = (
        "You are a friendly receptionist on the telephone. Answer in short sentences."
    )
    temperature: float = Field(default=0.6, ge=0, le=2)
    max_tokens: int = Field(default=300, ge=16, le=4096)
    timeout_s: float = Field(default=15.0, ge=1, le=120)
    history_lines: int = Field(default=40, ge=2, le=400)
    tools: tuple[
        Literal["end_call", "send_message", "transfer_call", "pause_recording", "resume_recording"],
        ...,
    ] = ("end_call",)
    filler: str = "One moment, please."
    second_base_url: str = ""
    """Asked when the first URL fails."""
    second_model: str = ""

    @field_validator("base_url", "second_base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")


AgentSection = Annotated[ReceptionistAgent | EchoAgent | LlmAgent, Field(discriminator="kind")]


def default_agents() -> dict[str, AgentSection]:
    """Return the agents of a gateway whose file names none."""
    return {"receptionist": ReceptionistAgent(), "echo": EchoAgent(kind="echo")}
