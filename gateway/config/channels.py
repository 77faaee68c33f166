"""The configuration of further written channels: `[channels.webhook]`, `.email`, `.telegram`, `.teams`."""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.config.section import Section


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its address or as `localhost`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ValueError(f"{value!r} is not a URL; write it like https://www.example.com/messages")
    return value.rstrip("/")


class WebhookSection(Section):
    """A program of the operator's own that sends and takes messages by signed HTTP."""

    url: str = ""
    """Where our messages are posted; empty: nowhere."""
    secret_file: Path | None = None
    """File with the secret that signs both ways, as in the Standard Webhooks specification (`whsec_…`)."""
    text_limit: int = Field(default=32_000, ge=100, le=1_000_000)
    key_holds_s: float = Field(default=86_400.0, ge=0, le=31_536_000)
    """How long the program remembers a `webhook-id` and leaves out what comes again with it."""
    timeout_s: float = Field(default=10.0, ge=1, le=60)

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        return _base_url(value)

    @model_validator(mode="after")
    def _complete(self) -> "WebhookSection":
        if self.url and self.secret_file is None:
            raise ValueError("secret_file is missing; messages are signed with it")
        return self


class SmtpSecurity(StrEnum):
    """How the connection to the mail server is kept private."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class ImapSection(Section):
    """A mailbox whose new mail is taken in (IMAP, RFC 3501)."""

    host: str = ""
    """The mail server; empty: no mailbox is read."""
    port: int = Field(default=993, ge=1, le=65_535)
    security: SmtpSecurity = SmtpSecurity.TLS
    username: str = ""
    password_file: Path | None = None
    folder: str = "INBOX"
    idle: bool = True
    """Be told of new mail by servers that can (IDLE, RFC 2177), besides looking every `poll_s`."""
    poll_s: float = Field(default=60.0, ge=1, le=3_600)
    size_mb: int = Field(default=25, ge=1, le=100)
    """So much of a mail is fetched (MiB); the rest of a larger one is left out."""
    max_age_days: int = Field(default=7, ge=1, le=3_650)
    """Mail that came earlier is left alone, unseen: a mailbox that was in use before is not answered backwards."""
    timeout_s: float = Field(default=20.0, ge=1, le=120)

    @model_validator(mode="after")
    def _complete(self) -> "ImapSection":
        if self.host and (not self.username or self.password_file is None):
            raise ValueError("username and password_file are needed to read a mailbox")
        if self.host and self.security is SmtpSecurity.NONE and not is_loopback(self.host):
            raise ValueError(
                "a password would travel in the clear; set security to starttls or tls"
            )
        return self


class EmailSection(Section):
    """E-mail, sent through a mail server (submission, RFC 6409)."""

    host: str = ""
    """The mail server; empty: no e-mail."""
    port: int = Field(default=587, ge=1, le=65_535)
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    username: str = ""
    password_file: Path | None = None
    from_address: str = ""
    """Sender where a message has none that is an e-mail address."""
    from_name: str = ""
    subject: str = "Your conversation with us"
    """Of mails that answer none."""
    authserv_id: str = ""
    """The mail server whose `Authentication-Results` must say `dmarc=pass` for mail that comes in; empty: senders are
    believed."""
    imap: ImapSection = Field(default_factory=ImapSection)
    timeout_s: float = Field(default=20.0, ge=1, le=60)

    @model_validator(mode="after")
    def _complete(self) -> "EmailSection":
        is_address = re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", self.from_address)
        if (self.host or self.imap.host) and not is_address:
            raise ValueError("from_address must be an e-mail address")
        if self.username and self.password_file is None:
            raise ValueError("password_file is missing; the username is of no use without it")
        if self.username and self.security is SmtpSecurity.NONE:
            raise ValueError(
                "a password would travel in the clear; set security to starttls or tls"
            )
        return self

    @field_validator("subject", "from_name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must be one line")
        return value


class TelegramSection(Section):
    """A Telegram bot."""

    bot_token_file: Path | None = None
    """File with the token that BotFather gave; none: no Telegram."""
    webhook_secret_file: Path | None = None
    """File with what was given to `setWebhook` as `secret_token`."""
    api_url: str = "https://api.telegram.org"
    timeout_s: float = Field(default=10.0, ge=1, le=60)

    @field_validator("api_url")
    @classmethod
    def _url(cls, value: str) -> str:
        return _base_url(value)


class TeamsSection(Section):
    """A bot in Microsoft Teams, by the Bot Connector."""

    app_id: str = ""
    """The bot's application id; empty: no Teams."""
    app_password_file: Path | None = None
    tenant: str = "botframework.com"
    """Tenant of the application, or `botframework.com` for one of several tenants."""
    service_url: str = "https://smba.trafficmanager.net/teams"
    login_url: str = "https://login.microsoftonline.com"
    openid_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    """Names the keys that sign what Teams posts to `/teams/messages`."""
    issuer: str = "https://api.botframework.com"
    """Who must have issued what Teams posts; another one in a national cloud."""
    timeout_s: float = Field(default=10.0, ge=1, le=60)

    @field_validator("service_url", "login_url", "openid_url")
    @classmethod
    def _urls(cls, value: str) -> str:
        return _base_url(value)

    @model_validator(mode="after")
    def _complete(self) -> "TeamsSection":
        if self.app_id and self.app_password_file is None:
            raise ValueError("app_password_file is missing")
        return self


class WebSocketSection(Section):
    """Conversations in writing by WebSocket, from a web page or a program: `/channels/ws`."""

    enabled: bool = True
    """Whoever has a token for browser calls, or one of the API with the right to write, may come."""
    idle_s: float = Field(default=3_600.0, ge=10, le=86_400)
    """A connection on which nothing was written for so long is closed; it may come back."""


class ChannelsSection(Section):
    """Written channels besides Twilio's."""

    websocket: WebSocketSection = Field(default_factory=WebSocketSection)

    webhook: WebhookSection = Field(default_factory=WebhookSection)
    email: EmailSection = Field(default_factory=EmailSection)
    telegram: TelegramSection = Field(default_factory=TelegramSection)
    teams: TeamsSection = Field(default_factory=TeamsSection)
