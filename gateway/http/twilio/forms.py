"""Reads Twilio's webhook fields: an inbound message or a receipt.

https://www.twilio.com/docs/messaging/guides/webhook-request. Whatever is missing or malformed raises
`ValueError`; it was signed, so it is a surprise and not an attack.
"""

import re
from collections.abc import Mapping

from gateway.channels.keywords import Keyword
from gateway.channels.twilio.addresses import from_twilio
from gateway.channels.twilio.statuses import status_of
from gateway.channels.twilio.transport import PROVIDER
from gateway.model.messages import InboundMessage, Media, Receipt

MEDIA_MOST = 10
TEXT_MOST = 32_768
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_OPT_OUT_TYPES = {"STOP": Keyword.STOP, "START": Keyword.START, "HELP": Keyword.HELP}


def inbound(fields: Mapping[str, str], *, at: float) -> InboundMessage:
    """Return what somebody wrote to us."""
    channel, sender = from_twilio(fields.get("From", ""))
    _, recipient = from_twilio(fields.get("To", ""))
    if not sender or not recipient:
        raise ValueError("From or To is missing")
    text = fields.get("Body", "") or fields.get("ButtonText", "") or _place(fields)
    return InboundMessage(
        provider=PROVIDER,
        provider_id=_sid(fields),
        channel=channel,
        sender=sender,
        recipient=recipient,
        text=text[:TEXT_MOST],
        received_at=at,
        media=_media(fields),
        sender_name=fields.get("ProfileName", "")[:255],
    )


def opt_out_type(fields: Mapping[str, str]) -> Keyword | None:
    """Return what Advanced Opt-Out took the message for; Twilio has answered it already."""
    return _OPT_OUT_TYPES.get(fields.get("OptOutType", "").upper())


def receipt(fields: Mapping[str, str], *, message_id: str, at: float) -> Receipt | None:
    """Return how far a message has come; None for a status that says nothing to us."""
    status = status_of(fields.get("MessageStatus") or fields.get("SmsStatus") or "")
    if status is None:
        return None
    code = fields.get("ErrorCode", "")
    return Receipt(
        provider=PROVIDER,
        provider_id=_sid(fields),
        status=status,
        at=at,
        error_code=code if code.isdecimal() and code != "0" else "",
        message_id=message_id,
    )


def _sid(fields: Mapping[str, str]) -> str:
    sid = fields.get("MessageSid") or fields.get("SmsMessageSid") or fields.get("SmsSid") or ""
    if not _SID.fullmatch(sid):
        raise ValueError("MessageSid is missing or is none")
    return sid


def _media(fields: Mapping[str, str]) -> tuple[Media, ...]:
    count = fields.get("NumMedia", "0")
    if not (count.isascii() and count.isdecimal()):
        raise ValueError("NumMedia is not a number")
    media = (
        Media(
            url=fields[f"MediaUrl{i}"],
            content_type=fields.get(f"MediaContentType{i}", "application/octet-stream")[:255],
        )
        for i in range(min(int(count), MEDIA_MOST))
        if fields.get(f"MediaUrl{i}")
    )
    return tuple(media)


def _place(fields: Mapping[str, str]) -> str:
    """Return a shared place (WhatsApp) as words, since it comes without any."""
    latitude, longitude = fields.get("Latitude", ""), fields.get("Longitude", "")
    if not latitude or not longitude:
        return ""
    name = " ".join(filter(None, (fields.get("Label", ""), fields.get("Address", ""))))
    return f"[location: {latitude}, {longitude}{' ' + name if name else ''}]"
