"""The configuration of the fallback when voice fails: `[fallback]`."""

import re
from collections.abc import Mapping
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from gateway.config.section import Section
from gateway.model.messages import Channel


class FallbackTexts(Section):
    """What is written, by what went wrong. `{business}` and `{number}` are filled in."""

    missed: str = "Sorry we missed your call. How can we help? Just answer this message."
    refused: str = (
        "Sorry, all our lines were busy when you called. How can we help? Just answer here."
    )
    cut: str = "Sorry, our call was cut off. We can go on right here, just answer this message."
    agent_failed: str = (
        "Sorry, something went wrong on our side in our call. We can go on here in writing."
    )
    not_answered: str = "We tried to call you and could not reach you. You can answer this message."
    busy: str = "We tried to call you and your line was busy. You can answer this message."
    message_failed: str = "We wrote to you, but it did not arrive. You can answer this message."
    """Of a message whose words cannot be sent again: it was a file, or a template of the provider's."""
    link: str = "Or call from your browser: {link}"
    """Follows in the same message where a link to the browser's call page can be made."""
    callback: str = "Hello, this is {business}. We are calling you back."
    """The greeting when the fallback calls back."""


class FallbackNumber(Section):
    """What one of our numbers does otherwise."""

    order: tuple[Channel, ...] | None = None
    senders: dict[Channel, str] = Field(default_factory=dict)


class FallbackSection(Section):
    """How people are reached when voice, or a message, has failed."""

    enabled: bool = True
    order: tuple[Channel, ...] = (Channel.WHATSAPP, Channel.SMS)
    """Channels in the order in which they are tried; those that no provider serves are passed over."""
    senders: dict[Channel, str] = Field(default_factory=dict)
    """Our address on each channel; a number channel without one uses the number that had the call."""
    numbers: dict[str, FallbackNumber] = Field(default_factory=dict)
    """Exceptions for single numbers of ours."""
    templates: dict[Channel, str] = Field(default_factory=dict)
    """Id (Twilio's ContentSid) of the approved template for when a channel's 24-hour window is closed."""
    template_variables: dict[str, str] = Field(default_factory=dict)
    """Its variables; `{text}`, `{link}`, `{business}` and `{number}` are filled in."""
    business: str = "us"
    quiet_from: str = "21:00"
    quiet_to: str = "08:00"
    """Nobody is written to between these, by the clock where they are; equal: no quiet hours."""
    time_zone: str = "UTC"
    """Where people are whose number does not tell."""
    country: str = ""
    """Two letters: where numbers without a country code are from."""
    useful_h: float = Field(default=12.0, gt=0, le=72)
    """So long after the incident a message still helps."""
    pause_s: float = Field(default=600.0, ge=0, le=86_400)
    """Shortest time between messages for different causes to one person."""
    attempts: int = Field(default=5, ge=1, le=10)
    """Most messages for one cause, all channels together."""
    texts: FallbackTexts = Field(default_factory=FallbackTexts)

    @field_validator("quiet_from", "quiet_to")
    @classmethod
    def _clock(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError(f"{value!r} is no time of day; write it like 21:30")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone; write it like Europe/Berlin")
        return value

    @field_validator("order")
    @classmethod
    def _once(cls, value: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a channel stands in the order twice")
        return value

    def order_of(self, number: str) -> tuple[Channel, ...]:
        """Return the channels for one of our numbers; none when there is no fallback."""
        if not self.enabled:
            return ()
        exception = self.numbers.get(number)
        return self.order if exception is None or exception.order is None else exception.order

    def senders_of(self, number: str) -> Mapping[Channel, str]:
        """Return our address on each channel for which one is configured."""
        exception = self.numbers.get(number)
        return {**self.senders, **(exception.senders if exception is not None else {})}
