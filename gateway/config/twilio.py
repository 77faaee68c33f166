"""The configuration of messages through Twilio: `[twilio]`."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.config.section import Section


class TwilioSection(Section):
    """Messages through Twilio; an empty `account_sid` switches it off."""

    account_sid: str = ""
    """`AC` and 32 hexadecimal digits."""
    auth_token_file: Path | None = None
    """File with the account's auth token, which also signs webhooks."""
    api_key_sid: str = ""
    """`SK…`: send with an API key instead of the auth token; webhooks still need the token."""
    api_key_secret_file: Path | None = None
    api_url: str = "https://api.twilio.com"
    """For a region: `https://api.dublin.ie1.twilio.com`."""
    public_url: str = ""
    """Where Twilio reaches this gateway, such as `https://voice.example.com`; without it no receipts come."""
    messaging_service_sid: str = ""
    """`MG…`: let a messaging service choose senders and fall back from RCS to SMS."""
    button_templates: dict[Annotated[str, Field(pattern="^([1-9]|10)$")], str] = Field(
        default_factory=dict
    )
    """ContentSid of a template with so many quick replies: `{{1}}` is the text, `{{2}}` and on the buttons.

    WhatsApp and RCS have buttons for these counts only; other choices become a numbered list."""
    timeout_s: float = Field(default=15.0, ge=1, le=60)
    answers_keywords: bool = True
    """Whether Twilio answers STOP, START and HELP by SMS itself, as it does unless told not to."""

    @field_validator("account_sid", "api_key_sid", "messaging_service_sid")
    @classmethod
    def _sids(cls, value: str) -> str:
        if value and not re.fullmatch(r"(AC|SK|MG)[0-9a-fA-F]{32}", value):
            raise ValueError(f"{value!r} is not a Twilio SID; copy it from Twilio's console")
        return value

    @field_validator("api_url", "public_url")
    @classmethod
    def _urls(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise ValueError(
                f"{value!r} is not a base URL; write it like https://voice.example.com"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> "TwilioSection":
        if self.account_sid and self.auth_token_file is None:
            raise ValueError("auth_token_file is missing; webhooks cannot be checked without it")
        if self.account_sid and not self.api_url:
            raise ValueError("api_url is empty; leave it out for Twilio's own")
        if self.api_key_sid and self.api_key_secret_file is None:
            raise ValueError("api_key_secret_file is missing; an API key is of no use without it")
        return self

    @property
    def is_on(self) -> bool:
        return bool(self.account_sid)
