"""The promises of `gateway.model.endpoint`, as tests that every endpoint must pass.

Subclass `EndpointContract` in a test module and give it a fixture `harness` that implements
`tests.support.endpoint_harness.EndpointHarness`. Times are generous and levels are compared, not
samples, so that a real telephone line with a codec and a jitter buffer between passes too.
"""

import asyncio

import pytest

from gateway.model.endpoint import MARKS_LIMIT
from gateway.model.events import (
    Answered,
    Cleared,
    Dtmf,
    Ended,
    Marked,
    MediaUp,
)
from gateway.model.hangup import HangupCause
from tests.support.endpoint_harness import EndpointHarness, FarEndHarness, sounding_ms
from tests.support.fake_call import tone
from tests.support.leg_recorder import RecordedLeg

SLACK_MS = 60
"""How much more or less than queued may sound, for buffers at the edges of what is played."""


class EndpointContract:
    """Inherit and provide `harness`."""

    @pytest.fixture
    def harness(self) -> EndpointHarness:
        raise NotImplementedError("the test class for an endpoint provides its harness")

    async def take(self, harness: EndpointHarness) -> tuple[RecordedLeg, FarEndHarness]:
        """Have one call offered."""
        before = len(harness.recorder.legs)
        far = await harness.offer()
        return await harness.recorder.wait_offer(before + 1), far

    async def take_up(self, harness: EndpointHarness) -> tuple[RecordedLeg, FarEndHarness]:
        """Have one call offered, answer it and wait until it can be heard."""
        call, far = await self.take(harness)
        call.leg.answer()
        await call.wait_for(Answered)
        await call.wait_for(MediaUp)
        return call, far

    async def test_an_offer_has_a_fresh_call_id_and_appears_among_the_legs(
        self, harness: EndpointHarness
    ) -> None:
        one, _ = await self.take(harness)
        two, _ = await self.take(harness)

        assert one.leg.call_id == one.offered.call_id
        assert one.leg.call_id != two.leg.call_id
        assert {leg.call_id for leg in harness.endpoint.legs()} == {
            one.leg.call_id,
            two.leg.call_id,
        }
        assert one.offered.endpoint is harness.endpoint.kind

    async def test_an_answered_call_is_answered_and_has_media_once(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)

        call.leg.answer()
        call.leg.mark("later")
        await call.wait_mark("later")

        assert len(call.of(Answered)) == 1
        assert len(call.of(MediaUp)) == 1

    async def test_audio_queued_before_the_answer_is_heard_from_its_first_sample(
        self, harness: EndpointHarness
    ) -> None:
        call, far = await self.take(harness)
        call.leg.mark("start")
        call.leg.play(tone(400))
        call.leg.mark("end")
        call.leg.answer()

        start = await call.wait_mark("start")
        end = await call.wait_mark("end")
        await asyncio.sleep(0.2)

        up = call.of(MediaUp)[0]
        assert start.played_ms == 0
        assert start.at_s >= up.at_s
        assert end.played_ms == 400
        assert end.at_s - start.at_s >= 0.3
        assert not start.cleared
        assert not end.cleared
        assert abs(sounding_ms(await far.heard()) - 400) <= SLACK_MS

    async def test_nothing_is_played_before_the_answer(self, harness: EndpointHarness) -> None:
        call, _ = await self.take(harness)
        call.leg.play(tone(100))
        call.leg.mark("end")

        await asyncio.sleep(0.3)

        assert call.of(Marked) == []

    async def test_a_mark_comes_back_after_what_was_queued_before_it(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)
        for index in range(5):
            call.leg.play(tone(100))
            call.leg.mark(f"m{index}")

        await call.wait_mark("m4")

        marks = call.of(Marked)
        assert [mark.name for mark in marks] == ["m0", "m1", "m2", "m3", "m4"]
        assert [mark.played_ms for mark in marks] == [100, 200, 300, 400, 500]
        assert not any(mark.cleared for mark in marks)

    async def test_audio_of_odd_frame_lengths_joins_without_gaps(
        self, harness: EndpointHarness
    ) -> None:
        call, far = await self.take_up(harness)
        audio = tone(300)
        for start in range(0, len(audio), 246):
            call.leg.play(audio[start : start + 246])
        call.leg.mark("end")

        end = await call.wait_mark("end")
        await asyncio.sleep(0.2)

        assert end.played_ms == 300
        assert abs(sounding_ms(await far.heard()) - 300) <= SLACK_MS

    async def test_long_audio_arrives_whole(self, harness: EndpointHarness) -> None:
        call, _ = await self.take_up(harness)
        call.leg.play(tone(2_500))
        call.leg.mark("end")

        assert (await call.wait_mark("end")).played_ms == 2_500

    async def test_silence_between_does_not_count_as_played(self, harness: EndpointHarness) -> None:
        call, _ = await self.take_up(harness)
        call.leg.play(tone(100))
        call.leg.mark("one")
        await call.wait_mark("one")
        await asyncio.sleep(0.3)
        call.leg.play(tone(100))
        call.leg.mark("two")

        assert (await call.wait_mark("two")).played_ms == 200

    async def test_a_mark_in_an_empty_queue_comes_back_soon(self, harness: EndpointHarness) -> None:
        call, _ = await self.take_up(harness)
        call.leg.mark("now")

        mark = await call.wait_mark("now")

        assert mark.played_ms == 0
        assert not mark.cleared

    async def test_clear_returns_the_marks_then_itself_then_there_is_silence(
        self, harness: EndpointHarness
    ) -> None:
        call, far = await self.take_up(harness)
        call.leg.mark("start")
        call.leg.play(tone(3_000))
        call.leg.mark("one")
        call.leg.mark("two")
        await call.wait_mark("start")
        await asyncio.sleep(0.4)
        call.leg.clear()

        cleared = await call.wait_for(Cleared)
        await asyncio.sleep(0.5)

        kinds = [(type(event), getattr(event, "name", "")) for event in call.events[-3:]]
        assert kinds == [(Marked, "one"), (Marked, "two"), (Cleared, "")]
        marks = call.of(Marked)
        assert [mark.cleared for mark in marks] == [False, True, True]
        assert {mark.played_ms for mark in marks[1:]} == {cleared.played_ms}
        assert 200 <= cleared.played_ms <= 1_500
        assert abs(sounding_ms(await far.heard()) - cleared.played_ms) <= SLACK_MS

    async def test_what_is_played_after_a_clear_is_counted_on(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)
        call.leg.play(tone(1_000))
        await asyncio.sleep(0.2)
        call.leg.clear()
        call.leg.play(tone(200))
        call.leg.mark("end")

        cleared = await call.wait_for(Cleared)
        end = await call.wait_mark("end")

        assert end.played_ms == cleared.played_ms + 200
        assert not end.cleared

    async def test_clear_of_an_empty_queue_reports_the_position(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)
        call.leg.play(tone(60))
        call.leg.mark("end")
        await call.wait_mark("end")
        call.leg.clear()

        assert (await call.wait_for(Cleared)).played_ms == 60

    async def test_a_mark_too_many_comes_back_cleared_at_once(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)
        call.leg.play(tone(2_000))
        for index in range(MARKS_LIMIT + 1):
            call.leg.mark(f"m{index}")

        mark = await call.wait_for(Marked)

        assert mark.name == f"m{MARKS_LIMIT}"
        assert mark.cleared

    async def test_the_caller_is_heard_at_the_bound_ear_only(
        self, harness: EndpointHarness
    ) -> None:
        call, far = await self.take_up(harness)
        await far.speak(tone(200))
        await asyncio.sleep(0.4)
        assert harness.recorder.audio == {}
        call.leg.bind_ear(7)
        await far.speak(tone(300))
        await asyncio.sleep(0.6)
        call.leg.bind_ear(None)
        await far.speak(tone(400))
        await asyncio.sleep(0.6)

        assert list(harness.recorder.audio) == [7]
        assert abs(sounding_ms(bytes(harness.recorder.audio[7])) - 300) <= SLACK_MS

    async def test_keys_go_both_ways(self, harness: EndpointHarness) -> None:
        call, far = await self.take_up(harness)
        await far.press("7")

        assert (await call.wait_for(Dtmf)).digit == "7"

        call.leg.send_dtmf("12#")
        await asyncio.sleep(1.5)  # a digit takes some hundred milliseconds on a real line
        assert await far.keys_heard() == "12#"

    async def test_unknown_keys_are_refused_before_anything_is_sent(
        self, harness: EndpointHarness
    ) -> None:
        call, far = await self.take_up(harness)

        with pytest.raises(ValueError, match="keys"):
            call.leg.send_dtmf("12x")

        await asyncio.sleep(0.3)
        assert await far.keys_heard() == ""

    async def test_half_samples_are_refused(self, harness: EndpointHarness) -> None:
        call, _ = await self.take(harness)

        with pytest.raises(ValueError, match="bytes"):
            call.leg.play(b"\0" * 641)

    async def test_the_far_end_hangs_up(self, harness: EndpointHarness) -> None:
        call, far = await self.take_up(harness)
        call.leg.mark("begun")
        call.leg.play(tone(5_000))
        call.leg.mark("never")
        await call.wait_mark("begun")
        await asyncio.sleep(0.1)  # commands on their way when the call ends bring back nothing
        await far.hang_up()

        ended = await call.wait_ended()

        assert ended.cause is HangupCause.CALLER_HUNG_UP
        mark = call.of(Marked)[-1]
        assert (mark.name, mark.cleared) == ("never", True)
        assert call.leg.call_id not in [leg.call_id for leg in harness.endpoint.legs()]

    async def test_the_far_end_gives_up_before_the_answer(self, harness: EndpointHarness) -> None:
        call, far = await self.take(harness)
        await far.hang_up()

        assert (await call.wait_ended()).cause is HangupCause.CALLER_CANCELLED

    async def test_a_rejected_offer_ends_with_its_cause(self, harness: EndpointHarness) -> None:
        call, _ = await self.take(harness)
        call.leg.reject(HangupCause.BUSY)

        assert (await call.wait_ended()).cause is HangupCause.BUSY
        assert call.of(Answered) == []

    async def test_hanging_up_twice_ends_the_call_once_with_the_first_cause(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)
        call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
        call.leg.hang_up(HangupCause.MAX_DURATION)

        ended = await call.wait_ended()
        call.leg.hang_up(HangupCause.MAX_DURATION)
        await asyncio.sleep(0.2)

        assert ended.cause is HangupCause.AGENT_HUNG_UP
        assert len(call.of(Ended)) == 1

    async def test_nothing_follows_the_end_whatever_is_commanded(
        self, harness: EndpointHarness
    ) -> None:
        call, _ = await self.take_up(harness)
        call.leg.bind_ear(3)
        call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
        await call.wait_ended()
        count = len(call.events)

        call.leg.bind_ear(4)
        call.leg.answer()
        call.leg.play(tone(100))
        call.leg.mark("late")
        call.leg.clear()
        call.leg.send_dtmf("1")
        call.leg.reject(HangupCause.BUSY)
        call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
        await asyncio.sleep(0.3)

        assert len(call.events) == count
        assert isinstance(call.events[-1], Ended)
        assert 4 not in harness.recorder.audio

    async def test_events_are_stamped_in_order(self, harness: EndpointHarness) -> None:
        call, _ = await self.take_up(harness)
        call.leg.play(tone(100))
        call.leg.mark("end")
        await call.wait_mark("end")
        call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
        await call.wait_ended()

        times = [call.offered.at_s, *(event.at_s for event in call.events)]
        assert times == sorted(times)
        assert {event.call_id for event in call.events} == {call.offered.call_id}

    async def test_stopping_ends_every_leg_and_may_be_done_twice(
        self, harness: EndpointHarness
    ) -> None:
        ringing, _ = await self.take(harness)
        talking, _ = await self.take_up(harness)

        await harness.endpoint.stop()
        await harness.endpoint.stop()

        for call in (ringing, talking):
            assert [ended.cause for ended in call.of(Ended)] == [HangupCause.DRAINING]
        assert harness.endpoint.legs() == []
        assert not harness.endpoint.is_ready
