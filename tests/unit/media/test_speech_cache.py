"""The cache in front of a voice: each text is rendered once, whoever asks, gives up or fails."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import ProviderUnavailable
from gateway.media.speech_cache import CachedVoice, SpeechCache, cache_key
from gateway.model.speech import Speech, Urgency, Word
from tests.support.virtual_clock import run_virtual

TEXT = "Hello."


class SlowVoice:
    """Takes a second; counts what it was asked and what was cancelled."""

    name = "joe"

    def __init__(self) -> None:
        self.asked: list[tuple[str, Urgency]] = []
        self.cancelled = 0
        self.fails = False

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        self.asked.append((text, urgency))
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails:
            raise ProviderUnavailable("down")
        return Speech(text, b"\x01\x00" * 160, (Word(text, 0, 10),), "joe")


async def asked(voice: CachedVoice, text: str = TEXT, urgency: Urgency = Urgency.TURN) -> Speech:
    return await voice.speak(text, urgency)


@pytest.mark.parametrize(
    "other", [("jane", TEXT, 16_000), ("joe", "Hello!", 16_000), ("joe", TEXT, 8_000)]
)
def test_keys_differ_by_voice_text_and_rate(other: tuple[str, str, int]) -> None:
    assert cache_key("joe", TEXT, 16_000) != cache_key(*other)
    assert cache_key("joe", TEXT, 16_000) == cache_key("joe", TEXT)


def test_a_text_is_rendered_once_and_kept_across_restarts(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        assert await voice.cached(TEXT) is None
        first = await asked(voice)
        assert await asked(voice) is first
        await voice.close()

        again = CachedVoice(slow, SpeechCache(tmp_path))
        assert await again.cached(TEXT) == first
        assert len(slow.asked) == 1

    run_virtual(work())


def test_what_one_caller_was_told_is_not_kept_on_the_disk(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        cache = SpeechCache(tmp_path)
        fixed, passing = (
            CachedVoice(slow, cache),
            CachedVoice(slow, cache, lasts={"Hello."}.__contains__),
        )
        told = await asked(passing, "Your number is 4111.")
        assert await asked(passing, "Your number is 4111.") is told
        await asked(passing, "Hello.")
        greeting = await asked(fixed)
        assert await asked(passing) is greeting  # what is fixed serves both
        await fixed.close()
        await passing.close()

        again = SpeechCache(tmp_path)
        assert await again.get("joe", TEXT) == greeting
        assert await again.get("joe", "Hello.") is not None
        assert await again.get("joe", "Your number is 4111.") is None

    run_virtual(work())


def test_equal_requests_share_one_rendering(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        results = await asyncio.gather(*(asked(voice) for _ in range(5)), asked(voice, "Other."))
        assert len(slow.asked) == 2
        assert all(result == results[0] for result in results[:5])
        await voice.close()

    run_virtual(work())


def test_one_who_gives_up_does_not_take_it_from_the_others(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        impatient, patient = (asyncio.create_task(asked(voice)) for _ in range(2))
        await asyncio.sleep(0.5)
        impatient.cancel()
        assert (await patient).text == TEXT
        assert slow.cancelled == 0
        await voice.close()

    run_virtual(work())


def test_the_last_who_gives_up_cancels_it_and_the_next_begins_anew(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        task = asyncio.create_task(asked(voice))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.sleep(0)
        assert (await asked(voice)).text == TEXT
        assert slow.cancelled == 1
        assert len(slow.asked) == 2
        await voice.close()

    run_virtual(work())


def test_somebody_more_urgent_does_not_wait_in_the_same_place(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        ahead = asyncio.create_task(asked(voice, urgency=Urgency.AHEAD))
        await asyncio.sleep(0.5)
        urgent = asyncio.create_task(asked(voice, urgency=Urgency.TURN))
        await asyncio.sleep(0.1)
        lazy = asyncio.create_task(asked(voice, urgency=Urgency.NEXT_SENTENCE))
        await asyncio.gather(ahead, urgent, lazy)
        assert [urgency for _, urgency in slow.asked] == [Urgency.AHEAD, Urgency.TURN]
        await voice.close()

    run_virtual(work())


def test_a_failure_reaches_everybody_and_is_not_kept(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        slow.fails = True
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        results = await asyncio.gather(*(asked(voice) for _ in range(2)), return_exceptions=True)
        assert all(isinstance(result, ProviderUnavailable) for result in results)
        slow.fails = False
        assert (await asked(voice)).text == TEXT
        await voice.close()

    run_virtual(work())


def test_memory_is_bounded_and_the_least_used_goes_first(tmp_path: Path) -> None:
    async def work() -> None:
        cache = SpeechCache(tmp_path, memory_limit_bytes=1000)
        for text in "abc":
            await cache.put("joe", Speech(text, bytes(400)))
        assert cache.memory_bytes == 800
        assert await cache.get("joe", "a") == Speech(
            "a", bytes(400)
        )  # from disk, and back in memory
        assert cache.memory_bytes == 800
        await cache.put("joe", Speech("a", bytes(600)))
        assert cache.memory_bytes <= 1000

    run_virtual(work())


def test_memory_serves_when_the_disk_does_not(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "file").write_text("in the way")
        voice = CachedVoice(SlowVoice(), SpeechCache(tmp_path / "file" / "cache"))
        first = await asked(voice)
        assert await asked(voice) is first
        await voice.close()

    run_virtual(work())


def test_speech_of_another_text_than_asked_is_not_kept_under_it(tmp_path: Path) -> None:
    class Paraphrasing(SlowVoice):
        async def speak(self, text: str, urgency: Urgency) -> Speech:
            speech = await super().speak(text, urgency)
            return Speech("something else", speech.pcm)

    async def work() -> None:
        voice = CachedVoice(Paraphrasing(), SpeechCache(tmp_path))
        await asked(voice)
        assert await voice.cached(TEXT) is None
        assert await voice.cached("something else") is None
        await voice.close()

    run_virtual(work())


def test_close_cancels_what_is_under_way(tmp_path: Path) -> None:
    async def work() -> None:
        slow = SlowVoice()
        voice = CachedVoice(slow, SpeechCache(tmp_path))
        task = asyncio.create_task(asked(voice))
        await asyncio.sleep(0.1)
        await voice.close()
        await voice.close()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert slow.cancelled == 1

    run_virtual(work())
