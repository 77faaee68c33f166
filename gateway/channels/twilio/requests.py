"""Writes a message as the parameters of Twilio's `Messages` resource."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from gateway.channels.choices import listed
from gateway.channels.twilio.addresses import to_twilio
from gateway.model.messages import OutboundMessage

MEDIA_MOST = 10


def parameters(
    message: OutboundMessage,
    *,
    messaging_service_sid: str = "",
    public_url: str = "",
    button_templates: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    """Return the form fields; `public_url` is where receipts go, without it there are none.

    With a messaging service and no sender, the service chooses one of its senders.
    """
    fields = [("To", to_twilio(message.channel, message.recipient))]
    if message.sender:
        fields.append(("From", to_twilio(message.channel, message.sender)))
    if messaging_service_sid:
        fields.append(("MessagingServiceSid", messaging_service_sid))
    buttons = _button_template(message, button_templates)
    if message.template is None and buttons:
        # Within a session quick replies need no approval, but are sent as a template all the same.
        texts = (message.text, *message.buttons)
        filled = {str(number): text for number, text in enumerate(texts, start=1)}
        fields.append(("ContentSid", buttons))
        fields.append(("ContentVariables", json.dumps(filled, ensure_ascii=False)))
    elif message.template is not None:
        # Text beside a template is refused with 63016 or 21655.
        fields.append(("ContentSid", message.template.content_sid))
        if message.template.variables:
            variables = json.dumps(dict(message.template.variables), ensure_ascii=False)
            fields.append(("ContentVariables", variables))
    else:
        if text := body_of(message, button_templates):
            fields.append(("Body", text))
        fields += [("MediaUrl", media.url) for media in message.media[:MEDIA_MOST]]
    if public_url:
        # Our id comes back with each receipt, so one is understood even if Twilio's answer was lost.
        callback = f"{public_url}/twilio/status?message_id={quote(message.message_id, safe='')}"
        fields.append(("StatusCallback", callback))
    return fields


def body_of(
    message: OutboundMessage, button_templates: Mapping[str, str] | None = None
) -> str | None:
    """Return the text that is sent; None for a template, whose text is Twilio's."""
    if message.template is not None or _button_template(message, button_templates):
        return None
    return listed(message.text, message.buttons) if message.text else ""


def _button_template(message: OutboundMessage, templates: Mapping[str, str] | None) -> str:
    return (templates or {}).get(str(len(message.buttons)), "")
