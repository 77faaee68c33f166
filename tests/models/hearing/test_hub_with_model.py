"""The hub with its thread and the real model hears many callers as each would be heard alone."""

import asyncio

import numpy as np

from agents.hearing.hub import HearingHub
from gateway.media.hearing import SpeechStarted
from gateway.media.tick import AudioTick
from gateway.model.frame import FRAME_SAMPLES
from tests.support.telephone_line import TEXTS, mu_law

CALLERS = 24


def facts(events):
    """What does not depend on when the thread got round to it."""
    return [
        ("started", event.start)
        if isinstance(event, SpeechStarted)
        else ("stopped", event.start, event.stop)
        for event in events
    ]


async def test_callers_who_come_at_different_times_are_heard_as_if_alone(vad_model, espeak, hear):
    calls = []
    for number in range(CALLERS):
        speech = mu_law(espeak(TEXTS[number % len(TEXTS)]) * (0.2 + 0.03 * number))
        pad = np.zeros(3_000 + 1_111 * number, np.int16)
        sound = np.concatenate([pad, speech, np.zeros(12_000, np.int16)])
        calls.append(
            sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        )
    alone = [facts(hear(call.reshape(-1))) for call in calls]
    hub = HearingHub(vad_model, CALLERS)
    await hub.start()
    ears, told = {}, [[] for _ in calls]

    for step in range(max(len(call) + number for number, call in enumerate(calls))):
        if step < CALLERS:  # one caller more with each tick, so that chunks fall due at all times
            ears[step] = hub.open()
            ears[step].listen(told[step].append)
        live = [number for number in ears if step - number < len(calls[number])]
        pcm = np.stack([calls[number][step - number] for number in live])
        rows = np.array([ears[number].number for number in live], dtype=np.int32)
        hub.on_tick(AudioTick(0.0, rows, pcm))
        async with asyncio.timeout(5):
            while not hub._vad.is_idle:  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0)
    await asyncio.sleep(0)
    statistics = hub.statistics()
    await hub.stop()

    assert statistics.dropped_chunks == statistics.failed_batches == 0
    assert all(alone)
    assert [facts(events) for events in told] == alone
