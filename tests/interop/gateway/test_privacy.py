"""What a caller says, presses and is called by stays out of the log, and out of metrics."""

import json

from tests.interop.gateway.conftest import ASK_HOURS, Call, StartGateway, Words
from tests.interop.gateway.running_gateway import said


def test_nothing_private_is_logged(own_gateway: StartGateway, call: Call, words: Words) -> None:
    gateway = own_gateway(gateway='log_level = "debug"')
    caller = call(gateway)
    gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    caller.say(words(ASK_HOURS))
    record = gateway.wait_for_words(caller.number, "nine to five")
    status, _ = gateway.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    assert status == 202
    caller.expect_success()
    gateway.wait_until_ended(caller.number)

    log = gateway.log()
    token = (gateway.data_dir / "api-token").read_text().strip()
    assert record["call_id"] in log
    private = [caller.number.lstrip("+"), token, said(record, "user_said"), "nine to five"]
    for text in private:
        assert text, record
        assert text.lower() not in log.lower(), text
        assert text.lower() not in gateway.get("/metrics")[1].lower(), text
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line.get("call_id") == record["call_id"] for line in lines)
