"""Sends by a Telegram bot: https://core.telegram.org/bots/api#sendmessage."""

import json
from typing import Any

from gateway.channels.choices import cut_to_bytes
from gateway.channels.provider_session import ProviderSession
from gateway.config.channels import TelegramSection
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    InboundMessage,
    OutboundMessage,
    SendFailed,
)

PROVIDER = "telegram"
TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
CALLBACK_MOST = 64
"""Bytes."""


class TelegramTransport:
    """A `Transport`. Telegram has neither keys nor receipts nor lists: what was lost is not known."""

    def __init__(self, section: TelegramSection, *, bot_token: str) -> None:
        self._base = f"{section.api_url}/bot{bot_token}"
        self._session = ProviderSession(timeout_s=section.timeout_s)

    @property
    def provider(self) -> str:
        return PROVIDER

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what a bot can send; lengths are UTF-16 units."""
        if channel is not Channel.TELEGRAM:
            return None
        return ChannelCapabilities(
            text_limit=TEXT_LIMIT,
            media=True,
            media_most=1,
            caption_limit=CAPTION_LIMIT,
            buttons=True,
            typing=True,
        )

    async def send(self, message: OutboundMessage) -> Accepted:
        """Send one message, with at most one file, in one request."""
        method, fields = _call(message)
        answer = await self._session.request("POST", f"{self._base}/{method}", json=fields)
        try:
            told: Any = json.loads(answer.body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            told = {}
        if answer.is_good and told.get("ok") is True:
            result = told.get("result")
            number = result.get("message_id") if isinstance(result, dict) else None
            return Accepted(provider_id=f"{message.recipient}:{number}")
        code = told.get("error_code", answer.status)
        parameters = told.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        raise SendFailed(
            f"telegram_{code}",
            str(told.get("description", f"status {answer.status}"))[:300],
            may_retry=code == 429 or answer.status >= 500,
            retry_after_s=float(wait) if isinstance(wait, int) else None,
            is_unknown=answer.status >= 500 or answer.is_good,
        )

    async def show_typing(self, message: InboundMessage) -> None:
        """https://core.telegram.org/bots/api#sendchataction; fades after five seconds."""
        fields = {"chat_id": message.sender, "action": "typing"}
        await self._session.request("POST", f"{self._base}/sendChatAction", json=fields)

    async def close(self) -> None:
        await self._session.close()


def _call(message: OutboundMessage) -> tuple[str, dict[str, Any]]:
    fields: dict[str, Any] = {"chat_id": message.recipient}
    if message.buttons:
        # One below the other; the text comes back as `callback_data` of a callback query.
        rows = [
            [{"text": button, "callback_data": cut_to_bytes(button, CALLBACK_MOST)}]
            for button in message.buttons
        ]
        fields["reply_markup"] = {"inline_keyboard": rows}
    if not message.media:
        return "sendMessage", fields | {"text": message.text}
    if len(message.media) > 1 or len(message.text.encode("utf-16-le")) // 2 > CAPTION_LIMIT:
        raise SendFailed(
            "too_much", "one file with at most 1,024 letters fits a message", may_retry=False
        )
    file = message.media[0]
    kind = "photo" if file.content_type in ("image/jpeg", "image/png", "image/webp") else "document"
    return f"send{kind.capitalize()}", fields | {kind: file.url, "caption": message.text}
