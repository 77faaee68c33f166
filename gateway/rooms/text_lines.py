"""How written messages stand in a room's timeline, each under an id by which it is written only once."""

import hashlib

from gateway.model.line import Role
from gateway.model.messages import Channel, InboundMessage, Template
from gateway.model.text_agent import TextNote
from gateway.rooms.text_gate import Greeting, GreetingMode
from gateway.rooms.timeline import Entry, Kind

THREADED = frozenset({Channel.EMAIL})
"""Channels where an answer names what it answers."""


def turn_id(message: InboundMessage) -> str:
    """Return the id of the turn that a message is: the provider's id of it decides."""
    return digest("turn", message.provider, message.provider_id)


REPLY = "reply:"
"""What the causes of answers begin with."""


def reply_cause(message: InboundMessage) -> str:
    """Return the cause of the answer to a message."""
    return f"{REPLY}{turn_id(message)}"


def digest(*parts: str) -> str:
    """Return a short id that is the same for the same parts."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:30]


def received(room_id: str, message: InboundMessage) -> tuple[str, Entry]:
    """Return the line of an inbound message, and its id."""
    text = message.text
    if message.media:
        files = ", ".join(item.content_type for item in message.media)
        text = f"{text}\n[{files}]".strip()
    return f"i_{turn_id(message)}", Entry(
        room_id=room_id,
        call_id="",
        kind=Kind.MESSAGE_RECEIVED,
        offset_ms=0.0,
        role=Role.USER,
        text=text,
        facts={
            "at": message.received_at,
            "channel": message.channel.value,
            "provider": message.provider,
            "provider_id": message.provider_id,
            "sender": message.sender,
            "recipient": message.recipient,
            "media": len(message.media),
            **({"subject": message.subject} if message.subject else {}),
        },
    )


def greeted(
    room_id: str, greeting: Greeting, mode: GreetingMode, message: InboundMessage, number: int
) -> tuple[str, Entry]:
    """Return the line of a greeting on first contact, and its id."""
    return greeting_id(message, number), Entry(
        room_id=room_id,
        call_id="",
        kind=Kind.TEXT_GREETING,
        offset_ms=0.0,
        role=Role.AGENT,
        text=greeting.text,
        facts={
            "at": message.received_at,
            "channel": message.channel.value,
            "agent": greeting.agent,
            "mode": mode.value,
        },
    )


def greeting_id(message: InboundMessage, number: int) -> str:
    """Return the id of the n-th greeting before a message."""
    return f"g_{turn_id(message)}_{number}"


def template_line(template: Template) -> str:
    """Return what stands for the words of a template, which only the provider knows."""
    return f"[template {template.content_sid}]"


def noted(
    room_id: str, message: InboundMessage, note: TextNote, number: int, agent: str
) -> tuple[str, Entry]:
    """Return the line of the n-th thing that an agent recorded about a message, and its id."""
    is_known = note.name == Kind.MESSAGE_TAKEN.value
    return f"n_{turn_id(message)}_{number}"[:40], Entry(
        room_id=room_id,
        call_id="",
        kind=Kind.MESSAGE_TAKEN if is_known else Kind.AGENT_EVENT,
        offset_ms=0.0,
        facts={"at": message.received_at, "name": note.name, "agent": agent, **note.facts},
    )


def written(
    room_id: str, text: str, channel: Channel, *, at: float, cause: str, by: str
) -> tuple[str, Entry]:
    """Return the line of what we write, and its id: one line for one cause."""
    return f"o_{digest('written', cause)}", Entry(
        room_id=room_id,
        call_id="",
        kind=Kind.MESSAGE_WRITTEN,
        offset_ms=0.0,
        role=Role.AGENT,
        text=text,
        facts={"at": at, "channel": channel.value, "cause": cause, "by": by},
    )
