"""A gateway with Twilio and a language model behind it, and people who call it and are written to."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.fallback.outside import PUBLIC_URL, Outside
from tests.interop.gateway.conftest import cache, call, wide_words, words
from tests.interop.gateway.running_gateway import Record, RunningGateway, until
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN

__all__ = ["cache", "call", "wide_words", "words"]

SCENARIOS = Path(__file__).parent / "scenarios"
BY_SMS = "+15550100001"
"""Our number whose people are reached by SMS."""
BY_WHATSAPP = "+15550100002"
"""Our number whose people are reached by WhatsApp, else by SMS."""
BROKEN = "+15550100003"
"""Our number whose agent's language model does not answer."""
TEMPLATE = "HX" + "a" * 32
MAX_CALLS = 2
MEDIA_TIMEOUT_S = 3

MISSED = "Sorry we missed you."
REFUSED = "All our lines were busy."
CUT = "We were cut off."
AGENT_FAILED = "Something broke on our side."

SETTINGS = """
[turns]
reprompt_after_s = 60
[overload]
enabled = false
[twilio]
account_sid = {account_sid}
auth_token_file = {token_file}
api_url = {api_url}
public_url = {public_url}
[outbox]
first_retry_s = 0.2
settle_s = 0.5
[rooms]
greeting = "Hello in writing."
[fallback]
order = ["sms"]
quiet_from = "00:00"
quiet_to = "00:00"
[fallback.templates]
whatsapp = {template}
[fallback.template_variables]
1 = "{{text}}"
[fallback.numbers."{by_whatsapp}"]
order = ["whatsapp", "sms"]
[fallback.texts]
missed = {missed}
refused = {refused}
cut = {cut}
agent_failed = {agent_failed}
[agents.desk]
kind = "llm"
base_url = {chat_url}
model = "stand-in"
[agents.broken]
kind = "llm"
base_url = "http://127.0.0.1:9/v1"
model = "nobody"
[[numbers]]
number = "{broken}"
agent = "broken"
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
def settings(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of a gateway to which `outside` is the world."""
    token_file = tmp_path_factory.mktemp("twilio") / "token"
    token_file.write_text(AUTH_TOKEN)
    texts: dict[str, Any] = {
        "account_sid": ACCOUNT_SID,
        "token_file": str(token_file),
        "api_url": outside.twilio.url,
        "public_url": PUBLIC_URL,
        "chat_url": outside.chat.base_url,
        "template": TEMPLATE,
        "missed": MISSED,
        "refused": REFUSED,
        "cut": CUT,
        "agent_failed": AGENT_FAILED,
    }
    plain = {"by_whatsapp": BY_WHATSAPP, "broken": BROKEN}
    return SETTINGS.format(**{name: json.dumps(text) for name, text in texts.items()}, **plain)


@pytest.fixture(scope="session")
def desk(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, settings: str, outside: Outside
) -> Iterator[RunningGateway]:
    """The gateway of all tests here; workers that a test kills are well again before the next."""
    sip = f"max_calls = {MAX_CALLS}\nmedia_timeout_s = {MEDIA_TIMEOUT_S}"
    directory = tmp_path_factory.mktemp("fallback")
    with RunningGateway(directory, cache, settings, sip=sip) as gateway:
        outside.twilio.gateway_url = f"http://127.0.0.1:{gateway.http_port}"
        yield gateway


def new_person() -> str:
    """Return a number that nobody had before, of a kind that can be written to."""
    return f"+1650{2_530_000 + next(_people) % 1_000_000:07}"


@pytest.fixture
def person() -> str:
    return new_person()


@pytest.fixture
def another_person() -> Callable[[], str]:
    return new_person


Lines = list[dict[str, Any]]


def timeline(gateway: RunningGateway, room_id: str) -> Lines:
    """Return what stands in a room."""
    status, body = gateway.get(f"/api/v1/rooms/{room_id}/timeline?limit=500")
    assert status == 200, body
    lines: Lines = body["timeline"]
    return lines


def of_kind(lines: Lines, kind: str) -> Lines:
    return [line for line in lines if line["kind"] == kind]


def wait_for_line(
    gateway: RunningGateway,
    room_id: str,
    is_it: Callable[[dict[str, Any]], bool],
    bound_s: float = 20,
) -> Lines:
    """Return the room once it has a certain line."""

    def look() -> Lines | None:
        lines = timeline(gateway, room_id)
        return lines if any(map(is_it, lines)) else None

    found = until(look, bound_s, f"a line in {room_id}")
    assert found is not None
    return found


def delivered(gateway: RunningGateway, room_id: str, count: int, bound_s: float = 20) -> Record:
    """Return the outbox's newest message of a room, once `count` of them are delivered."""

    def look() -> Record | None:
        status, body = gateway.get(f"/api/v1/outbox?room_id={room_id}")
        assert status == 200, body
        found = [item for item in body["messages"] if item["status"] == "delivered"]
        return found[0] if len(found) >= count else None

    newest = until(look, bound_s, f"{count} delivered messages of {room_id}")
    assert newest is not None
    return newest
