"""Written messages as every channel and provider sees them; the seam between rooms, outbox and transports.

Addresses carry no scheme: E.164 for telephone channels, the provider's own id or an e-mail address otherwise.
Times are seconds since 1970, because messages outlive processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Channel(StrEnum):
    """By which way a person is reached."""

    VOICE = "voice"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    RCS = "rcs"
    MESSENGER = "messenger"
    EMAIL = "email"
    TELEGRAM = "telegram"
    TEAMS = "teams"
    WEBHOOK = "webhook"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCapabilities:
    """What a channel can carry; the only way in which others may tell one channel from another."""

    text_limit: int
    """Longest text of one message, in characters; longer ones are split."""
    media: bool = False
    media_most: int = 10
    """Files of one message; more go in further ones."""
    caption_limit: int | None = None
    """Longest text beside a file, in UTF-16 units; a longer one goes before it. None: as without a file."""
    buttons: bool = False
    templates: bool = False
    receipts: bool = False
    typing: bool = False
    streaming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file beside a text."""

    url: str
    content_type: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """What a person wrote to us, once checked and normalised."""

    provider: str
    provider_id: str
    """The provider's id of the message: the same id is the same message, however often it comes."""
    channel: Channel
    sender: str
    recipient: str
    """Our number or address."""
    text: str
    received_at: float
    media: tuple[Media, ...] = ()
    sender_name: str = ""
    subject: str = ""
    """Of channels that have one (e-mail)."""
    reply_to: str = ""
    """Our `message_id` of what it answers, where the channel tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A message that was approved beforehand (WhatsApp), by the provider's id of it."""

    content_sid: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """What we write to a person."""

    message_id: str
    """Ours; also the idempotency key towards providers that take one."""
    room_id: str
    channel: Channel
    sender: str
    recipient: str
    text: str
    cause: str
    """Why it is sent, as a key: a second message for the same key is not accepted."""
    template: Template | None = None
    media: tuple[Media, ...] = ()
    not_after: float | None = None
    """It is of no use later and becomes a dead letter."""
    buttons: tuple[str, ...] = ()
    """Answers to choose from; their text is what comes back. Only on channels that have buttons."""
    subject: str = ""
    """For channels that have one; empty: the channel's own."""
    reply_to: str = ""
    """The provider's id of the message that it answers; empty: none, or the channel has no threads."""


class MessageStatus(StrEnum):
    """How far an outbound message has come; it only ever moves forward."""

    QUEUED = "queued"
    SENDING = "sending"
    """Handed to the provider; not known yet whether it took it."""
    SENT = "sent"
    """The provider has taken it."""
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    """The provider or the network refused it for good."""
    DEAD = "dead"
    """Given up by us: out of attempts or out of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider reports later about a message it took."""

    provider: str
    provider_id: str
    status: MessageStatus
    at: float
    error_code: str = ""
    message_id: str = ""
    """Ours, if the provider gives it back (in the callback's URL): known even if its answer to us was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took a message."""

    provider_id: str
    status: MessageStatus = MessageStatus.SENT


class SendFailed(Exception):
    """A message was not taken."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        may_retry: bool,
        retry_after_s: float | None = None,
        is_unknown: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.may_retry = may_retry
        self.retry_after_s = retry_after_s
        self.is_unknown = is_unknown
        """The connection broke while the provider may have taken it."""


class Transport(Protocol):
    """One provider's way of sending on one or more channels."""

    @property
    def provider(self) -> str:
        """The provider's name, for records and metrics."""

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """What the channel can carry, or None if this provider does not serve it."""

    async def send(self, message: OutboundMessage) -> Accepted:
        """Hand one message to the provider. Raises `SendFailed`."""

    async def close(self) -> None:
        """Release connections."""


@runtime_checkable
class CanFind(Protocol):
    """A transport that can tell whether the provider took a message when its answer was lost."""

    async def find(self, message: OutboundMessage, *, since: float) -> Accepted | None:
        """Return what the provider took of this message since then, or None: surely nothing.

        Raises `SendFailed` when it cannot tell now.
        """


@runtime_checkable
class ShowsTyping(Protocol):
    """A transport that can show that an answer is being written."""

    async def show_typing(self, message: InboundMessage) -> None:
        """Show it to whoever wrote this message, for some seconds. Raises `SendFailed`."""


@runtime_checkable
class TakesLong(Protocol):
    """A transport whose attempts end by themselves, but may take longer than a request does."""

    @property
    def send_bound_s(self) -> float:
        """How long one may take at most; cut off sooner it would go on, unseen, and the message go twice."""


@runtime_checkable
class TakesKey(Protocol):
    """A transport whose provider takes a message once per `message_id`, however often it is sent."""

    @property
    def key_holds_s(self) -> float:
        """How long the provider remembers the key."""
