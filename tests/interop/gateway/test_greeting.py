"""What a caller hears first, what becomes of what he says meanwhile, and what is written down of it."""

import time

import numpy as np

from tests.interop.gateway.conftest import (
    ASK_HOURS,
    GREETING,
    INTERRUPT,
    LONG_GREETING,
    Call,
    Words,
)
from tests.interop.gateway.matching import find, loud_part
from tests.interop.gateway.running_gateway import RunningGateway, call_kinds, entries, kinds, tell
from tests.interop.support.rtp import decode_mu_law


def test_the_greeting_is_heard_whole_and_told_in_order(
    desk: RunningGateway, call: Call, rendered: Words
) -> None:
    caller = call(desk, scenario="until_we_hang_up", hold_s=5)
    record = desk.wait_for(caller.number, "gate_opened")
    caller.expect_success()
    record = desk.wait_until_ended(caller.number)

    heard, greeting = caller.heard(), rendered(GREETING)
    whole = find(greeting, heard)
    first_word = find(loud_part(greeting)[:4_000], heard)
    last_word = find(loud_part(greeting)[-4_000:], heard)
    assert whole.correlation > 0.97, tell(record)
    assert first_word.correlation > 0.97
    assert last_word.correlation > 0.97
    # Silence flows from the answer on: the first word comes neither first nor late.
    assert 0 < whole.start_s < 1
    assert call_kinds(record)[-1] == "ended"
    told = [
        kind
        for kind in kinds(record)
        if kind not in ("agent_said", "media_quality", "ringing", "speech_held")
    ]
    assert told == [
        "offered",
        "answered",
        "media_up",
        "greeting_started",
        "greeting_played",
        "gate_opened",
        "ended",
    ]
    offsets = [line["offset_ms"] for line in record["timeline"] if line["kind"] in told]
    assert offsets == sorted(offsets)
    (played,) = entries(record, "greeting_played")
    assert not played["facts"]["interrupted"]
    assert played["facts"]["heard_ms"] == played["facts"]["duration_ms"]
    assert entries(record, "gate_opened", reason="greeting_played")
    (line,) = entries(record, "agent_said", greeting=True)
    assert line["text"] == GREETING
    assert record["cause"] == "caller_hung_up"
    (quality,) = entries(record, "media_quality")
    assert quality["facts"]["frames_dropped"] == 0


def test_silence_flows_from_the_answer_on(
    desk: RunningGateway, call: Call, rendered: Words
) -> None:
    caller = call(desk, scenario="until_we_hang_up", hold_s=4, is_talking=False)
    record = desk.wait_for(caller.number, "greeting_played")
    caller.expect_success()

    packets = caller.media.packets
    sequence = [packet.sequence for packet in packets]
    assert sequence == [(sequence[0] + step) & 0xFFFF for step in range(len(sequence))]
    # A caller who sends nothing is greeted after the bound of 200 ms; until then he is sent silence.
    assert entries(record, "media_up", reason="bound")
    greeting = find(rendered(GREETING), caller.heard())
    assert greeting.correlation > 0.97
    before = int(greeting.start_s * 50)
    assert before >= 9
    for packet in packets[: before - 1]:
        assert np.abs(decode_mu_law(packet.payload)).max() < 50


def test_held_speech_is_answered_as_one_turn(
    desk: RunningGateway, call: Call, words: Words, rendered: Words
) -> None:
    caller = call(desk)
    desk.wait_for(caller.number, "greeting_started")
    caller.say(words(ASK_HOURS))
    record = desk.wait_for_words(caller.number, "nine to five")

    (turn,) = entries(record, "user_said")
    assert "open" in turn["text"].lower()
    order = kinds(record)
    assert order.index("greeting_played") < order.index("gate_opened") < order.index("user_said")
    (held,) = entries(record, "speech_held")
    assert held["facts"]["held_ms"] > 300
    assert held["facts"]["dropped_ms"] == 0
    # The greeting was not cut for it.
    assert entries(record, "greeting_played", interrupted=False)
    assert find(rendered(GREETING), caller.heard()).correlation > 0.97


def test_dropped_speech_is_no_turn(desk: RunningGateway, call: Call, words: Words) -> None:
    caller = call(desk, "drop")
    desk.wait_for(caller.number, "greeting_started")
    caller.say(words(ASK_HOURS))
    desk.wait_for(caller.number, "gate_opened", reason="greeting_played")
    time.sleep(2)

    record = desk.call_of(caller.number)
    (held,) = entries(record, "speech_held")
    assert held["facts"]["dropped_ms"] > 300
    assert held["facts"]["held_ms"] == 0
    assert not entries(record, "user_said")
    # The agent is not deaf, though.
    caller.say(words(ASK_HOURS))
    desk.wait_for_words(caller.number, "nine to five")


def test_enough_speech_cuts_the_greeting(
    desk: RunningGateway, call: Call, words: Words, rendered: Words
) -> None:
    caller = call(desk, "barge")
    desk.wait_for(caller.number, "greeting_started")
    caller.say(words(INTERRUPT))
    record = desk.wait_for(caller.number, "gate_opened", reason="barge_in")
    (played,) = entries(record, "greeting_played")
    facts = played["facts"]
    assert facts["interrupted"]
    assert 0 < facts["heard_ms"] < facts["duration_ms"] - 1_000

    record = desk.wait_for_words(caller.number, "nine to five")
    (line,) = entries(record, "agent_said", greeting=True)
    assert line["text"]
    assert LONG_GREETING.startswith(line["text"].rstrip(" .,…-"))
    assert len(line["text"]) < len(LONG_GREETING)
    heard = caller.heard()
    greeting = rendered(LONG_GREETING)
    start = find(greeting[: int(facts["heard_ms"] * 8) - 800], heard)
    assert start.correlation > 0.97
    # What follows the cut was never on the wire.
    assert find(greeting[int(facts["heard_ms"] * 8) + 1_600 :][:8_000], heard).correlation < 0.6
