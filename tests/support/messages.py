"""Messages for tests."""

from typing import Any

from gateway.model.messages import Channel, OutboundMessage


def outbound(number: int = 1, **more: Any) -> OutboundMessage:
    """Return the message `m_<number>` for the cause `cause:<number>`."""
    values: dict[str, Any] = {
        "message_id": f"m_{number}",
        "room_id": "r_1",
        "channel": Channel.SMS,
        "sender": "+4930100",
        "recipient": "+491701",
        "text": f"text {number}",
        "cause": f"cause:{number}",
    }
    return OutboundMessage(**values | more)
