"""The real models, loaded once; and a telephone line to send them through."""

import numpy as np
import onnxruntime
import pytest
import soxr

from agents.local import assets
from agents.local.embed import Embedder
from agents.local.piper_voice import PiperVoice
from agents.local.smart_turn import SmartTurn
from agents.local.whisper import Whisper
from gateway.errors import AssetError


def installed(locate):
    try:
        return locate()
    except AssetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def whisper():
    return Whisper(installed(assets.whisper_dir))


@pytest.fixture(scope="session")
def joe():
    onnxruntime.set_seed(1)  # the voice draws random numbers
    return PiperVoice(installed(assets.joe_model), installed(assets.joe_config), "joe")


@pytest.fixture(scope="session")
def smart_turn():
    return SmartTurn(installed(assets.smart_turn_model))


@pytest.fixture(scope="session")
def embedder():
    return Embedder(installed(assets.embedding_weights), installed(assets.embedding_tokenizer))


@pytest.fixture(scope="session")
def telephone():
    """Return a function that sends audio at 16 kHz through a narrow-band mu-law line."""

    def send(samples):
        narrow = np.clip(soxr.resample(samples, 16_000, 8_000), -1, 1)
        # The continuous mu-law curve (ITU-T G.711), quantised to 8 bits.
        code = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
        heard = np.sign(code) * np.expm1(np.abs(code) * np.log(256)) / 255
        return soxr.resample(heard, 8_000, 16_000).astype(np.float32)

    return send


def word_errors(said, heard):
    """Return substitutions, insertions and deletions between two lists of words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other)))
    return row[-1]
