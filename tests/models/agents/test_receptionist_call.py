"""A whole call with the receptionist, in real time, with the real models on both sides of the line."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from agents.local import assets
from agents.receptionist.agent import Receptionist
from agents.speech.pool import SpeechPool
from agents.voices import LocalVoice
from gateway.config import ReceptionistAgent, SpeechSection, TurnsSection
from gateway.errors import AssetError
from gateway.model.frame import RATE_HZ, SAMPLE_BYTES
from gateway.model.hangup import HangupCause
from gateway.model.speech import Urgency
from tests.support.fake_line import FakeLine


@dataclass
class RecordedCaller(FakeLine):
    """A line on which recorded speech is heard instead of marks."""

    recordings: list[bytes] = field(default_factory=list)

    async def speak_pcm(self, pcm):
        self.recordings.append(pcm)
        await self.speak(len(pcm) // SAMPLE_BYTES * 1000 // RATE_HZ)

    def read(self, start, stop):
        silent = bytearray(super().read(start, stop))
        for (begin, end), pcm in zip(self.spoken, self.recordings, strict=False):
            first, last = max(begin, start), min(end, stop)
            if first < last:
                piece = pcm[(first - begin) * SAMPLE_BYTES : (last - begin) * SAMPLE_BYTES]
                at = (first - start) * SAMPLE_BYTES
                silent[at : at + len(piece)] = piece
        return bytes(silent)


class CachedVoice:
    """Remembers what it has rendered, as the gateway's cache does."""

    def __init__(self, voice):
        self.voice = voice
        self.known = {}

    @property
    def name(self):
        return self.voice.name

    async def speak(self, text, urgency):
        if text not in self.known:
            self.known[text] = await self.voice.speak(text, urgency)
        return self.known[text]


def voiced(pcm):
    """Return speech without the silence around it."""
    samples = np.frombuffer(pcm, np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 300)
    return samples[loud[0] : loud[-1] + 1].tobytes()


async def test_a_caller_asks_leaves_a_message_and_says_goodbye():
    try:
        for locate in assets.ASSETS.values():
            locate()
    except AssetError as error:
        pytest.skip(str(error))
    pool = SpeechPool(SpeechSection(workers=1, niceness=0))
    await pool.start()
    try:
        voice = CachedVoice(LocalVoice(pool))
        turns = TurnsSection()
        agent = Receptionist("desk", ReceptionistAgent(), turns, pool, pool, voice)
        await agent.start()
        for text in agent.phrases():
            await voice.speak(text, Urgency.AHEAD)
        words = [
            "What are your opening hours, please?",
            "I would like to leave a message.",
            "My name is John Miller.",
            "No, use another number.",
            "8314267#",
            "Please call me back about the invoice.",
            "Yes, that is right.",
            "No, thank you. Goodbye.",
        ]
        caller = [
            None if text.endswith("#") else voiced((await voice.speak(text, Urgency.AHEAD)).pcm)
            for text in words
        ]
        line = RecordedCaller()

        async def call():
            for text, pcm in zip(words, caller, strict=True):
                before = len(line.playbacks)
                if pcm is None:
                    # Recognition of single digits is not what is tested here.
                    line.press(text)
                else:
                    await line.speak_pcm(pcm)
                while len(line.playbacks) == before or line.is_playing:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.3)

        calling = asyncio.create_task(call())
        async with asyncio.timeout(120):
            await agent.converse(line)
        calling.cancel()
    finally:
        await pool.stop()

    print(*line.users, *line.said, *line.records, sep="\n")
    assert line.said[0].startswith("We are open")
    [taken] = line.recorded("message_taken")
    # No two renderings are the same, and a small model does not know every surname in each.
    assert str(taken["name"]).startswith("John")
    assert taken["number"] == "8314267"
    assert "invoice" in str(taken["text"])
    assert line.hung_up == (HangupCause.AGENT_HUNG_UP, True)
