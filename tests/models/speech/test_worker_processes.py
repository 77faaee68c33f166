"""The pool with the real models."""

import asyncio
import os
import signal

import pytest

from agents.local import assets
from agents.speech.pool import SpeechPool
from agents.voices import LocalVoice
from gateway.config import SpeechSection
from gateway.errors import AssetError
from gateway.model.speech import Urgency


async def test_everything_through_one_worker_that_is_killed_in_mid_job():
    try:
        for locate in assets.ASSETS.values():
            locate()
    except AssetError as error:
        pytest.skip(str(error))
    pool = SpeechPool(SpeechSection(workers=1))
    await pool.start()
    try:
        voice = LocalVoice(pool)
        speech = await voice.speak("I would like to talk to somebody, please.", Urgency.TURN)
        heard = await pool.transcribe(speech.pcm)
        probability = await pool.end_of_turn(speech.pcm)
        rows = await pool.embed(["one", "two"])
        niceness = os.getpriority(os.PRIO_PROCESS, pool.statistics().pids[0])

        assert "talk to somebody" in heard.text
        assert 0 <= probability <= 1
        assert rows.shape[0] == 2
        assert niceness >= SpeechSection().niceness

        again = asyncio.create_task(pool.transcribe(speech.pcm * 5))
        await asyncio.sleep(0.02)
        os.kill(pool.statistics().pids[0], signal.SIGKILL)

        assert "talk to somebody" in (await again).text
        assert pool.statistics().restarts == 1
    finally:
        await pool.stop()
