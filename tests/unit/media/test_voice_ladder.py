"""Several voices as one."""

import asyncio

import pytest

from gateway.errors import ProviderRefused, ProviderUnavailable
from gateway.media.voice_ladder import LadderVoice
from gateway.model.speech import Speech, Urgency
from tests.support.virtual_clock import run_virtual


class ToyVoice:
    def __init__(self, name: str, error: Exception | None = None, delay_s: float = 0.0) -> None:
        self.name = name
        self.error = error
        self.delay_s = delay_s
        self.asked = 0

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        assert urgency is Urgency.TURN
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return Speech(text, bytes(64), source=self.name)


async def spoken_by(ladder: LadderVoice) -> str:
    return (await ladder.speak("Hello.", Urgency.TURN)).source


def test_a_ladder_needs_a_voice() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LadderVoice([])


def test_its_name_names_all_rungs() -> None:
    assert LadderVoice([ToyVoice("a"), ToyVoice("b")]).name == "ladder:a,b"


@pytest.mark.parametrize(
    "error", [None, ProviderUnavailable("x"), ProviderRefused("x"), ZeroDivisionError()]
)
def test_the_first_that_can_speaks(error: Exception | None) -> None:
    async def work() -> None:
        ladder = LadderVoice([ToyVoice("a", error), ToyVoice("b")])
        assert await spoken_by(ladder) == ("b" if error else "a")

    run_virtual(work())


def test_a_voice_that_takes_too_long_is_passed_over() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        ladder = LadderVoice([ToyVoice("a", delay_s=60), ToyVoice("b")], timeout_s=2)
        begun = loop.time()
        assert await spoken_by(ladder) == "b"
        assert loop.time() - begun == pytest.approx(2)

    run_virtual(work())


def test_a_voice_that_keeps_failing_is_left_out_for_a_while() -> None:
    async def work() -> None:
        first = ToyVoice("a", ProviderUnavailable("x"))
        ladder = LadderVoice([first, ToyVoice("b")], failures=3, open_s=30)
        for _ in range(5):
            assert await spoken_by(ladder) == "b"
        assert first.asked == 3

        first.error = None
        await asyncio.sleep(30)
        assert await spoken_by(ladder) == "a"

    run_virtual(work())


def test_a_refused_text_is_no_sign_of_ill_health() -> None:
    async def work() -> None:
        first = ToyVoice("a", ProviderRefused("this text"))
        ladder = LadderVoice([first, ToyVoice("b")], failures=1)
        for _ in range(4):
            assert await spoken_by(ladder) == "b"
        assert first.asked == 4

    run_virtual(work())


def test_a_cancelled_probe_does_not_leave_the_voice_out_for_ever() -> None:
    async def work() -> None:
        first = ToyVoice("a", ProviderUnavailable("x"))
        ladder = LadderVoice([first, ToyVoice("b")], failures=1, open_s=30)
        await spoken_by(ladder)
        first.error, first.delay_s = None, 5.0
        await asyncio.sleep(30)
        probe = asyncio.create_task(spoken_by(ladder))
        await asyncio.sleep(1)
        probe.cancel()
        await asyncio.sleep(0)
        assert await spoken_by(ladder) == "a"

    run_virtual(work())


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((ProviderUnavailable("x"), ProviderUnavailable("y")), ProviderUnavailable),
        ((ProviderUnavailable("x"), ProviderRefused("y")), ProviderRefused),
        ((ZeroDivisionError(), ZeroDivisionError()), ProviderUnavailable),
    ],
)
def test_when_none_can_the_error_says_so(
    errors: tuple[Exception, Exception], expected: type[Exception]
) -> None:
    async def work() -> None:
        ladder = LadderVoice([ToyVoice("a", errors[0]), ToyVoice("b", errors[1])])
        with pytest.raises(expected):
            await spoken_by(ladder)

    run_virtual(work())


def test_when_all_are_left_out_the_error_says_so() -> None:
    async def work() -> None:
        ladder = LadderVoice([ToyVoice("a", ProviderUnavailable("x"))], failures=1)
        for _ in range(2):
            with pytest.raises(ProviderUnavailable):
                await spoken_by(ladder)

    run_virtual(work())
