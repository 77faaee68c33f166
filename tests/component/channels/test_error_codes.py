"""Each of Twilio's error codes through the running engine: from a failed call to what follows, by real requests."""

import asyncio
import time

import pytest

from gateway.channels.fallback.error_codes import TREATMENTS
from gateway.model.hangup import HangupCause
from tests.support.text_rig import TextRig

OURS = "+15550100000"
PERSON = "+16502530001"
BY_WHATSAPP = f"whatsapp:{PERSON}"
TEMPLATE = "HX" + "a" * 32
NO_OTHER = "none_left"
OPTED_OUT = "opted_out"

FIRST = {
    "whatsapp": ["whatsapp", "sms"],
    "sms": ["sms", "whatsapp"],
}

CASES = [
    # Channel that fails, code, what follows, in how many seconds.
    ("whatsapp", 63003, "sms", 0),
    ("whatsapp", 63024, "sms", 0),
    ("whatsapp", 63018, "whatsapp", 600),
    ("whatsapp", 63022, "whatsapp", 600),
    ("whatsapp", 63012, "whatsapp", 60),
    ("whatsapp", 63021, "sms", 0),
    ("whatsapp", 63019, "sms", 0),
    ("whatsapp", 63001, "sms", 0),
    ("whatsapp", 63013, "sms", 0),
    ("whatsapp", 63032, "sms", 0),
    ("sms", 30003, "sms", 900),
    ("sms", 30004, "whatsapp", 0),
    ("sms", 30005, NO_OTHER, 0),
    ("sms", 30006, NO_OTHER, 0),
    ("sms", 21614, NO_OTHER, 0),
    ("sms", 21635, NO_OTHER, 0),
    ("sms", 30007, "whatsapp", 0),
    ("sms", 30008, "sms", 300),
    ("sms", 30034, "whatsapp", 0),
    ("sms", 30032, "whatsapp", 0),
    ("sms", 21610, OPTED_OUT, 0),
    ("sms", 21408, "whatsapp", 0),
    ("sms", 21612, "whatsapp", 0),
    ("sms", 20003, "whatsapp", 0),
    ("sms", 20005, "whatsapp", 0),
    ("sms", 30002, "whatsapp", 0),
    ("sms", 21606, "whatsapp", 0),
    ("sms", 21659, "whatsapp", 0),
    ("whatsapp", 63007, "sms", 0),
    # Of no table.
    ("sms", 39999, "whatsapp", 0),
]
AT_ONCE = {21614, 21610, 21408, 21612, 20003, 20005, 21606, 21659, 63007}
"""Told in the answer to the request; the others by a receipt."""
ALERTS = {63001, 63013, 30007, 30034, 30032, 21408, 21612}
ALERTS |= {20003, 20005, 30002, 21606, 21659}


def rig_of(tmp_path, order, **fallback):
    section = {"order": order, "templates": {"whatsapp": TEMPLATE}, "pause_s": 0, **fallback}
    return TextRig(tmp_path / "data", {"fallback": section})


def fail(rig, address, code):
    if code in AT_ONCE:
        rig.twilio.refusals[address] = (400, code)
    else:
        rig.twilio.failures[address] = code


def test_every_code_of_the_table_is_here():
    of_providers = {int(code) for code in TREATMENTS if code.isdecimal()}
    elsewhere = {63016, 20429, 14107}
    assert of_providers - elsewhere == {code for _, code, _, _ in CASES} - {39999}


@pytest.mark.parametrize(("channel", "code", "then", "delay_s"), CASES)
async def test_what_follows(tmp_path, caplog, channel, code, then, delay_s):
    addresses = {"sms": PERSON, "whatsapp": BY_WHATSAPP}
    async with rig_of(tmp_path, FIRST[channel]) as rig:
        fail(rig, addresses[channel], code)
        began_at = time.time()
        room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)

        assert await rig.decisions(room_id, 2) == [channel, then]
        first, *others = await rig.rows(room_id)
        assert (first.status, first.error_code) == ("failed", str(code))
        if then in (NO_OTHER, OPTED_OUT):
            assert others == []
        else:
            (second,) = others
            assert second.channel == then
            assert began_at + delay_s <= second.next_attempt_at <= time.time() + delay_s + 1
            assert second.text == first.text
        if delay_s:
            assert second.status == "queued"
        elif others:
            await rig.until(lambda: rig.taken(addresses[then]), "the second message")
            await rig.twilio.settled()
            assert [row.status for row in await rig.rows(room_id)] == ["failed", "delivered"]
        is_alert = any("operator can put right" in item.message for item in caplog.records)
        assert is_alert is (code in ALERTS)


async def test_a_channel_that_does_not_reach_somebody_is_remembered(tmp_path):
    async with rig_of(tmp_path, FIRST["whatsapp"]) as rig:
        fail(rig, BY_WHATSAPP, 63024)
        for count, decided in ((2, ["whatsapp", "sms"]), (3, ["whatsapp", "sms", "sms"])):
            room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
            assert await rig.decisions(room_id, count) == decided
            await rig.until(lambda count=count: len(rig.taken(PERSON)) == count - 1, "an SMS")
        assert len(rig.taken(BY_WHATSAPP)) == 1


@pytest.mark.parametrize("has_template", [True, False])
async def test_a_window_found_closed_takes_the_template_and_then_sms(tmp_path, has_template):
    templates = {"whatsapp": TEMPLATE} if has_template else {}
    async with rig_of(tmp_path, FIRST["whatsapp"], templates=templates) as rig:
        # The person wrote a moment ago, so the window is open for all that we know; Twilio knows better.
        await rig.twilio.write(BY_WHATSAPP, f"whatsapp:{OURS}", "hi")
        await rig.until(lambda: rig.taken(BY_WHATSAPP), "the answer")
        rig.twilio.closed_windows.add(BY_WHATSAPP)
        room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
        if has_template:
            assert await rig.decisions(room_id, 2) == ["whatsapp", "whatsapp"]
            await rig.until(lambda: len(rig.taken(BY_WHATSAPP)) == 3, "the template")
            _, text, template = rig.taken(BY_WHATSAPP)
            assert "cut off" in text.body
            assert template.fields["ContentSid"] == TEMPLATE
            assert "Body" not in template.fields
            assert not rig.taken(PERSON)
        else:
            assert await rig.decisions(room_id, 2) == ["whatsapp", "sms"]
            await rig.until(lambda: rig.taken(PERSON), "the SMS")


async def test_when_the_template_fails_too_it_is_an_sms(tmp_path):
    async with rig_of(tmp_path, FIRST["whatsapp"]) as rig:
        await rig.twilio.write(BY_WHATSAPP, f"whatsapp:{OURS}", "hi")
        await rig.until(lambda: rig.taken(BY_WHATSAPP), "the answer")
        rig.twilio.failures[BY_WHATSAPP] = 63016
        room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
        assert await rig.decisions(room_id, 3) == ["whatsapp", "whatsapp", "sms"]
        await rig.until(lambda: rig.taken(PERSON), "the SMS")
        await rig.twilio.settled()
        statuses = [(row.channel, row.status) for row in await rig.rows(room_id)]
        assert statuses[1:] == [
            ("whatsapp", "failed"),
            ("whatsapp", "failed"),
            ("sms", "delivered"),
        ]


async def test_who_blocked_us_at_the_provider_is_written_to_nowhere_ever_again(tmp_path):
    async with rig_of(tmp_path, FIRST["sms"]) as rig:
        fail(rig, PERSON, 21610)
        room_id = await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
        assert await rig.decisions(room_id, 2) == ["sms", OPTED_OUT]
        await rig.call(PERSON, OURS, HangupCause.WORKER_LOST)
        assert (await rig.decisions(room_id, 3))[2] == OPTED_OUT
        await rig.twilio.write(BY_WHATSAPP, f"whatsapp:{OURS}", "hello?")
        await rig.until(lambda: rig.texting.desk.pending == 0, "the inbox")
        await asyncio.sleep(0.2)
        assert rig.twilio.taken == []
