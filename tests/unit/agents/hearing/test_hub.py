"""The hub: ears, ticks, and changes that reach the right listener on the loop."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from agents.hearing.hub import QUIET_S, HearingHub
from gateway.errors import HearingFull
from gateway.media.hearing import AudioGone, SpeechStarted, SpeechStopped
from gateway.media.tick import AudioTick
from gateway.model.frame import FRAME_BYTES, FRAME_SAMPLES
from tests.support.hearing import LoudIsSpeech, tick

LOUD = 20_000


class Rig:
    """A hub with a scorer without a model, and a clock set by hand."""

    def __init__(self, limit=4):
        self.scorer = LoudIsSpeech()
        self.now = 50.0
        self.hub = HearingHub(
            Path("none.onnx"), limit, load=lambda _path, _rows: self.scorer, clock=lambda: self.now
        )

    async def __aenter__(self):
        await self.hub.start()
        return self

    async def __aexit__(self, *_):
        await self.hub.stop()

    def hear(self, ears, level, frames):
        for _ in range(frames):
            self.hub.on_tick(tick([ear.number for ear in ears], level))
            self.now += 0.02

    async def settle(self):
        """Wait until the thread has done what was posted and the loop has delivered it."""
        async with asyncio.timeout(5):
            while not self.hub._vad.is_idle:  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_caller_who_speaks_is_told_once_when_it_starts_and_once_when_it_stops():
    async with Rig() as rig:
        ear, events = rig.hub.open(), []
        ear.listen(events.append)

        rig.hear([ear], 0, 20)
        await rig.settle()
        rig.hear([ear], LOUD, 20)
        await rig.settle()
        speaking = ear.is_speaking
        rig.hear([ear], 0, 20)
        await rig.settle()

        assert speaking
        assert not ear.is_speaking
        assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]
        loud_from, loud_to = 20 * FRAME_SAMPLES, 40 * FRAME_SAMPLES
        assert loud_from - 3200 - 512 <= events[0].start <= loud_from - 3200
        assert events[1].start == events[0].start
        assert loud_to <= events[1].stop <= loud_to + 2 * 512


async def test_only_those_who_speak_are_told():
    async with Rig() as rig:
        ears = [rig.hub.open() for _ in range(3)]
        events = [[] for _ in ears]
        for ear, got in zip(ears, events, strict=True):
            ear.listen(got.append)

        for _ in range(20):
            one = tick([ear.number for ear in ears], 0)
            one.pcm[1] = tick([0], LOUD).pcm[0]
            rig.hub.on_tick(one)
        await rig.settle()

        assert [len(got) for got in events] == [0, 1, 0]
        assert [ear.is_speaking for ear in ears] == [False, True, False]


async def test_a_new_owner_of_a_number_hears_nothing_of_the_old_one():
    async with Rig(limit=1) as rig:
        old, told = rig.hub.open(), []
        old.listen(told.append)
        rig.scorer.gate = threading.Event()
        rig.hear([old], LOUD, 20)
        old.close()
        new = rig.hub.open()
        new.listen(told.append)
        rig.scorer.gate.set()
        await rig.settle()

        assert new.number == old.number
        assert told == []
        assert not new.is_speaking
        assert new.position == 0
        rig.hear([new], 0, 10)
        await rig.settle()
        assert told == []


async def test_speech_ends_when_no_more_audio_comes():
    async with Rig() as rig:
        ear, events = rig.hub.open(), []
        ear.listen(events.append)
        rig.hear([ear], LOUD, 16)
        await rig.settle()
        assert ear.is_speaking

        rig.now += QUIET_S + 0.1
        rig.hub._look_for_quiet()
        await rig.settle()

        assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]
        assert events[1].stop == 16 * FRAME_SAMPLES // 512 * 512
        rig.hub._look_for_quiet()
        await rig.settle()
        assert len(events) == 2


async def test_frames_are_given_to_those_who_asked_with_their_position():
    async with Rig() as rig:
        ears = [rig.hub.open() for _ in range(3)]
        frames = []
        ears[1].listen_frames(lambda pcm, position: frames.append((len(pcm), position)))

        rig.hear(ears, LOUD, 2)
        ears[1].listen_frames(None)
        rig.hear(ears, LOUD, 2)

        assert frames == [(FRAME_BYTES, 0), (FRAME_BYTES, FRAME_SAMPLES)]


async def test_an_ear_may_be_closed_by_a_listener_to_frames():
    async with Rig() as rig:
        ears = [rig.hub.open() for _ in range(2)]
        heard = []
        ears[0].listen_frames(lambda *_: [ear.close() for ear in ears])
        ears[1].listen_frames(lambda *_: heard.append(1))

        rig.hear(ears, LOUD, 3)

        assert heard == []
        assert rig.hub.statistics().strangers == 4


async def test_frames_for_numbers_that_are_not_open_are_counted_and_dropped():
    async with Rig() as rig:
        ear = rig.hub.open()

        rig.hub.on_tick(tick([-1, ear.number, 3, 99], LOUD))

        assert ear.position == FRAME_SAMPLES
        assert rig.hub.statistics().strangers == 3
        assert rig.hub.statistics().frames == 1


async def test_an_empty_tick_is_harmless():
    async with Rig() as rig:
        none = np.zeros((0, FRAME_SAMPLES), dtype=np.int16)

        rig.hub.on_tick(AudioTick(1.0, np.zeros(0, dtype=np.int32), none))

        assert rig.hub.statistics().frames == 0


async def test_audio_reads_back_until_the_ear_is_closed():
    async with Rig() as rig:
        ear = rig.hub.open()
        rig.hear([ear], LOUD, 3)

        assert ear.read(10, 20) == tick([0], LOUD).pcm[0, 10:20].tobytes()
        with pytest.raises(AudioGone):
            ear.read(0, 3 * FRAME_SAMPLES + 1)
        ear.close()
        ear.close()
        assert ear.position == 3 * FRAME_SAMPLES
        with pytest.raises(AudioGone):
            ear.read(10, 20)


async def test_when_all_ears_are_taken_it_says_so_and_a_closed_one_is_free_again():
    async with Rig(limit=2) as rig:
        first = rig.hub.open()
        rig.hub.open()
        with pytest.raises(HearingFull):
            rig.hub.open()

        first.close()

        assert rig.hub.open().number == first.number


async def test_a_listener_that_raises_does_not_keep_others_from_hearing(caplog):
    async with Rig() as rig:
        ears = [rig.hub.open() for _ in range(2)]
        told = []

        def fail(_event):
            raise ValueError("a bug in a session")

        ears[0].listen(fail)
        ears[1].listen(told.append)

        rig.hear(ears, LOUD, 16)
        await rig.settle()

        assert [type(event) for event in told] == [SpeechStarted]
        assert "listener to speech failed" in caplog.text


async def test_a_model_that_does_not_load_is_told_by_start():
    def fail(_path, _rows):
        raise OSError("no such model")

    hub = HearingHub(Path("none.onnx"), 2, load=fail)

    with pytest.raises(OSError, match="no such model"):
        await hub.start()
    await hub.stop()


async def test_stop_ends_the_thread_and_may_be_called_twice():
    rig = Rig()
    await rig.hub.start()
    ear = rig.hub.open()
    thread = rig.hub._vad._thread

    await rig.hub.stop()
    await rig.hub.stop()
    rig.hear([ear], LOUD, 10)

    assert not thread.is_alive()
    assert ear.position == 10 * FRAME_SAMPLES
