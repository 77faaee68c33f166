"""What the recogniser does when a decode over the short window looks wrong."""

import numpy as np
import pytest

from agents.local.log_mel import RATE_HZ
from agents.local.whisper import Decode

AUDIO = np.random.default_rng(1).standard_normal(4 * RATE_HZ).astype(np.float32) * 0.1
LOOP = "it was the season of light " * 3


def decoded(text, *, cut_off=False, no_speech=0.1, log_probability=-0.3):
    return Decode(text, no_speech, log_probability, cut_off)


@pytest.fixture
def windows_s(whisper, monkeypatch):
    """Script the decodes; returns the windows that were asked for."""
    asked = []

    def script(*decodes):
        left = list(decodes)

        def decode(_, window_s):
            asked.append(window_s)
            return left.pop(0)

        monkeypatch.setattr(whisper, "decode", decode)
        return asked

    return script


def test_a_plausible_one_is_taken(whisper, windows_s):
    asked = windows_s(decoded("I need help"))

    assert whisper.transcribe(AUDIO).text == "I need help"
    assert asked == [8.0]


def test_the_window_grows_with_the_speech(whisper, windows_s):
    asked = windows_s(decoded("I need help"))

    whisper.transcribe(np.tile(AUDIO, 3))

    assert asked == [14.0]


@pytest.mark.parametrize(
    "first", [decoded(LOOP), decoded("help", cut_off=True), decoded("a b " * 12)]
)
def test_a_loop_an_overflow_or_a_race_is_decoded_again_over_30_s(whisper, windows_s, first):
    asked = windows_s(first, decoded("the season of light"))

    assert whisper.transcribe(AUDIO).text == "the season of light"
    assert asked == [8.0, 30.0]


def test_what_is_repeated_in_30_s_too_was_said_twice(whisper, windows_s):
    twice = "please call me back tomorrow please call me back tomorrow"
    windows_s(decoded(twice), decoded(twice))

    assert whisper.transcribe(AUDIO).text == twice


def test_a_loop_in_30_s_too_is_cut(whisper, windows_s):
    windows_s(decoded(LOOP, cut_off=True), decoded(LOOP, cut_off=True))

    assert whisper.transcribe(AUDIO).text == "it was the season of light"


def test_words_heard_in_silence_are_dropped_but_their_probability_is_told(whisper, windows_s):
    windows_s(decoded("Thank you.", no_speech=0.9))

    heard = whisper.transcribe(AUDIO)

    assert heard.is_empty
    assert heard.no_speech == 0.9
