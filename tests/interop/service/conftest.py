"""A gateway that sends its fallback texts to a stand-in for Twilio, and the callers of the other tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.gateway.conftest import cache, call, own_gateway, rendered
from tests.interop.gateway.running_gateway import RunningGateway
from tests.support.in_thread import running
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn

__all__ = ["cache", "call", "own_gateway", "rendered"]

OURS = "+493012345678"
GREETING = "Hello, thank you for calling. How can I help you?"
GOODBYE = "Thank you for calling. Goodbye."

StartWriting = Callable[..., RunningGateway]


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with running(TwilioStandIn()) as stand_in:
        yield stand_in


@pytest.fixture
def writing_gateway(tmp_path: Path, cache: Path, twilio: TwilioStandIn) -> Iterator[StartWriting]:
    """Start a gateway with a provider of messages; `drain_s` is how long calls may go on."""
    with ExitStack() as stack:

        def start(*, drain_s: float) -> RunningGateway:
            (tmp_path / "twilio-token").write_text(AUTH_TOKEN)
            settings = f"""
[turns]
reprompt_after_s = 60
[twilio]
account_sid = "{ACCOUNT_SID}"
auth_token_file = "{tmp_path / "twilio-token"}"
api_url = "{twilio.url}"
[fallback]
quiet_from = "00:00"
quiet_to = "00:00"
senders = {{ sms = "{OURS}" }}
[agents.desk]
kind = "receptionist"
goodbye = "{GOODBYE}"
[[numbers]]
number = "desk"
agent = "desk"
"""
            gateway = RunningGateway(
                tmp_path / "own", cache, settings, gateway=f"drain_s = {drain_s}"
            )
            return stack.enter_context(gateway)

        yield start
