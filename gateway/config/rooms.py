"""The configuration of rooms and conversations in writing: `[rooms]`."""

from pydantic import Field

from gateway.config.section import Section
from gateway.rooms.hooks import Point
from gateway.rooms.text_gate import GreetingMode


class MediaSection(Section):
    """Files that people send: fetched into the data directory."""

    enabled: bool = True
    size_mb: int = Field(default=16, ge=1, le=512)
    """Largest file (MiB)."""
    total_mb: int = Field(default=2_048, ge=1, le=10_000_000)
    """Most space that all of them take (MiB); when it is used up further ones are refused."""
    tries: int = Field(default=5, ge=1, le=20)
    keep_days: int = Field(default=0, ge=0, le=36_500)
    """Files are removed after so long; 0: with their room."""
    trusted_hosts: tuple[str, ...] = ()
    """Hosts (`name` or `name:port`) of your own that may be private and without TLS; nothing else may."""


class RoomsSection(Section):
    """Rooms: one conversation with one person, over any channel."""

    text_greeting: GreetingMode = GreetingMode.LEAD
    """What becomes of the greeting when somebody writes first: it leads the first reply, is sent, or is context."""
    greeting: str = "Hello, thank you for your message."
    """The greeting in writing, for all agents."""
    greetings: dict[str, str] = Field(default_factory=dict)
    """The greeting of single agents, by name; empty: none."""
    help_text: str = "This is an automated assistant. Answer STOP to get no more messages."
    """Answers HELP where the provider does not; empty: nothing does."""
    start_text: str = "You get messages from us again. Answer STOP to get none."
    """Answers START, likewise."""
    call_offer: str = "You can talk to us right away, from your browser: {link}"
    """Answers who asks in writing for a call, where a link can be made (`http.public_url`); empty: nothing does."""
    history_lines: int = Field(default=60, ge=2, le=1_000)
    """Lines of a room, spoken and written, that an agent is given."""
    history_chars: int = Field(default=24_000, ge=500, le=1_000_000)
    """Characters that these have together at most; the oldest lines are left out first."""
    answers_an_hour: int = Field(default=120, ge=0, le=100_000)
    """Most messages that agents answer one room with in an hour, so that two machines do not go on for ever; 0: any."""
    keep_days: int = Field(default=0, ge=0, le=36_500)
    """A room in which nothing happened for so long is forgotten, with its calls, messages and files; 0: never."""
    identities: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """A person's number → their other addresses, such as `email:ann@example.org`: all have one room."""
    media: MediaSection = Field(default_factory=MediaSection)
    hooks: dict[Point, tuple[str, ...]] = Field(default_factory=dict)
    """Async functions by dotted name, called at these points."""
