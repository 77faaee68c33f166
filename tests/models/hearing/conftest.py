"""Voices, telephone lines and the real voice activity model, run without thread or loop."""

import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest

from agents.hearing.activity import CHUNK_SAMPLES
from agents.hearing.ring import RingMatrix
from agents.hearing.vad_model import SileroVad
from agents.hearing.vad_thread import ChunksHeard, VadThread
from agents.local import assets
from agents.local.piper_voice import PiperVoice
from gateway.errors import AssetError
from gateway.media.wav import read_wav
from gateway.model.frame import FRAME_SAMPLES
from tests.support.telephone_line import mu_law, noise


def installed(locate):
    try:
        return locate()
    except AssetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def vad_model():
    return installed(assets.silero_vad_model)


@pytest.fixture(scope="session")
def espeak(tmp_path_factory):
    """Return a function that speaks with espeak-ng; floats on the scale of 16 bits, 16 kHz."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    path = tmp_path_factory.mktemp("espeak") / "speech.wav"

    def speak(text, voice="en-us"):
        subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text], check=True)
        return np.frombuffer(read_wav(path), dtype="<i2").astype(np.float64)

    return speak


@pytest.fixture(scope="session")
def joe():
    """Return a function that speaks with the local voice; as `espeak`."""
    onnxruntime.set_seed(1)  # the voice draws random numbers
    voice = PiperVoice(installed(assets.joe_model), installed(assets.joe_config), "joe")
    return lambda text: np.frombuffer(voice.speak(text).pcm, dtype="<i2").astype(np.float64)


@pytest.fixture(scope="session", params=["espeak", "joe"])
def voice(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def hear(vad_model):
    """Return a function that hears int16 audio and returns the events; `at_s` is audio time."""

    def run(samples):
        ring, events = RingMatrix(1), []
        row = np.zeros(1, dtype=np.int32)
        vad = VadThread(
            ring,
            SileroVad(vad_model, 1),
            lambda changes: events.extend(change.event for change in changes),
            lambda: ring.position(0) / 16_000,
        )
        for frame in samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(
            -1, 1, FRAME_SAMPLES
        ):
            end = ring.append(row, frame)
            if end[0] % CHUNK_SAMPLES < FRAME_SAMPLES:
                vad.process(ChunksHeard(row, np.ones(1, np.int64), end // CHUNK_SAMPLES - 1))
        assert vad.figures.failed == 0
        return events

    return run


@pytest.fixture(scope="session")
def lines():
    """Names of lines, and functions that send audio through them."""
    return {
        "clean": lambda samples: np.rint(samples).astype(np.int16),
        "mu-law": mu_law,
        "mu-law, noise -45 dBFS": lambda samples: mu_law(samples + noise(len(samples), -45)),
    }
