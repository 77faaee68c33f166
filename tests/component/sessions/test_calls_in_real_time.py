"""Calls in real time with the real parts: registry, fake endpoint, cache on disk, echo check, clips."""

import asyncio
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gateway import clips
from gateway.clips import Clip
from gateway.config import AgentBase, EarlySpeech, GreetingSection, NumberSection, TurnsSection
from gateway.media.echo import is_echo
from gateway.media.hearing import (
    AudioGone,
    FrameListener,
    SpeechListener,
    SpeechStarted,
    SpeechStopped,
)
from gateway.media.speech_cache import CachedVoice, SpeechCache
from gateway.media.tick import AudioTick
from gateway.media.wav import read_wav, write_wav
from gateway.metrics import Metrics
from gateway.model.frame import RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.line import HeldSpeech
from gateway.model.speech import Speech, Urgency
from gateway.rooms.timeline import Kind
from gateway.sessions.echo_check import EchoCheck
from gateway.sessions.greeting_audio import FixedPhrases
from gateway.sessions.registry import SessionRegistry
from gateway.sessions.surroundings import Surroundings
from tests.support.fake_endpoint import FakeEndpoint
from tests.unit.sessions.bench import FakeAgent, FakeRecorder


def voice_like(seconds: float, seed: int) -> bytes:
    """Noise with syllables, different for each seed; loud enough to be speech."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    syllables = 0.5 + 0.5 * np.sin(2 * math.pi * (3 + seed) * np.arange(count) / RATE_HZ)
    samples: npt.NDArray[np.float64] = 6000 * syllables * rng.standard_normal(count)
    return np.clip(samples, -32_000, 32_000).astype("<i2").tobytes()


class ToyVoice:
    """Renders by a formula; the text decides the sound."""

    name = "toy-1"

    def __init__(self) -> None:
        self.rendered: list[str] = []

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        self.rendered.append(text)
        return Speech(text, voice_like(1.0, len(text)), source="toy")


class LevelEar:
    """Hears loudness: voice activity is a level, with a hang-over of 100 ms."""

    def __init__(self, hearing: "LevelHearing", number: int) -> None:
        self._hearing = hearing
        self.number = number
        self.pcm = bytearray()
        self.is_speaking = False
        self._start = 0
        self._silent = 0
        self._listener: SpeechListener | None = None

    @property
    def position(self) -> int:
        return len(self.pcm) // 2

    def read(self, start: int, stop: int) -> bytes:
        if start < 0 or stop > self.position:
            raise AudioGone(f"[{start}, {stop}) of {self.position}")
        return bytes(self.pcm[2 * start : 2 * stop])

    def listen(self, listener: SpeechListener | None) -> None:
        self._listener = listener

    def listen_frames(self, listener: FrameListener | None) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._hearing.ears.pop(self.number, None)

    def hear(self, at_s: float, frame: npt.NDArray[np.int16]) -> None:
        is_loud = bool(np.abs(frame.astype(np.int32)).mean() > 300)
        begun = self.position
        self.pcm += frame.astype("<i2").tobytes()
        if is_loud:
            self._silent = 0
            if not self.is_speaking:
                self.is_speaking, self._start = True, begun
                if self._listener:
                    self._listener(SpeechStarted(at_s, begun))
            return
        self._silent += 1
        if self.is_speaking and self._silent == 5:
            self.is_speaking = False
            if self._listener:
                stop = self.position - 5 * 320
                self._listener(SpeechStopped(at_s, self._start, stop))


class LevelHearing:
    def __init__(self) -> None:
        self.ears: dict[int, LevelEar] = {}
        self._next = 0

    def open(self) -> LevelEar:
        self._next += 1
        ear = self.ears[self._next] = LevelEar(self, self._next)
        return ear

    def on_tick(self, tick: AudioTick) -> None:
        for number, frame in zip(tick.ears, tick.pcm, strict=True):
            if ear := self.ears.get(int(number)):
                ear.hear(tick.at_s, frame)


class Gateway:
    """Everything of a gateway that a session needs, in one process."""

    def __init__(self, cache: Path, settings: AgentBase) -> None:
        self.voice = ToyVoice()
        self.cached = CachedVoice(self.voice, SpeechCache(cache))
        self.phrases = FixedPhrases(self.cached, None, clips.load, read_wav)
        self.recorder = FakeRecorder()
        self.hearing = LevelHearing()
        self.agent = FakeAgent()
        self.registry = SessionRegistry(
            numbers=[NumberSection(number="*", agent="desk")],
            agents={"desk": self.agent},
            settings={"desk": settings},
            around=Surroundings(
                greeting=GreetingSection(),
                turns=TurnsSection(),
                max_call_s=60,
                retry_after_s=5,
                recorder=self.recorder,
                metrics=Metrics(),
                hearing=self.hearing,
                phrases=self.phrases,
                is_echo=EchoCheck(is_echo),
            ),
        )
        self.endpoint = FakeEndpoint(offers=self.registry, ticks=self.hearing)

    async def close(self) -> None:
        await self.registry.stop()
        await self.phrases.close()
        await self.cached.close()
        await self.endpoint.stop()
        assert self.hearing.ears == {}


async def until(kind: Kind, gateway: Gateway) -> None:
    async with asyncio.timeout(5):
        while kind not in gateway.recorder.kinds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_greeting_is_rendered_once_and_heard_whole_by_the_next_caller(
    tmp_path: Path,
) -> None:
    settings = AgentBase(greeting="Good day.")
    for _ in range(2):
        gateway = Gateway(tmp_path, settings)
        leg = gateway.endpoint.offer(answers=True)
        await until(Kind.GATE_OPENED, gateway)
        assert voice_like(1.0, len("Good day.")) in leg.far.heard
        leg.far.hang_up()
        await until(Kind.ENDED, gateway)
        await gateway.close()
        audio = gateway.recorder.one(Kind.GREETING_STARTED).facts["audio"]

    assert audio == "cached"
    assert gateway.voice.rendered == []


@pytest.mark.parametrize("delay_ms", [60, 180])
async def test_our_greeting_coming_back_as_echo_is_not_taken_for_the_caller(
    tmp_path: Path, delay_ms: int
) -> None:
    gateway = Gateway(tmp_path, AgentBase(greeting="Good day."))
    leg = gateway.endpoint.offer(answers=True)
    await until(Kind.GREETING_STARTED, gateway)
    await asyncio.sleep(delay_ms / 1000)
    greeting = np.frombuffer(voice_like(1.0, len("Good day.")), dtype="<i2")
    leg.far.speak((greeting * 0.25).astype("<i2").tobytes())
    await until(Kind.GATE_OPENED, gateway)
    await asyncio.sleep(0.5)

    assert gateway.agent.told == []
    assert float(gateway.recorder.one(Kind.SPEECH_HELD).facts["echo_ms"]) > 500
    leg.far.hang_up()
    await until(Kind.ENDED, gateway)
    await gateway.close()


@pytest.mark.parametrize("policy", [EarlySpeech.HOLD, EarlySpeech.BARGE_IN])
async def test_a_caller_who_talks_over_the_greeting_is_heard(
    tmp_path: Path, policy: EarlySpeech
) -> None:
    gateway = Gateway(tmp_path, AgentBase(greeting="Good day.", early_speech=policy))
    leg = gateway.endpoint.offer(answers=True)
    await until(Kind.GREETING_STARTED, gateway)
    said = voice_like(0.7, 77)
    leg.far.speak(said)
    await until(Kind.GATE_OPENED, gateway)
    await asyncio.sleep(0.05)

    held = gateway.agent.told[0]
    assert isinstance(held, HeldSpeech)
    assert gateway.agent.line is not None
    heard = gateway.agent.line.read(*held.segments[0])
    assert heard[: len(said) // 2] in said
    is_cut = gateway.recorder.one(Kind.GREETING_PLAYED).facts["interrupted"]
    assert is_cut is (policy is EarlySpeech.BARGE_IN)
    leg.far.hang_up()
    await until(Kind.ENDED, gateway)
    await gateway.close()


async def test_bundled_clips_and_a_greeting_file_are_there_when_no_voice_is(tmp_path: Path) -> None:
    class Mute(ToyVoice):
        async def speak(self, text: str, urgency: Urgency) -> Speech:
            raise OSError("no voice at all")

    path = tmp_path / "hello.wav"
    write_wav(path, voice_like(0.5, 5))
    phrases = FixedPhrases(CachedVoice(Mute(), SpeechCache(tmp_path)), None, clips.load, read_wav)
    await phrases.load_clips()
    await phrases.load_file(path)

    for clip in Clip:
        found = await phrases.phrase("anything", clip, bound_s=1)
        assert found.speech == clips.load(clip)
    filed = await phrases.greeting("Hello.", path, ring_bound_s=1)
    assert filed.speech is not None
    assert filed.speech.pcm == voice_like(0.5, 5)
    await phrases.close()


async def test_a_worker_lost_in_mid_greeting_ends_all_its_calls(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, AgentBase(greeting="Good day."))
    for _ in range(20):
        gateway.endpoint.offer(answers=True)
    async with asyncio.timeout(5):
        while len(gateway.recorder.all(Kind.GREETING_STARTED)) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    gateway.endpoint.lose()
    await asyncio.sleep(0.1)

    assert [cause for _, cause, _ in gateway.recorder.ended] == [HangupCause.WORKER_LOST] * 20
    reasons = {entry.facts["reason"] for entry in gateway.recorder.all(Kind.GATE_OPENED)}
    assert reasons == {"endpoint_lost"}
    assert gateway.registry.statistics().live == 0
    await gateway.close()
