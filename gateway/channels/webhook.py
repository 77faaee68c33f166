"""Sends messages to a program of the operator's own, by signed HTTP."""

import json
import time
from collections.abc import Callable

from gateway.channels.provider_session import ProviderSession
from gateway.channels.webhook_signature import sign
from gateway.config.channels import WebhookSection
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    OutboundMessage,
    SendFailed,
)

PROVIDER = "webhook"
_PERMANENT = range(400, 500)
_LATER = frozenset({408, 409, 425, 429})


class WebhookTransport:
    """A `Transport` that `TakesKey`: the program leaves out a `webhook-id` that it has seen."""

    def __init__(
        self, section: WebhookSection, *, key: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._section = section
        self._key = key
        self._clock = clock
        self._session = ProviderSession(timeout_s=section.timeout_s)

    @property
    def provider(self) -> str:
        return PROVIDER

    @property
    def key_holds_s(self) -> float:
        return self._section.key_holds_s

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what the webhook carries."""
        if channel is not Channel.WEBHOOK:
            return None
        return ChannelCapabilities(
            text_limit=self._section.text_limit, media=True, receipts=True, templates=True
        )

    async def send(self, message: OutboundMessage) -> Accepted:
        """Post the message. Any 2xx takes it; 408, 409, 425, 429 and 5xx are tried again."""
        told: dict[str, object] = {
            "type": "message",
            "message_id": message.message_id,
            "room_id": message.room_id,
            "from": message.sender,
            "to": message.recipient,
            "text": message.text,
            "media": [{"url": m.url, "content_type": m.content_type} for m in message.media],
        }
        if message.template is not None:
            told["template"] = {
                "content_sid": message.template.content_sid,
                "variables": dict(message.template.variables),
            }
        body = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
        headers = sign(self._key, message.message_id, body, at=self._clock())
        headers["Content-Type"] = "application/json"
        answer = await self._session.request("POST", self._section.url, data=body, headers=headers)
        if answer.is_good:
            return Accepted(provider_id=message.message_id)
        code = f"http_{answer.status}"
        if answer.status in _PERMANENT and answer.status not in _LATER:
            raise SendFailed(code, "the program refused the message", may_retry=False)
        after = answer.headers.get("Retry-After", "")
        retry_after_s = float(after) if after.isascii() and after.isdecimal() else None
        raise SendFailed(code, "the program failed", may_retry=True, retry_after_s=retry_after_s)

    async def close(self) -> None:
        await self._session.close()
