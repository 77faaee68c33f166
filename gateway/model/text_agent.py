"""What an agent is given of a conversation in writing, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.model.line import Said
from gateway.model.messages import Channel, ChannelCapabilities, Media


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTurn:
    """One message of a person."""

    room_id: str
    turn_id: str
    """The same for the same message, however often it is handed over."""
    channel: Channel
    person: str
    text: str
    history: tuple[Said, ...]
    """The room's conversation, spoken and written, oldest first, bounded; ends with this message."""
    media: tuple[Media, ...] = ()
    capabilities: ChannelCapabilities | None = None
    """What the channel carries; None: not known."""
    person_name: str = ""
    call_link: str = ""
    """A one-time link by which the person can go on by voice; empty: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextNote:
    """Something for the timeline that was not written to the person."""

    name: str
    facts: Mapping[str, float | str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReply:
    """What the agent writes back."""

    text: str
    """Empty: nothing is sent."""
    notes: tuple[TextNote, ...] = ()
    choices: tuple[str, ...] = ()
    """Answers to choose from: buttons where the channel has them, else a numbered list under the text."""


class TextAgent(Protocol):
    """One configured agent, in writing. Shared by all rooms; one turn of a room at a time."""

    @property
    def name(self) -> str: ...

    @property
    def greeting(self) -> str:
        """What it says to whoever writes for the first time; empty for none."""

    @property
    def apology(self) -> str:
        """What is written when it fails."""

    async def answer(self, turn: TextTurn) -> TextReply:
        """Think of the answer. Raises `ProviderError` when it cannot."""
