"""Event webhooks: programs of the operator's own that are told of calls and messages by signed HTTP."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator

from gateway.config.section import Section


class EventType(StrEnum):
    """What is told."""

    CALL_STARTED = "call.started"
    """A call was offered to us, or placed by us."""
    CALL_ENDED = "call.ended"
    """It is over; with its call detail record."""
    MESSAGE_RECEIVED = "message.received"
    """Somebody wrote to us."""
    MESSAGE_STATUS = "message.status"
    """A message of ours came to another status."""


class EventWebhookSection(Section):
    """One program that is told."""

    url: str
    """Where events are posted; it may be in your own network, and redirects are not followed."""
    secret_file: Path
    """File with the secret that signs them, as in the Standard Webhooks specification (`whsec_…`)."""
    events: tuple[EventType, ...] = tuple(EventType)
    """Which are told."""
    timeout_s: float = Field(default=10.0, ge=1, le=60)
    tries: int = Field(default=10, ge=1, le=20)
    """Then an event is given up; ten tries take three days."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("events")
    @classmethod
    def _some(cls, value: tuple[EventType, ...]) -> tuple[EventType, ...]:
        if not value:
            raise ValueError("must name at least one, or be left out for all")
        return value
