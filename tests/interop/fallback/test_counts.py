"""What `/metrics` tells of messages and fallbacks is what happened, whatever came twice."""

import time

from prometheus_client.parser import text_string_to_metric_families

from tests.interop.fallback.conftest import BY_WHATSAPP, delivered
from tests.interop.fallback.outside import Outside
from tests.interop.gateway.conftest import Call
from tests.interop.gateway.running_gateway import RunningGateway

Counts = dict[tuple[str, ...], float]


def counts(gateway: RunningGateway) -> Counts:
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(gateway.get("/metrics")[1])
        for sample in family.samples
        if sample.name in ("offhook_messages_total", "offhook_fallbacks_total")
    }


def grown(before: Counts, after: Counts) -> Counts:
    return {
        key: value - before.get(key, 0.0)
        for key, value in after.items()
        if value != before.get(key, 0.0)
    }


def test_each_status_is_counted_once(
    desk: RunningGateway, call: Call, outside: Outside, person: str
) -> None:
    before = counts(desk)
    outside.twilio.receipt_copies = 3
    outside.twilio.failures[f"whatsapp:{person}"] = 63003
    try:
        caller = call(desk, BY_WHATSAPP, scenario="until_we_hang_up", hold_s=0.5, number=person)
        caller.expect_success()
        outside.messages(person, 1)
        record = desk.wait_until_ended(person)
        delivered(desk, record["room_id"], 1)
        for _ in range(2):
            outside.write(person, BY_WHATSAPP, "thanks", sid="SM" + "c" * 32)
        outside.messages(person, 2)
        delivered(desk, record["room_id"], 2)
        outside.settle()
    finally:
        outside.twilio.receipt_copies = 1
    time.sleep(0.5)

    messages, fallbacks = "offhook_messages_total", "offhook_fallbacks_total"
    assert grown(before, counts(desk)) == {
        (fallbacks, "whatsapp", "missed"): 1,
        (fallbacks, "sms", "missed"): 1,
        (messages, "whatsapp", "queued"): 1,
        (messages, "whatsapp", "sent"): 1,
        (messages, "whatsapp", "failed"): 1,
        (messages, "sms", "queued"): 2,
        (messages, "sms", "sent"): 2,
        (messages, "sms", "delivered"): 2,
        (messages, "sms", "received"): 1,
    }
