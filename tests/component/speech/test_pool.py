"""The speech pool with real processes, but without models."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents.speech import dispatch
from agents.speech.pool import SpeechPool
from agents.voices import LocalVoice
from gateway.config import SpeechSection
from gateway.errors import AssetError, ProviderRefused, ProviderUnavailable
from gateway.model.speech import Urgency

FAKE = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))


@asynccontextmanager
async def pool_of(workers=1, queue_limit=64, job_timeout_s=5.0, command=FAKE):
    section = SpeechSection(workers=workers, queue_limit=queue_limit, job_timeout_s=job_timeout_s)
    pool = SpeechPool(section, command=command)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (looks at another process)
            await asyncio.sleep(0.01)


def begin(pool, text, urgency=Urgency.TURN):
    return asyncio.create_task(pool.speak(text, urgency))


async def test_jobs_are_done_and_counted():
    async with pool_of(workers=2) as pool:
        speech = await pool.speak("hello", Urgency.TURN)

        assert speech.text == "hello"
        assert speech.words[0].text == "pid"
        assert pool.statistics().ready == 2
        assert sum(pool.statistics().done.values()) == 1


async def test_twenty_jobs_at_once_are_shared_by_the_workers():
    async with pool_of(workers=2) as pool:
        speeches = await asyncio.gather(
            *(pool.speak("sleep 0.01", Urgency.TURN) for _ in range(20))
        )

        assert len({speech.source for speech in speeches}) == 2


async def test_a_worker_killed_in_mid_job_is_replaced_and_the_job_done_again(tmp_path):
    async with pool_of() as pool:
        speech = await pool.speak(f"crash-once {tmp_path / 'crashed'}", Urgency.TURN)

        assert speech.source != ""
        assert pool.statistics().restarts == 1
        assert pool.statistics().failed == 0


async def test_a_job_that_kills_every_worker_is_given_up_and_others_go_on():
    async with pool_of(workers=2) as pool:
        with pytest.raises(ProviderUnavailable, match="died"):
            await pool.speak("crash", Urgency.TURN)

        assert (await pool.speak("hello", Urgency.TURN)).text == "hello"
        await until(lambda: pool.statistics().ready == 2)


async def test_an_idle_worker_that_dies_is_replaced():
    async with pool_of() as pool:
        before = (await pool.speak("hello", Urgency.TURN)).source
        os.kill(int(before), signal.SIGKILL)
        await until(lambda: pool.statistics().restarts == 1)

        assert (await pool.speak("hello", Urgency.TURN)).source != before


async def test_a_worker_that_breaks_the_protocol_is_replaced():
    async with pool_of() as pool:
        with pytest.raises(ProviderUnavailable):
            await pool.speak("garble", Urgency.TURN)

        assert (await pool.speak("hello", Urgency.TURN)).text == "hello"


async def test_a_hung_worker_is_killed_and_its_job_not_tried_again():
    async with pool_of(job_timeout_s=1.0) as pool:
        hung = int((await pool.speak("hello", Urgency.TURN)).source)
        with pytest.raises(ProviderUnavailable, match="longer than 1 s"):
            await pool.speak("sleep 60", Urgency.TURN)
        await until(lambda: pool.statistics().ready == 1 and pool.statistics().restarts == 1)

        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        assert pool.statistics().timed_out == 1


async def test_failures_and_refusals_leave_the_worker_alive():
    async with pool_of() as pool:
        before = (await pool.speak("hello", Urgency.TURN)).source
        with pytest.raises(ProviderUnavailable, match="boom"):
            await pool.speak("fail boom", Urgency.TURN)
        with pytest.raises(ProviderRefused, match="never"):
            await pool.speak("refuse never", Urgency.TURN)
        with pytest.raises(ProviderRefused, match="not asked to load"):
            await pool.end_of_turn(bytes(640))

        assert (await pool.speak("hello", Urgency.TURN)).source == before


async def test_when_the_queue_is_full_the_least_urgent_is_refused():
    async with pool_of(queue_limit=4) as pool:
        running = begin(pool, "sleep 0.3")
        await until(lambda: pool.statistics().busy == 1)
        waiting = [begin(pool, "ahead", Urgency.AHEAD) for _ in range(4)]
        await until(lambda: sum(pool.statistics().queued.values()) == 4)

        with pytest.raises(ProviderUnavailable, match="too many"):
            await pool.speak("one more", Urgency.AHEAD)
        urgent = await pool.speak("urgent", Urgency.TURN)

        assert urgent.text == "urgent"
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(outcome, ProviderUnavailable) for outcome in outcomes] == [
            False,
            False,
            False,
            True,
        ]
        assert pool.statistics().refused == 2
        await running


async def test_rendering_ahead_keeps_at_most_one_worker_busy():
    async with pool_of(workers=2) as pool:
        ahead = [begin(pool, "sleep 0.2", Urgency.AHEAD) for _ in range(3)]
        await until(lambda: pool.statistics().busy == 1)

        began_s = time.monotonic()
        await pool.speak("hello", Urgency.TURN)

        assert time.monotonic() - began_s < 0.15
        assert pool.statistics().busy == 1
        await asyncio.gather(*ahead)


async def test_a_cancelled_caller_gives_up_its_place():
    async with pool_of() as pool:
        running = begin(pool, "sleep 0.2")
        await until(lambda: pool.statistics().busy == 1)
        waiting = begin(pool, "hello")
        await until(lambda: pool.statistics().queued[Urgency.TURN] == 1)

        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        assert pool.statistics().queued[Urgency.TURN] == 0
        await running
        assert sum(pool.statistics().done.values()) == 1


async def test_a_caller_cancelled_in_mid_job_does_not_confuse_the_next():
    async with pool_of() as pool:
        running = begin(pool, "sleep 0.2")
        await until(lambda: pool.statistics().busy == 1)
        running.cancel()

        assert (await pool.speak("hello", Urgency.TURN)).text == "hello"


async def test_stopping_fails_what_waits_and_ends_the_processes():
    async with pool_of() as pool:
        pid = int((await pool.speak("hello", Urgency.TURN)).source)
        tasks = [begin(pool, "sleep 0.3"), begin(pool, "hello")]
        await until(lambda: pool.statistics().busy == 1)

        await pool.stop()
        await pool.stop()

        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, ProviderUnavailable) for outcome in outcomes)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(ProviderUnavailable, match="not running"):
            await pool.speak("hello", Urgency.TURN)


async def test_a_missing_model_fails_the_start_with_the_remedy():
    with pytest.raises(AssetError, match="install it"):
        async with pool_of(command=(*FAKE, "--lack", "install it")):
            pass


async def test_workers_that_never_become_ready_fail_the_start(monkeypatch):
    monkeypatch.setattr(dispatch, "_READY_S", 1.0)
    with pytest.raises(ProviderUnavailable, match="no speech worker became ready"):
        async with pool_of(command=(*FAKE, "--stay-silent")):
            pass


async def test_too_much_is_refused_without_asking_a_worker():
    async with pool_of() as pool:
        with pytest.raises(ProviderRefused):
            await pool.transcribe(bytes(32_000 * 121))
        with pytest.raises(ProviderRefused):
            await pool.speak("x" * 2_001, Urgency.TURN)
        with pytest.raises(ProviderRefused):
            await pool.embed(["x"] * 2_001)
        with pytest.raises(ProviderRefused, match="too much for one speech job"):
            await pool.embed(["\U0001f600" * 50_000])


async def test_text_with_half_a_character_is_no_trouble():
    async with pool_of() as pool:
        assert (await pool.speak("hello \ud83d", Urgency.TURN)).text == "hello \ud83d"


async def test_the_local_voice_speaks_sentence_by_sentence():
    async with pool_of() as pool:
        voice = LocalVoice(pool)

        speech = await voice.speak("One thing. Another.", Urgency.TURN)

        assert voice.name.startswith("joe-")
        assert speech.text == "One thing. Another."
        assert [word.start_ms for word in speech.words] == [0.0, 1 / 16]
        assert (await voice.speak("", Urgency.TURN)).pcm == b""
        with pytest.raises(ProviderRefused):
            await voice.speak("x " * 3_000, Urgency.TURN)
