"""A gateway with a receptionist and Twilio behind it, and a supervisor who asks its API."""

import itertools
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.fallback.outside import PUBLIC_URL, Outside
from tests.interop.gateway.conftest import FAQ, cache, call, wide_words, words
from tests.interop.gateway.running_gateway import RunningGateway
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN

__all__ = ["cache", "call", "wide_words", "words"]

OURS = "+15550100001"
FREE = "+15550100002"
"""Our number with a language model."""
OFFICE = "+16502539999"
"""Where the receptionist's messages go."""
TAXI = "Your taxi is waiting in front of the house."

SETTINGS = """
[turns]
reprompt_after_s = 60
[twilio]
account_sid = {account_sid}
auth_token_file = {token_file}
api_url = {api_url}
public_url = {public_url}
[outbox]
first_retry_s = 0.2
[fallback]
enabled = false
order = ["sms"]
[agents.desk]
kind = "receptionist"
deliver_to = [{office}]
{faq}
[agents.free]
kind = "llm"
base_url = {chat_url}
model = "stand-in"
tools = ["send_message"]
[[numbers]]
number = "{free}"
agent = "free"
[[numbers]]
number = "*"
agent = "desk"
"""

_people = itertools.count(os.getpid() % 1000 * 1000)


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    with Outside() as made:
        yield made


@pytest.fixture(scope="session")
def desk(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, outside: Outside
) -> Iterator[RunningGateway]:
    """The gateway of all tests here."""
    directory = tmp_path_factory.mktemp("crossing")
    token_file = directory / "twilio-token"
    token_file.write_text(AUTH_TOKEN)
    values = {
        "account_sid": ACCOUNT_SID,
        "token_file": str(token_file),
        "api_url": outside.twilio.url,
        "public_url": PUBLIC_URL,
        "office": OFFICE,
        "chat_url": outside.chat.base_url,
    }
    settings = SETTINGS.format(
        **{name: json.dumps(value) for name, value in values.items()},
        faq=FAQ.format(name="desk"),
        free=FREE,
    )
    with RunningGateway(directory, cache, settings) as gateway:
        outside.twilio.gateway_url = f"http://127.0.0.1:{gateway.http_port}"
        yield gateway
    assert not gateway.troubles()


@pytest.fixture
def person() -> str:
    """A number that nobody had before, of a kind that can be written to."""
    return f"+1650{2_530_000 + next(_people) % 9_000:07}"


Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def ask(desk: RunningGateway) -> Ask:
    """Post to the gateway's API; returns status and answer."""

    def post(path: str, body: object) -> tuple[int, Any]:
        token = (desk.data_dir / "api-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{desk.http_port}{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return post
