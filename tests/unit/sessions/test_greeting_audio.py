"""The ladder: cached, first voice, second voice, bundled clip; bounded while the phone rings."""

import asyncio
from pathlib import Path

import pytest

from gateway.clips import Clip
from gateway.errors import AssetError
from gateway.model.frame import BYTES_PER_MS
from gateway.model.speech import Speech, Urgency
from gateway.sessions.greeting_audio import AudioSource, FixedPhrases
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import FakePhrases, FakeVoice, now, speech

TEXT = "Good morning."


def test_what_is_cached_comes_at_once() -> None:
    async def work() -> None:
        phrases = FakePhrases()
        phrases.first_voice.kept[TEXT] = speech(TEXT)
        found = await phrases.phrase(TEXT, Clip.GREETING, bound_s=3)

        assert found.source is AudioSource.CACHED
        assert phrases.first_voice.spoken == {}

    run_virtual(work())


@pytest.mark.parametrize(
    ("first_s", "second_s", "clips", "source", "after_s"),
    [
        (1.0, 0.1, True, AudioSource.FIRST_VOICE, 1.0),
        (9.0, 0.1, True, AudioSource.SECOND_VOICE, 3.1),
        (9.0, 9.0, True, AudioSource.BUNDLED, 4.0),
        (9.0, 9.0, False, AudioSource.NONE, 4.0),
    ],
)
def test_each_rung_has_its_time(
    first_s: float, second_s: float, clips: bool, source: AudioSource, after_s: float
) -> None:
    async def work() -> None:
        phrases = FakePhrases(clips=clips)
        phrases.first_voice.delay_s, phrases.second_voice.delay_s = first_s, second_s
        begun = now()
        found = await phrases.phrase(TEXT, Clip.GREETING, bound_s=3)

        assert found.source is source
        assert now() - begun == pytest.approx(after_s)
        assert (found.speech is None) is (source is AudioSource.NONE)
        await phrases.close()

    run_virtual(work())


def test_a_voice_that_was_too_slow_goes_on_for_the_next_caller() -> None:
    async def work() -> None:
        phrases = FakePhrases()
        phrases.first_voice.delay_s = 5.0
        first = await phrases.phrase(TEXT, Clip.GREETING, bound_s=3)
        again = asyncio.create_task(phrases.phrase(TEXT, Clip.GREETING, bound_s=3))
        await asyncio.sleep(3)

        assert first.source is AudioSource.SECOND_VOICE
        assert (await again).source is AudioSource.FIRST_VOICE
        assert phrases.first_voice.spoken[TEXT] == 1
        assert (await phrases.phrase(TEXT, Clip.GREETING, bound_s=3)).source is AudioSource.CACHED

    run_virtual(work())


def test_a_caller_who_gives_up_does_not_stop_the_rendering() -> None:
    async def work() -> None:
        phrases = FakePhrases()
        phrases.first_voice.delay_s = 1.0
        asking = asyncio.create_task(phrases.phrase(TEXT, Clip.GREETING, bound_s=3))
        await asyncio.sleep(0.5)
        asking.cancel()
        await asyncio.sleep(1)

        assert TEXT in phrases.first_voice.kept

    run_virtual(work())


def test_a_fault_in_a_voice_does_not_cost_the_caller_the_greeting() -> None:
    class Broken(FakeVoice):
        async def speak(self, text: str, urgency: Urgency) -> Speech:
            raise ZeroDivisionError(text, urgency)

        async def cached(self, text: str) -> Speech | None:
            raise OSError(text)

    async def work() -> None:
        phrases = FixedPhrases(Broken(), FakeVoice("second"), lambda _: speech("x"), lambda _: b"")
        found = await phrases.phrase(TEXT, Clip.GREETING, bound_s=3)

        assert found.source is AudioSource.SECOND_VOICE

    run_virtual(work())


def test_empty_audio_is_no_audio() -> None:
    async def work() -> None:
        phrases = FakePhrases()
        phrases.first_voice.ms = 0

        assert (await phrases.phrase(TEXT, Clip.GREETING, bound_s=3)).source is (
            AudioSource.SECOND_VOICE
        )

    run_virtual(work())


def test_no_text_is_no_greeting() -> None:
    async def work() -> None:
        found = await FakePhrases().greeting("  ", None, ring_bound_s=3)

        assert found.source is AudioSource.NONE

    run_virtual(work())


def test_a_greeting_file_is_played_with_the_configured_words() -> None:
    async def work() -> None:
        phrases, path = FakePhrases(), Path("hello.wav")
        phrases.wavs[path] = b"\x07\x00" * 1600
        await phrases.load_file(path)
        found = await phrases.greeting(TEXT, path, ring_bound_s=3)

        assert found.source is AudioSource.FILE
        assert found.speech == Speech(TEXT, b"\x07\x00" * 1600, source="file")

    run_virtual(work())


def test_a_greeting_file_that_was_not_loaded_is_rendered_instead() -> None:
    async def work() -> None:
        found = await FakePhrases().greeting(TEXT, Path("gone.wav"), ring_bound_s=3)

        assert found.source is AudioSource.FIRST_VOICE

    run_virtual(work())


@pytest.mark.parametrize("ms", [0, 121_000])
def test_a_greeting_file_without_audio_or_too_long_is_refused(ms: int) -> None:
    async def work() -> None:
        phrases, path = FakePhrases(), Path("hello.wav")
        phrases.wavs[path] = bytes(ms * BYTES_PER_MS)
        with pytest.raises(AssetError, match=r"hello\.wav"):
            await phrases.load_file(path)

    run_virtual(work())


def test_bundled_clips_are_read_once_and_a_missing_one_is_not_fatal() -> None:
    def load(clip: Clip) -> Speech:
        if clip is Clip.GOODBYE:
            raise AssetError("gone")
        return speech(clip.value)

    async def work() -> None:
        broken = FakeVoice()
        broken.fails = True
        phrases = FixedPhrases(broken, None, load, lambda _: b"")
        await phrases.load_clips()

        assert (await phrases.phrase("x", Clip.APOLOGY, bound_s=1)).source is AudioSource.BUNDLED
        assert (await phrases.phrase("x", Clip.GOODBYE, bound_s=1)).source is AudioSource.NONE

    run_virtual(work())


def test_rendering_ahead_tells_how_far_it_is_and_survives_failures() -> None:
    async def work() -> None:
        phrases = FakePhrases()
        told: list[tuple[int, int, str]] = []
        failed = await phrases.render_ahead(
            ["a", "b", "a", " "], lambda done, total, text: told.append((done, total, text))
        )
        assert failed == 0
        assert told == [(0, 2, ""), (1, 2, "a"), (2, 2, "b")]

        phrases.first_voice.fails = True
        assert await phrases.render_ahead(["c", "d"], lambda *_: None) == 2

    run_virtual(work())


def test_what_somebody_writes_while_a_call_goes_on_is_said_by_voices_that_keep_nothing() -> None:
    async def work() -> None:
        keeping, other, passing = FakeVoice("first"), FakeVoice("second"), FakeVoice("passing")
        phrases = FixedPhrases(keeping, other, lambda _: speech("x"), lambda _: b"", [passing])
        found = await phrases.exact("Your number is 4111.", bound_s=3)

        assert found.source is AudioSource.FIRST_VOICE
        assert passing.spoken["Your number is 4111."] == 1
        assert keeping.spoken == {}
        passing.fails = True
        assert (await phrases.exact("Another.", bound_s=3)).speech is None

    run_virtual(work())
