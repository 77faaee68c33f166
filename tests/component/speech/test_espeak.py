"""The espeak-ng program as a voice."""

import shutil

import numpy as np
import pytest

from agents.voices import EspeakVoice
from gateway.errors import ProviderUnavailable
from gateway.model.speech import Urgency

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")


@needs_espeak
async def test_it_speaks_at_telephone_level():
    speech = await EspeakVoice().speak("Hello, it is 10:30 am.", Urgency.FIRST_SENTENCE)

    samples = np.frombuffer(speech.pcm, "<i2")
    assert speech.source == "espeak"
    assert 1_000 < speech.duration_ms < 4_000
    assert 5_000 < np.abs(samples).max() < 24_000


@needs_espeak
async def test_nothing_to_say_is_no_audio():
    assert (await EspeakVoice().speak("\U0001f600", Urgency.AHEAD)).pcm == b""


async def test_without_the_program_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert not EspeakVoice.is_installed()
    with pytest.raises(ProviderUnavailable, match="apt-get install espeak-ng"):
        await EspeakVoice().speak("Hello.", Urgency.TURN)


async def test_a_failing_program_is_unavailable(monkeypatch, tmp_path):
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\necho no such voice >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(ProviderUnavailable, match="no such voice"):
        await EspeakVoice().speak("Hello.", Urgency.TURN)
