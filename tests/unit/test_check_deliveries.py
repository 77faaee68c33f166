"""`offhook check` tells which messages of agents have no way out."""

import pytest

from gateway.checks.deliveries import check_deliveries, served
from gateway.config import Config
from gateway.model.messages import Channel

TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token_file": "/run/token"}
EMAIL = {"email": {"host": "mail.example.org", "from_address": "desk@example.org"}}


def findings(deliver_to=(), **sections):
    agents = {"desk": {"kind": "receptionist", "deliver_to": deliver_to}}
    values = {"agents": agents, "numbers": [{"number": "*", "agent": "desk"}]}
    config = Config.model_validate(values | sections)
    return [(item.level.value, item.message, item.remedy) for item in check_deliveries(config)]


def test_without_deliveries_there_is_nothing_to_say():
    assert findings() == []


@pytest.mark.parametrize(
    ("address", "sections", "level", "words"),
    [
        ("email:a@example.org", {}, "fail", "no provider serves email"),
        ("email:a@example.org", {"channels": EMAIL}, "ok", "by email"),
        ("+4915112345678", {"channels": EMAIL}, "fail", "no provider serves sms"),
        ("+4915112345678", {"twilio": TWILIO}, "warn", "from the number that was called"),
        (
            "+4915112345678",
            {"twilio": TWILIO, "fallback": {"senders": {"sms": "+493012345678"}}},
            "ok",
            "by sms",
        ),
        (
            "+4915112345678",
            {"twilio": TWILIO | {"messaging_service_sid": "MG" + "0" * 32}},
            "ok",
            "by sms",
        ),
    ],
)
def test_each_address_has_a_way_or_a_remedy(address, sections, level, words):
    ((found, message, remedy),) = findings([address], **sections)
    assert found == level
    assert words in message
    assert bool(remedy) == (level != "ok")


def test_a_model_that_may_write_needs_a_provider():
    agents = {"free": {"kind": "llm", "model": "m", "tools": ["send_message"]}}
    values = {"agents": agents, "numbers": [{"number": "*", "agent": "free"}]}
    (finding,) = check_deliveries(Config.model_validate(values))
    assert finding.level == "warn"
    assert check_deliveries(Config.model_validate(values | {"channels": EMAIL})) == []


def test_what_is_served_is_what_is_configured():
    assert served(Config()) == frozenset()
    both = Config.model_validate({"twilio": TWILIO, "channels": EMAIL})
    assert {Channel.SMS, Channel.WHATSAPP, Channel.EMAIL} <= served(both)
