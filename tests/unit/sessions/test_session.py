"""A call from offer to end, promise by promise."""

import asyncio
from typing import Any

import pytest

from gateway.config import AgentBase, EarlySpeech, GreetingSection
from gateway.media.hearing import AudioGone
from gateway.model import events
from gateway.model.frame import RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.line import (
    CallerStarted,
    CallerStopped,
    HeldSpeech,
    KeyPressed,
    Line,
    PlaybackEnded,
    PlaybackStarted,
    Role,
    Said,
)
from gateway.rooms.timeline import Kind
from gateway.sessions.state import SessionState
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import LINK_S, TICK_S, Bench, FakeAgent, FakePhrases, now, speech

GREETING = "Hello and welcome."


def settings(policy: EarlySpeech = EarlySpeech.HOLD, **more: Any) -> AgentBase:
    return AgentBase(greeting=GREETING, early_speech=policy, **more)


def sample(bench: Bench, name: str, **labels: str) -> float:
    value = bench.metrics.registry.get_sample_value(name, labels)
    return 0.0 if value is None else value


# 1 · greeting first, heard in full --------------------------------------------------------------------


def test_greeting_is_queued_before_the_answer_and_played_whole() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.until_gate()

        played = b"".join(frame for _, frame in bench.leg.played)
        assert played == bench.phrases.first_voice.kept[GREETING].pcm
        assert bench.leg.commands == ["answer"]
        started = bench.recorder.one(Kind.GREETING_STARTED)
        media_up = bench.recorder.one(Kind.MEDIA_UP)
        assert 0 <= started.offset_ms - media_up.offset_ms <= 40
        assert sample(bench, "offhook_answer_to_greeting_seconds_count") == 1
        assert sample(bench, "offhook_answer_to_greeting_seconds_sum") <= 0.04
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_the_phone_rings_until_the_greeting_is_there() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.phrases.first_voice.delay_s = 2.0
        bench.start()
        await bench.run_until(1.9)
        assert bench.leg.commands == []
        assert bench.session.state is SessionState.PREPARING

        await bench.run_until(2.1)
        assert bench.leg.commands == ["answer"]
        await bench.until_gate()
        assert bench.recorder.one(Kind.GREETING_STARTED).facts["audio"] == "first_voice"
        await bench.hung_up_by_caller()

    run_virtual(call())


@pytest.mark.parametrize(
    ("first_delay_s", "first_fails", "second_fails", "audio", "text"),
    [
        (60.0, False, False, "second_voice", GREETING),
        (0.0, True, False, "second_voice", GREETING),
        (0.0, True, True, "bundled", "clip greeting"),
    ],
)
def test_a_first_voice_that_fails_is_replaced_by_the_next_best_audio(
    first_delay_s: float, first_fails: bool, second_fails: bool, audio: str, text: str
) -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.phrases.first_voice.delay_s = first_delay_s
        bench.phrases.first_voice.fails = first_fails
        bench.phrases.second_voice.fails = second_fails
        bench.start()
        await bench.until_gate()

        assert bench.recorder.one(Kind.GREETING_STARTED).facts["audio"] == audio
        assert bench.recorder.said() == [("agent", text, False)]
        assert bench.recorder.one(Kind.MEDIA_UP).offset_ms <= 3_000 + 1_000 + 200
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "greeting_played"

    run_virtual(call())


def test_without_any_audio_the_call_is_answered_and_the_gate_says_why() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(), phrases=FakePhrases(second=False, clips=False))
        bench.phrases.first_voice.fails = True
        bench.start()
        await bench.until_gate()
        assert bench.agent.line is not None
        assert bench.agent.line.facts.history == ()
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "synthesis_failed"

    run_virtual(call())


def test_an_agent_without_greeting_has_the_line_at_the_answer() -> None:
    async def call() -> None:
        bench = Bench(settings=AgentBase(greeting=""))
        bench.start()
        await bench.until_gate()
        assert now() - bench.offered_s == pytest.approx(0.05 + LINK_S, abs=0.01)
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "no_greeting"

    run_virtual(call())


# 2 · the gate -----------------------------------------------------------------------------------------


def test_gate_opens_an_echo_tail_after_the_greetings_last_sample() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(), greeting=GreetingSection(echo_tail_ms=120))
        bench.start()
        await bench.until_gate()

        played = bench.recorder.one(Kind.GREETING_PLAYED)
        opened = bench.recorder.one(Kind.GATE_OPENED)
        assert 120 <= opened.offset_ms - played.offset_ms <= 121.5
        assert played.offset_ms >= bench.recorder.one(Kind.GREETING_STARTED).offset_ms + 960
        assert bench.agent.began_s is not None
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "greeting_played"
        reason = {"reason": "greeting_played"}
        assert sample(bench, "offhook_greeting_gate_seconds_count", **reason) == 1

    run_virtual(call())


def test_the_deadline_opens_a_gate_whose_mark_never_comes_back() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(), greeting=GreetingSection(gate_deadline_s=5.0))
        bench.leg.loses_marks = True
        bench.start()
        await bench.until_gate()
        assert now() - bench.offered_s == pytest.approx(5.05, abs=0.02)
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "deadline"

    run_virtual(call())


def test_a_greeting_longer_than_the_deadline_plays_on_and_stands_before_the_first_turn() -> None:
    async def agent(line: Line) -> None:
        line.heard_user("anybody there?", {})

    async def call() -> None:
        bench = Bench(
            settings=settings(),
            greeting=GreetingSection(gate_deadline_s=1.0),
            agent=FakeAgent(agent),
        )
        bench.phrases.first_voice.ms = 3000
        bench.start()
        await bench.until_gate()
        await bench.run_until(5.0)

        assert bench.recorder.said() == [
            ("agent", GREETING, False),
            ("user", "anybody there?", False),
        ]
        assert bench.agent.line is not None
        assert bench.agent.line.facts.history == (Said(Role.AGENT, GREETING),)
        assert len(bench.leg.played) == 150
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "deadline"

    run_virtual(call())


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (HangupCause.CALLER_HUNG_UP, "hung_up"),
        (HangupCause.WORKER_LOST, "endpoint_lost"),
        (HangupCause.NO_MEDIA, "hung_up"),
    ],
)
def test_the_end_of_the_leg_releases_the_gate_and_the_agent_never_starts(
    cause: HangupCause, reason: str
) -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.run_until(0.5)
        assert bench.session.state is SessionState.GREETING
        bench.leg.end(cause, returns_marks=cause is not HangupCause.WORKER_LOST)
        await bench.over()

        assert bench.gate_reason == reason
        assert bench.cause is cause
        assert bench.agent.line is None
        played = bench.recorder.one(Kind.GREETING_PLAYED)
        assert played.facts["interrupted"] is True
        assert played.facts["heard_ms"] == pytest.approx(420, abs=25)
        assert played.facts.get("position_estimated", False) is (cause is HangupCause.WORKER_LOST)
        assert bench.recorder.said() == [("agent", "Hello", True)]

    run_virtual(call())


def test_a_gateway_that_stops_while_a_call_is_written_down_still_writes_it_down() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.recorder.delay_s = 0.5
        bench.start()
        await bench.run_until(0.1)
        bench.leg.end(HangupCause.CALLER_CANCELLED)
        await bench.run_until(0.2)
        assert bench.recorder.ended == []  # its room is not known yet
        assert bench.task is not None
        bench.task.cancel()
        await bench.over()
        assert bench.cause is HangupCause.CALLER_CANCELLED

    run_virtual(call())


def test_a_session_that_is_cancelled_ends_its_call_and_releases_the_gate() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.run_until(0.5)
        assert bench.task is not None
        bench.task.cancel()
        await bench.over()
        assert bench.gate_reason == "cancelled"
        assert bench.leg.commands[-1] == "hang_up draining"

    run_virtual(call())


def test_a_caller_who_gives_up_while_it_rings_leaves_a_record_and_nothing_else() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.phrases.first_voice.delay_s = 2.0
        bench.recorder.delay_s = 0.2
        bench.start()
        await bench.run_until(0.1)
        bench.leg.end(HangupCause.CALLER_CANCELLED)
        await bench.over()
        assert bench.cause is HangupCause.CALLER_CANCELLED
        assert bench.recorder.offered == [("c_test", "room of +15550001", "receptionist")]
        assert bench.leg.commands == []

    run_virtual(call())


def test_a_room_look_up_that_hangs_does_not_keep_the_phone_ringing() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.recorder.delay_s = 500.0
        bench.start()
        await bench.until_gate()
        assert bench.recorder.one(Kind.ANSWERED).offset_ms < 1_200
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_an_answer_that_is_never_acknowledged_ends_the_call() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.leg.answer_s = None
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.NO_ACK
        assert bench.leg.commands == ["answer", "hang_up no_ack"]

    run_virtual(call())


def test_a_greeting_that_is_over_before_the_ack_opens_the_gate_all_the_same() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.leg.answer_s = None
        bench.start()
        await bench.run_until(0.1)
        bench.leg.media_up()
        await bench.until_gate()
        assert bench.session.state is SessionState.CONVERSING
        bench.leg.acknowledge()
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "greeting_played"

    run_virtual(call())


# 3 · nothing said is lost -----------------------------------------------------------------------------


def test_hold_hands_over_everything_said_during_the_greeting_as_one_turn() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.phrases.first_voice.ms = 3000
        bench.start()
        await bench.run_until(0.5)
        await bench.ear.says(0.4)
        await asyncio.sleep(0.5)
        await bench.ear.says(0.6)
        assert bench.agent.line is None
        await bench.until_gate()
        await asyncio.sleep(0.01)

        (held,) = bench.agent.told
        assert isinstance(held, HeldSpeech)
        assert len(held.segments) == 2
        assert not held.is_speaking
        assert bench.agent.line is not None
        audio = bench.agent.line.read(held.segments[0][0], held.segments[1][1])
        assert audio.count(b"\x05") == pytest.approx((0.4 + 0.6 + 0.1) * RATE_HZ, abs=640)
        facts = bench.recorder.one(Kind.SPEECH_HELD).facts
        assert facts["policy"] == "hold"
        assert facts["held_ms"] == pytest.approx(1000, abs=60)
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_hold_hands_over_a_stretch_that_goes_on_at_the_opening() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.run_until(0.8)
        await bench.ear.says(1.0)
        await asyncio.sleep(0.01)

        held, stopped = bench.agent.told
        assert isinstance(held, HeldSpeech)
        assert held.is_speaking
        assert isinstance(stopped, CallerStopped)
        assert stopped.start == held.segments[0][0]
        assert stopped.stop > held.segments[0][1]
        assert bench.agent.line is not None
        audio = bench.agent.line.read(stopped.start, stopped.stop)
        assert set(audio[::2]) == {5}
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_held_speech_older_than_the_ears_memory_can_still_be_read() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.phrases.first_voice.ms = 45_000
        bench.start()
        await bench.run_until(1.0)
        await bench.ear.says(1.0)
        await bench.until_gate(60.0)
        await asyncio.sleep(0.01)
        (held,) = bench.agent.told
        assert isinstance(held, HeldSpeech)
        assert bench.agent.line is not None
        assert set(bench.agent.line.read(*held.segments[0])[::2]) == {5}
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_drop_forgets_what_was_said_but_not_what_is_being_said() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(EarlySpeech.DROP))
        bench.start()
        await bench.run_until(0.3)
        await bench.ear.says(0.3)
        await bench.run_until(0.9)
        await bench.ear.says(1.0)
        await asyncio.sleep(0.01)

        started, stopped = bench.agent.told
        assert isinstance(started, CallerStarted)
        assert isinstance(stopped, CallerStopped)
        assert bench.agent.line is not None
        opened = bench.recorder.one(Kind.GATE_OPENED).offset_ms
        assert started.start == pytest.approx(opened * 16, abs=40)
        assert stopped.start == started.start
        with pytest.raises(AudioGone):
            bench.agent.line.read(started.start - 1600, started.start)
        facts = bench.recorder.one(Kind.SPEECH_HELD).facts
        assert facts["held_ms"] == 0
        assert float(facts["dropped_ms"]) > 300
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_barge_in_cuts_the_greeting_and_hands_the_speech_over() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(EarlySpeech.BARGE_IN))
        bench.phrases.first_voice.ms = 4000
        bench.start()
        await bench.run_until(1.0)
        await bench.ear.says(1.5)
        await asyncio.sleep(0.01)

        assert "clear" in bench.leg.commands
        opened = bench.recorder.one(Kind.GATE_OPENED)
        assert opened.offset_ms == pytest.approx(1500, abs=30)
        played = bench.recorder.one(Kind.GREETING_PLAYED)
        assert played.facts["interrupted"] is True
        assert played.facts["heard_ms"] == pytest.approx(1420, abs=40)
        assert bench.recorder.said() == [("agent", "Hello", True)]
        held, stopped = bench.agent.told
        assert isinstance(held, HeldSpeech)
        assert isinstance(stopped, CallerStopped)
        assert bench.agent.line is not None
        assert bench.agent.line.facts.history == (Said(Role.AGENT, "Hello", interrupted=True),)
        assert sample(bench, "offhook_barge_in_seconds_count") == 1
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "barge_in"

    run_virtual(call())


def test_short_noises_do_not_barge_in() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(EarlySpeech.BARGE_IN))
        bench.phrases.first_voice.ms = 3000
        bench.start()
        for at_s in (0.4, 1.0, 1.6):
            await bench.run_until(at_s)
            await bench.ear.says(0.2)
        await bench.until_gate()
        assert bench.leg.commands == ["answer"]
        await bench.hung_up_by_caller()
        assert bench.gate_reason == "greeting_played"

    run_virtual(call())


@pytest.mark.parametrize("policy", [EarlySpeech.HOLD, EarlySpeech.BARGE_IN])
def test_our_own_echo_is_neither_held_nor_a_barge_in(policy: EarlySpeech) -> None:
    async def is_echo(played: bytes, heard: bytes) -> bool:
        assert played
        return True

    async def call() -> None:
        bench = Bench(settings=settings(policy), is_echo=is_echo)
        bench.phrases.first_voice.ms = 3000
        bench.start()
        await bench.run_until(0.5)
        speaking = asyncio.create_task(bench.ear.says(2.7))
        await bench.until_gate()
        await speaking
        await asyncio.sleep(0.5)

        assert bench.agent.told == []
        assert bench.leg.commands == ["answer"]
        facts = bench.recorder.one(Kind.SPEECH_HELD).facts
        assert float(facts["echo_ms"]) > 2000
        assert facts["held_ms"] == 0
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_what_was_taken_for_echo_and_goes_on_is_the_caller() -> None:
    async def is_echo(played: bytes, heard: bytes) -> bool:
        return True

    async def call() -> None:
        bench = Bench(settings=settings(), is_echo=is_echo)
        bench.start()
        await bench.run_until(0.6)
        await bench.ear.says(2.0)
        await asyncio.sleep(0.01)

        started, stopped = bench.agent.told
        assert isinstance(started, CallerStarted)
        opened = bench.recorder.one(Kind.GATE_OPENED).offset_ms
        assert started.start == pytest.approx(opened * 16, abs=40)
        assert isinstance(stopped, CallerStopped)
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_an_echo_check_that_hangs_does_not_hold_the_gate_and_keeps_the_speech() -> None:
    async def is_echo(played: bytes, heard: bytes) -> bool:
        await asyncio.sleep(100)
        return True

    async def call() -> None:
        bench = Bench(settings=settings(), is_echo=is_echo)
        bench.start()
        await bench.run_until(0.4)
        await bench.ear.says(0.4)
        await bench.until_gate()
        await asyncio.sleep(0.01)
        assert len(bench.agent.heard(HeldSpeech)) == 1
        await bench.hung_up_by_caller()

    run_virtual(call())


@pytest.mark.parametrize("gap_s", [0.0, 0.05, 0.2, 1.0, 1.6])
def test_there_is_no_deaf_window_after_the_greeting(gap_s: float) -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.until(lambda: Kind.GREETING_PLAYED in bench.recorder.kinds())
        await asyncio.sleep(gap_s)
        begun = bench.ear.position
        await bench.ear.says(0.5)
        await asyncio.sleep(0.3)

        first = bench.agent.told[0]
        start = first.segments[0][0] if isinstance(first, HeldSpeech) else None
        if isinstance(first, CallerStarted):
            start = first.start
        assert start == pytest.approx(begun, abs=40)
        assert bench.agent.line is not None
        assert len(bench.agent.line.read(begun + 40, begun + 4000)) == 2 * 3960
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_keys_pressed_during_the_greeting_reach_the_agent_in_order() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.run_until(0.3)
        for digit in "12":
            bench.leg.press(digit)
        await bench.until_gate()
        bench.leg.press("#")
        await asyncio.sleep(0.01)

        keys = [event.digit for event in bench.agent.told if isinstance(event, KeyPressed)]
        assert keys == ["1", "2", "#"]
        assert len(bench.recorder.all(Kind.DTMF)) == 3
        await bench.hung_up_by_caller()

    run_virtual(call())


# 4 · history tells the truth --------------------------------------------------------------------------


def test_what_the_agent_says_is_written_as_it_was_heard() -> None:
    async def agent(line: Line) -> None:
        line.say(speech("one two three four", 2000))
        await asyncio.sleep(1.05)
        line.interrupt("barge_in")
        line.heard_user("wait", {"endpointing_ms": 210.0})
        line.say(speech("of course", 400))

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        await asyncio.sleep(3)

        said = bench.recorder.said()
        assert said[0] == ("agent", GREETING, False)
        assert ("agent", "one two", True) in said
        assert ("user", "wait", False) in said
        assert said[-1] == ("agent", "of course", False)
        ends = [event for event in bench.agent.told if isinstance(event, PlaybackEnded)]
        assert [(end.heard, end.interrupted) for end in ends] == [
            ("one two", True),
            ("of course", False),
        ]
        assert len(bench.agent.heard(PlaybackStarted)) == 2
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_a_paused_playout_goes_on_at_the_very_sample() -> None:
    async def agent(line: Line) -> None:
        line.say(speech("a false alarm changes nothing", 2000))
        await asyncio.sleep(0.8)
        line.pause()
        assert line.is_paused
        await asyncio.sleep(0.5)
        line.resume()

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        frames_before = len(bench.leg.played)
        await asyncio.sleep(4)
        ms = 20 * (len(bench.leg.played) - frames_before)
        assert ms == pytest.approx(2000 + 20, abs=21)  # the clear's fade is repeated
        assert bench.recorder.said()[-1] == ("agent", "a false alarm changes nothing", False)
        assert len(bench.agent.heard(PlaybackStarted)) == 1
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_a_hang_up_in_mid_sentence_keeps_the_words_that_were_heard() -> None:
    async def agent(line: Line) -> None:
        line.say(speech("one two three four", 2000))
        line.say(speech("never begun", 2000))

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        await asyncio.sleep(1.05)
        await bench.hung_up_by_caller()
        assert bench.recorder.said()[1:] == [("agent", "one two", True)]

    run_virtual(call())


# 5 and 7 · nobody is left in silence, every call ends well --------------------------------------------


def test_an_agent_that_fails_apologises_and_the_call_ends_with_its_cause() -> None:
    async def agent(line: Line) -> None:
        raise RuntimeError("no idea")

    async def call() -> None:
        bench = Bench(settings=settings(apology="Sorry."), agent=FakeAgent(agent))
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.AGENT_FAILED
        assert bench.recorder.said() == [("agent", GREETING, False), ("agent", "Sorry.", False)]
        assert "RuntimeError" in str(bench.recorder.one(Kind.AGENT_FAILED).facts["error"])
        assert bench.leg.commands[-1] == "hang_up agent_failed"

    run_virtual(call())


def test_an_agents_goodbye_is_heard_before_the_hang_up() -> None:
    async def agent(line: Line) -> None:
        line.say(speech("good bye then", 1500))
        line.hang_up(HangupCause.AGENT_HUNG_UP)
        line.say(speech("too late", 1500))

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.AGENT_HUNG_UP
        assert bench.recorder.said()[1:] == [("agent", "good bye then", False)]
        ended = bench.recorder.one(Kind.ENDED).offset_ms
        assert ended - bench.recorder.one(Kind.GATE_OPENED).offset_ms == pytest.approx(1500, abs=60)

    run_virtual(call())


def test_a_hang_up_after_playout_is_bounded_when_marks_are_lost() -> None:
    async def agent(line: Line) -> None:
        line.say(speech("good bye then", 1500))
        line.hang_up(HangupCause.AGENT_HUNG_UP)

    async def call() -> None:
        bench = Bench(
            settings=settings(),
            agent=FakeAgent(agent),
            greeting=GreetingSection(gate_deadline_s=3.0),
        )
        bench.leg.loses_marks = True
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.AGENT_HUNG_UP
        assert bench.recorder.one(Kind.ENDED).offset_ms < 13_000

    run_virtual(call())


def test_an_agent_that_hangs_up_at_once_does() -> None:
    async def agent(line: Line) -> None:
        line.say(speech("never heard", 5000))
        line.hang_up(HangupCause.AGENT_HUNG_UP, after_playout=False)

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.AGENT_HUNG_UP
        opened = bench.recorder.one(Kind.GATE_OPENED).offset_ms
        assert bench.recorder.one(Kind.ENDED).offset_ms - opened < 60

    run_virtual(call())


def test_the_longest_call_ends_with_a_goodbye() -> None:
    async def agent(line: Line) -> None:
        for _ in range(100):
            line.say(speech("and so on and so on", 2000))

    async def call() -> None:
        bench = Bench(
            settings=settings(goodbye="Time is up."), agent=FakeAgent(agent), max_call_s=10
        )
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.MAX_DURATION
        assert bench.recorder.said()[-1] == ("agent", "Time is up.", False)
        assert bench.agent.cancelled
        assert bench.recorder.one(Kind.ENDED).offset_ms == pytest.approx(11_100, abs=200)

    run_virtual(call())


def test_closing_during_the_greeting_lets_it_end_and_never_starts_the_agent() -> None:
    async def call() -> None:
        bench = Bench(settings=settings(goodbye="Bye."))
        bench.start()
        await bench.run_until(0.5)
        bench.session.close(HangupCause.DRAINING)
        await bench.over()
        assert bench.agent.line is None
        assert bench.recorder.said() == [("agent", GREETING, False), ("agent", "Bye.", False)]
        assert bench.gate_reason == "closing"
        assert bench.cause is HangupCause.DRAINING

    run_virtual(call())


def test_closing_before_the_answer_refuses_the_call() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.phrases.first_voice.delay_s = 2.0
        bench.start()
        await bench.run_until(0.1)
        bench.session.close(HangupCause.DRAINING)
        await bench.over()
        assert bench.leg.commands == ["reject draining"]
        assert bench.cause is HangupCause.DRAINING

    run_virtual(call())


def test_an_endpoint_that_never_reports_the_end_does_not_keep_the_session() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.leg.reports_end = False
        bench.start()
        await bench.until_gate()
        bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP)
        await bench.over()
        assert bench.cause is HangupCause.OPERATOR_HUNG_UP

    run_virtual(call())


def test_an_overflowing_inbox_ends_the_call() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.until_gate()
        for _ in range(2000):
            bench.session.on_leg_event(events.Dtmf(call_id="c_test", at_s=now(), digit="1"))
        await bench.over()
        assert bench.cause is HangupCause.OVERLOADED

    run_virtual(call())


@pytest.mark.parametrize("broken", ["append", "call_offered", "call_ended"])
def test_a_fault_in_writing_down_still_releases_everything(broken: str) -> None:
    async def call() -> None:
        bench = Bench(settings=settings())

        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        setattr(bench.recorder, broken, fail)
        bench.start()
        await bench.run_until(1.5)
        bench.leg.end(HangupCause.CALLER_HUNG_UP)
        assert bench.task is not None
        await bench.task

        assert bench.ear.closed == 1
        assert bench.leg.ear is None
        assert bench.session.state is SessionState.ENDED
        assert bench.session.is_gate_open
        assert sample(bench, "offhook_calls_active") == 0
        assert bench.leg.commands[0] in ("answer", "reject internal_error")

    run_virtual(call())


def test_an_agent_that_returns_ends_the_call_when_its_last_words_were_heard() -> None:
    class Brief(FakeAgent):
        async def converse(self, line: Line) -> None:
            line.say(speech("see you", 1000))

    async def call() -> None:
        bench = Bench(settings=settings(), agent=Brief())
        bench.start()
        await bench.over()
        assert bench.cause is HangupCause.AGENT_HUNG_UP
        assert bench.recorder.said()[1:] == [("agent", "see you", False)]

    run_virtual(call())


def test_an_agent_that_does_not_take_its_events_has_failed() -> None:
    async def agent(line: Line) -> None:
        await asyncio.sleep(3600)

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        for _ in range(600):
            bench.leg.press("1")
            await asyncio.sleep(0.01)
        await bench.over()
        assert bench.cause is HangupCause.AGENT_FAILED

    run_virtual(call())


def test_after_the_end_the_line_does_nothing() -> None:
    async def call() -> None:
        bench = Bench(settings=settings())
        bench.start()
        await bench.until_gate()
        await asyncio.sleep(0.01)
        line = bench.agent.line
        assert line is not None
        await bench.hung_up_by_caller()
        written, commands = len(bench.recorder.entries), list(bench.leg.commands)

        assert line.say(speech("hello?")) == 0
        line.pause()
        line.resume()
        line.interrupt("x")
        line.heard_user("x", {})
        line.record("x", {})
        line.send_dtmf("1")
        line.play_frame(bytes(640))
        line.listen_frames(True)
        line.hang_up(HangupCause.AGENT_HUNG_UP)
        assert line.read(0, 100) == b""
        assert not line.is_playing
        assert [event async for event in line.events()] == []
        assert [frame async for frame in line.frames()] == []
        await asyncio.sleep(1)
        assert len(bench.recorder.entries) == written
        assert bench.leg.commands == commands
        assert bench.leg.dtmf == []

    run_virtual(call())


def test_frames_reach_an_agent_that_wants_them_and_its_frames_are_played() -> None:
    async def agent(line: Line) -> None:
        line.listen_frames(True)
        async for frame in line.frames():
            line.play_frame(frame)

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        before = len(bench.leg.played)
        for _ in range(10):
            await asyncio.sleep(TICK_S)
            bench.ear.frame()
        await asyncio.sleep(0.1)
        assert len(bench.leg.played) - before == 10
        await bench.hung_up_by_caller()

    run_virtual(call())


def test_the_timeline_tells_the_call_in_order_and_with_milliseconds() -> None:
    async def agent(line: Line) -> None:
        line.heard_user("what time is it", {"recognition_ms": 120.0})
        line.say(speech("it is noon", 600))
        line.record("filler", {"count": 1})
        line.record("message_taken", {"name": "Ann"})

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        await asyncio.sleep(1)
        bench.leg.post(
            events.Statistics(
                call_id="c_test",
                at_s=now(),
                packets_in=100,
                packets_out=99,
                packets_lost_in=1,
                packets_lost_out=0,
                jitter_in_ms=2.0,
                jitter_out_ms=1.0,
                round_trip_ms=20.0,
                frames_dropped=0,
            )
        )
        await asyncio.sleep(0.1)
        await bench.hung_up_by_caller()

        assert bench.recorder.kinds() == [
            Kind.OFFERED,
            Kind.ANSWERED,
            Kind.MEDIA_UP,
            Kind.GREETING_STARTED,
            Kind.GREETING_PLAYED,
            Kind.AGENT_SAID,
            Kind.GATE_OPENED,
            Kind.USER_SAID,
            Kind.AGENT_EVENT,
            Kind.MESSAGE_TAKEN,
            Kind.AGENT_SAID,
            Kind.MEDIA_QUALITY,
            Kind.ENDED,
        ]
        assert bench.recorder.one(Kind.ENDED).facts["cause"] == "caller_hung_up"
        assert bench.recorder.one(Kind.MEDIA_QUALITY).facts["packets_lost_in"] == 1
        said = bench.recorder.all(Kind.AGENT_SAID)[1]
        assert isinstance(said.facts["started_ms"], float)
        assert said.offset_ms - said.facts["started_ms"] == pytest.approx(580, abs=30)

    run_virtual(call())


def test_the_response_time_runs_from_the_last_voiced_sample_to_the_first_of_the_answer() -> None:
    async def agent(line: Line) -> None:
        async for event in line.events():
            if isinstance(event, CallerStopped):
                await asyncio.sleep(0.3)
                line.heard_user("is it", {})
                line.say(speech("yes", 500))
                line.say(speech("it is", 500))

    async def call() -> None:
        bench = Bench(settings=settings(), agent=FakeAgent(agent))
        bench.start()
        await bench.until_gate()
        await asyncio.sleep(0.5)
        await bench.ear.says(1.0)
        await asyncio.sleep(2)
        assert sample(bench, "offhook_turn_response_seconds_count") == 1
        total_s = sample(bench, "offhook_turn_response_seconds_sum")
        assert total_s == pytest.approx(0.1 + 0.3, abs=0.03)
        said = bench.recorder.all(Kind.AGENT_SAID)
        assert said[1].facts["response_ms"] == pytest.approx(total_s * 1000, abs=0.1)
        assert "response_ms" not in said[2].facts
        await bench.hung_up_by_caller()

    run_virtual(call())
