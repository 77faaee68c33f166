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
from gateway.media.resample import resample
from gateway.media.wav import read_wav
from gateway.model.frame import FRAME_SAMPLES

TEXTS = (
    "Hello, this is Mary Miller. I am calling about my order.",
    "Yes, please.",
    "Could you tell me when you open on Saturday?",
)
OURS = (
    "Thank you for calling Offhook. We are open Monday to Friday from nine to five. How can I help?"
)


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


def mu_law(samples):
    """Return int16 samples after a narrow-band G.711 mu-law line (its curve, in 8 bits)."""
    narrow = resample(np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16), 16_000, 8_000)
    level = narrow / 32_768
    code = np.round(np.sign(level) * np.log1p(255 * np.abs(level)) / np.log(256) * 127) / 127
    heard = np.sign(code) * np.expm1(np.abs(code) * np.log(256)) / 255
    return resample(np.rint(heard * 32_767).astype(np.int16), 8_000, 16_000)


def noise(samples, dbfs, seed=1):
    """Return white noise of an RMS level."""
    level = 32_768 * 10 ** (dbfs / 20)
    return np.random.default_rng(seed).standard_normal(samples) * level


def loud_part(samples, below_peak_db=35):
    """Return where speech begins and ends by energy: `[start, stop)` to 10 ms."""
    windows = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    rms = np.sqrt(np.mean(windows**2, axis=1))
    found = np.flatnonzero(rms > rms.max() * 10 ** (-below_peak_db / 20))
    return int(found[0]) * 160, (int(found[-1]) + 1) * 160


@pytest.fixture(scope="session")
def lines():
    """Names of lines, and functions that send audio through them."""
    return {
        "clean": lambda samples: np.rint(samples).astype(np.int16),
        "mu-law": mu_law,
        "mu-law, noise -45 dBFS": lambda samples: mu_law(samples + noise(len(samples), -45)),
    }
