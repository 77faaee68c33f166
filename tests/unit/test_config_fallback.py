"""The section `[fallback]`."""

import pytest
from pydantic import ValidationError

from gateway.config.fallback import FallbackSection
from gateway.model.messages import Channel


def test_a_number_may_have_its_own_order_and_senders():
    section = FallbackSection(
        senders={"sms": "+491", "whatsapp": "+492"},
        numbers={"+493": {"order": ["email"], "senders": {"sms": "+494"}}, "+495": {"order": []}},
    )
    assert section.order_of("+490") == (Channel.WHATSAPP, Channel.SMS)
    assert section.order_of("+493") == (Channel.EMAIL,)
    assert section.order_of("+495") == ()
    assert section.senders_of("+493") == {Channel.SMS: "+494", Channel.WHATSAPP: "+492"}
    assert FallbackSection(enabled=False).order_of("+490") == ()


@pytest.mark.parametrize(
    "values",
    [
        {"quiet_from": "24:00"},
        {"time_zone": "Berlin"},
        {"order": ["sms", "sms"]},
        {"order": ["pigeon"]},
        {"useful_h": 0},
    ],
)
def test_what_cannot_be_meant_is_refused(values):
    with pytest.raises(ValidationError):
        FallbackSection(**values)
