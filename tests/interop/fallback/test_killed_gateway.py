"""The whole gateway is killed, or stopped, in the middle of a conversation: the caller is written to, once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.fallback.conftest import BY_SMS, CUT, delivered, of_kind, timeline
from tests.interop.fallback.outside import ANSWER, Outside
from tests.interop.gateway.conftest import Call
from tests.interop.gateway.running_gateway import RunningGateway

QUIET_S = 1.0


@pytest.fixture
def mortal(
    tmp_path: Path, cache: Path, settings: str, outside: Outside
) -> Iterator[RunningGateway]:
    """A gateway of the test's own; Twilio calls it as long as the test lasts."""
    usual = outside.twilio.gateway_url
    with RunningGateway(tmp_path / "mortal", cache, settings) as gateway:
        outside.twilio.gateway_url = f"http://127.0.0.1:{gateway.http_port}"
        yield gateway
    outside.settle()
    outside.twilio.gateway_url = usual


def test_the_next_life_writes_to_whom_the_last_one_cut_off(
    mortal: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(mortal, BY_SMS, number=person)
    record = mortal.wait_for(person, "gate_opened", reason="greeting_played")
    mortal.signal(signal.SIGKILL)
    caller.expect_success()  # the orphaned worker says goodbye
    time.sleep(QUIET_S)
    assert not outside.taken(person)

    mortal.start()
    (message,) = outside.messages(person, 1)
    assert message.body == CUT
    room_id = record["room_id"]
    delivered(mortal, room_id, 1)
    outside.write(person, BY_SMS, "What now?")
    assert outside.messages(person, 2)[1].body == ANSWER
    delivered(mortal, room_id, 2)

    mortal.signal(signal.SIGKILL)
    mortal.start()
    time.sleep(QUIET_S)
    assert len(outside.taken(person)) == 2
    lines = timeline(mortal, room_id)
    assert [line["text"] for line in of_kind(lines, "message_written")] == [CUT, ANSWER]
    assert len(of_kind(lines, "ended")) == 1


def test_a_gateway_that_is_stopped_writes_to_whom_it_cuts_off_before_it_ends(
    mortal: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    caller = call(mortal, BY_SMS, number=person)
    record = mortal.wait_for(person, "gate_opened", reason="greeting_played")
    assert mortal.stop() == 0
    caller.expect_success()
    assert [message.body for message in outside.taken(person)] == [CUT]

    mortal.start()
    time.sleep(QUIET_S)
    assert len(outside.taken(person)) == 1
    assert len(of_kind(timeline(mortal, record["room_id"]), "message_written")) == 1
