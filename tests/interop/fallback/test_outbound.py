"""Calls of ours that nobody takes become messages, and the fallback calls back where voice is in its order."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.interop.fallback.conftest import (
    BY_SMS,
    BY_WHATSAPP,
    MISSED,
    delivered,
    of_kind,
    timeline,
    wait_for_line,
)
from tests.interop.fallback.outside import Outside
from tests.interop.gateway.conftest import Call
from tests.interop.gateway.dialling import (
    post,
    start_trunk,
    wait_for,
    wait_until_ended,
)
from tests.interop.gateway.running_gateway import RunningGateway, entries, until
from tests.interop.support.gateway_peer import free_port
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import Sipp

BY_VOICE = "+15550100004"
"""Our number whose people are called back, else written to by SMS."""
NOT_REACHED = "We could not reach you."
LINE_BUSY = "Your line was busy."
CALLING_BACK = "Hello, you have called us just now."
Trunk = Callable[..., Sipp]


@pytest.fixture(scope="module")
def trunk_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def dialler(
    tmp_path_factory: pytest.TempPathFactory,
    cache: Path,
    settings: str,
    outside: Outside,
    trunk_port: int,
) -> Iterator[RunningGateway]:
    """A gateway that may call the people of these tests."""
    texts = f"""
[fallback.texts]
not_answered = {json.dumps(NOT_REACHED)}
busy = {json.dumps(LINE_BUSY)}
callback = {json.dumps(CALLING_BACK)}
"""
    more = f"""
[fallback.numbers."{BY_VOICE}"]
order = ["voice", "sms"]
[trunks.provider]
host = "127.0.0.1"
port = {trunk_port}
caller_id = "{BY_SMS}"
caller_ids = ["{BY_VOICE}", "{BY_WHATSAPP}"]
[dialling]
allow = ["+1650"]
deny = ["+1650999"]
calls_per_number = 20
"""
    told = settings.replace("[fallback.texts]\n", texts.lstrip()) + more
    directory = tmp_path_factory.mktemp("dialling")
    with RunningGateway(directory, cache, told) as gateway:
        outside.twilio.gateway_url = f"http://127.0.0.1:{gateway.http_port}"
        yield gateway


@pytest.fixture
def trunk(tmp_path: Path, trunk_port: int) -> Iterator[Trunk]:
    """Start the trunk."""
    with ExitStack() as stack:
        media = stack.enter_context(RtpSocket())

        def start(scenario: str, **options: Any) -> Sipp:
            far = start_trunk(scenario, tmp_path / "trunk", media, port=trunk_port, **options)
            stack.callback(far.stop)
            return far

        yield start


def dial(gateway: RunningGateway, person: str) -> str:
    status, placed = post(gateway, "/api/v1/calls", {"to": person})
    assert status == 201, placed
    call_id: str = placed["call_id"]
    return call_id


@pytest.mark.parametrize(
    ("status", "text"), [(480, NOT_REACHED), (486, LINE_BUSY), (503, NOT_REACHED)]
)
def test_whom_we_do_not_reach_gets_a_message_in_the_same_room(
    dialler: RunningGateway, trunk: Trunk, outside: Outside, person: str, status: int, text: str
) -> None:
    outside.write(person, BY_SMS, "Please call me", sid=f"SM{status}{'d' * 29}")
    outside.messages(person, 1)  # the answer: whoever wrote to us may be written to
    trunk("phone_refuses", status=status)
    record = wait_until_ended(dialler, dial(dialler, person))
    sent = outside.messages(person, 2)[1]
    assert sent.body.startswith(text)
    newest = delivered(dialler, record["room_id"], 2)
    assert newest["text"].startswith(text)
    lines = timeline(dialler, record["room_id"])
    assert [line["text"] for line in of_kind(lines, "message_received")] == ["Please call me"]


def test_strangers_whom_we_called_are_not_written_to(
    dialler: RunningGateway, trunk: Trunk, outside: Outside, person: str
) -> None:
    trunk("phone_refuses", status=486)
    record = wait_until_ended(dialler, dial(dialler, person))
    lines = wait_for_line(dialler, record["room_id"], lambda line: line["kind"] == "fallback")
    (decided,) = of_kind(lines, "fallback")
    assert decided["facts"]["reason"] == "none_left"
    assert "no_consent" in decided["facts"]["skipped"]
    assert not outside.taken(person)


def test_a_missed_call_is_called_back(
    dialler: RunningGateway, trunk: Trunk, call: Call, outside: Outside, person: str
) -> None:
    far = trunk("phone_hangs_up")
    call(dialler, BY_VOICE, scenario="until_we_hang_up", hold_s=0.5, number=person)
    missed = dialler.wait_until_ended(person)
    newest = delivered(dialler, missed["room_id"], 1)
    assert (newest["channel"], newest["recipient"]) == ("voice", person)
    far.expect_success()
    back = wait_until_ended(dialler, newest["provider_id"])
    assert (back["direction"], back["callee"]) == ("outbound", person)
    assert (back["caller"], back["room_id"]) == (BY_VOICE, missed["room_id"])
    assert not outside.taken(person)


def test_who_is_called_back_hears_why(
    dialler: RunningGateway, trunk: Trunk, call: Call, person: str
) -> None:
    far = trunk("phone_answers")
    call(dialler, BY_VOICE, scenario="until_we_hang_up", hold_s=0.5, number=person)
    missed = dialler.wait_until_ended(person)
    newest = delivered(dialler, missed["room_id"], 1)
    record = wait_for(dialler, newest["provider_id"], "gate_opened")
    (greeted,) = entries(record, "agent_said", greeting=True)
    assert greeted["text"] == CALLING_BACK
    post(dialler, f"/api/v1/calls/{newest['provider_id']}/hangup")
    far.expect_success()


def test_a_call_back_that_nobody_takes_becomes_one_message(
    dialler: RunningGateway, trunk: Trunk, call: Call, outside: Outside, person: str
) -> None:
    trunk("phone_refuses", status=486)
    call(dialler, BY_VOICE, scenario="until_we_hang_up", hold_s=0.5, number=person)
    missed = dialler.wait_until_ended(person)
    (sent,) = outside.messages(person, 1)
    assert sent.body.startswith(MISSED)
    delivered(dialler, missed["room_id"], 1)
    lines = timeline(dialler, missed["room_id"])
    channels = [line["facts"]["channel"] for line in of_kind(lines, "fallback")]
    assert channels == ["voice", "sms"]
    outside.settle()
    assert len(outside.taken(person)) == 1
    status, body = dialler.get(f"/api/v1/outbox?room_id={missed['room_id']}")
    assert status == 200
    failed = next(item for item in body["messages"] if item["channel"] == "voice")
    assert (failed["status"], failed["error_code"]) == ("failed", "voice_busy")


def test_whom_we_may_not_dial_gets_a_message(
    dialler: RunningGateway, call: Call, outside: Outside
) -> None:
    person = f"+1650999{free_port() % 10_000:04}"
    call(dialler, BY_VOICE, scenario="until_we_hang_up", hold_s=0.5, number=person)
    missed = dialler.wait_until_ended(person)
    (sent,) = outside.messages(person, 1)
    assert sent.body.startswith(MISSED)

    def refused() -> bool:
        _, body = dialler.get(f"/api/v1/outbox?room_id={missed['room_id']}")
        return any(item["error_code"] == "dial_denied" for item in body["messages"])

    until(refused, 5, "the refused call back")


def test_a_call_back_that_a_crash_cut_becomes_one_message(
    dialler: RunningGateway, trunk: Trunk, call: Call, outside: Outside, person: str
) -> None:
    trunk("phone_rings_on")
    call(dialler, BY_VOICE, scenario="until_we_hang_up", hold_s=0.5, number=person)
    missed = dialler.wait_until_ended(person)

    def rings() -> bool:
        found = [one for one in dialler.calls() if one["callee"] == person]
        return bool(found) and any(
            line["kind"] == "ringing" for line in dialler.record(found[0]["call_id"])["timeline"]
        )

    until(rings, 10, "the call back")
    dialler.signal(signal.SIGKILL)
    dialler.start()
    (sent,) = outside.messages(person, 1)
    assert sent.body.startswith(MISSED)
    delivered(dialler, missed["room_id"], 1)
    outside.settle()
    assert len(outside.taken(person)) == 1
    assert len([one for one in dialler.calls() if one["callee"] == person]) == 1
