"""A softphone asks a question by voice and is answered, over the wide-band codecs."""

from pathlib import Path

import pytest

from gateway.model.frame import RATE_HZ
from tests.interop.gateway.conftest import ASK_HOURS, GREETING, WideWords
from tests.interop.gateway.running_gateway import RunningGateway, entries, said
from tests.interop.gateway.soft_phone import SoftPhone


@pytest.mark.parametrize(
    ("codec", "told"), [("G722/16000/1", "G722/16000"), ("opus/48000/2", "opus/")]
)
def test_a_spoken_question_is_recognised_and_answered(
    desk: RunningGateway, tmp_path: Path, wide_words: WideWords, codec: str, told: str
) -> None:
    greeting_s = 4.0
    silence = bytes(int(greeting_s * RATE_HZ) * 2)
    microphone = silence + wide_words(ASK_HOURS) + bytes(30 * RATE_HZ * 2)
    phone = SoftPhone(tmp_path / "phone", desk.sip_port, "desk", codec=codec, microphone=microphone)
    with phone:
        try:
            desk.wait_for(phone.number, "greeting_played", interrupted=False)
            record = desk.wait_for_words(phone.number, "nine to five")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{phone.output()[-2000:]}") from None
    (up,) = entries(record, "media_up")
    assert up["facts"]["codec"].startswith(told)
    assert up["facts"]["reason"] == "packet"
    assert "open" in said(record, "user_said")
    assert "we are open monday to friday" in said(record, "agent_said")
    assert entries(record, "agent_said", greeting=True)[0]["text"] == GREETING
    record = desk.wait_until_ended(phone.number)
    assert record["cause"] == "caller_hung_up"
