"""A link in a message leads from writing to speaking: into the same room, once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.fallback.conftest import BY_SMS, of_kind, timeline
from tests.interop.fallback.outside import PUBLIC_URL, Outside
from tests.interop.gateway.conftest import Call
from tests.interop.gateway.running_gateway import RunningGateway, until
from tests.interop.support.web_caller import WebCaller
from webrtc.caller.whip import CallRefused

RECEPTION = "+15550100005"
"""Our number whose agent needs no language model."""
GREETING = "Hello again."


@pytest.fixture(scope="module")
def linking(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, settings: str, outside: Outside
) -> Iterator[RunningGateway]:
    """A gateway that can be reached from outside, with a receptionist."""
    receptionist = f"""
[agents.reception]
kind = "receptionist"
greeting = "{GREETING}"
[[numbers]]
number = "{RECEPTION}"
agent = "reception"
[[numbers]]"""
    told = settings.replace("[[numbers]]", receptionist.lstrip(), 1)
    directory = tmp_path_factory.mktemp("linking")
    with RunningGateway(directory, cache, told, http=f'public_url = "{PUBLIC_URL}"') as gateway:
        outside.twilio.gateway_url = f"http://127.0.0.1:{gateway.http_port}"
        yield gateway


def token_of(text: str) -> str:
    found = re.search(re.escape(PUBLIC_URL) + r"/#token=([\w.-]+)", text)
    assert found is not None, text
    return found[1]


def test_somebody_who_writes_goes_on_by_voice(
    linking: RunningGateway, outside: Outside, person: str
) -> None:
    outside.write(person, RECEPTION, "Can I talk to somebody, please?", sid="SM" + "e" * 32)
    (sent,) = outside.messages(person, 1)
    token = token_of(sent.body)

    with WebCaller(linking.web_url(), token=token) as caller:
        caller.call()
        record = linking.wait_for(person, "gate_opened")
        assert (record["callee"], record["agent"]) == (RECEPTION, "reception")
        assert record["endpoint"] == "webrtc"
    linking.wait_until_ended(person)

    lines = timeline(linking, record["room_id"])
    assert [line["text"] for line in of_kind(lines, "message_received")] == [
        "Can I talk to somebody, please?"
    ]
    assert [line["text"] for line in of_kind(lines, "agent_said")] == [GREETING]
    with WebCaller(linking.web_url(), token=token) as again, pytest.raises(CallRefused) as refused:
        again.call()
    assert refused.value.status == 401


def test_a_fallback_carries_a_link_and_the_call_goes_on_in_the_room(
    linking: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    call(linking, BY_SMS, scenario="until_we_hang_up", hold_s=0.5, number=person)
    missed = linking.wait_until_ended(person)
    (sent,) = outside.messages(person, 1)

    with WebCaller(linking.web_url(), token=token_of(sent.body)) as caller:
        caller.call()

        def is_back() -> bool:
            calls = [one for one in linking.calls() if one.get("caller") == person]
            return len(calls) == 2 and calls[0]["state"] == "conversing"

        until(is_back, 15, "the call by the link")
    rooms = {one["room_id"] for one in linking.calls() if one.get("caller") == person}
    assert rooms == {missed["room_id"]}
