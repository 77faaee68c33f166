"""The real model on voices, noise and tones, over a telephone line.

Bounds are what turn taking relies on; the usual figures are given beside them.
"""

import numpy as np
import pytest

from gateway.media.hearing import SpeechStarted, SpeechStopped
from tests.support.telephone_line import TEXTS, loud_part, mu_law, noise

RATE_HZ = 16_000
LEAD_S = 1.0
LINES = ["clean", "mu-law", "mu-law, noise -45 dBFS"]


def placed(speech, tail_s=2.0):
    """Return the speech after 1 s of silence, and where its sound begins and ends."""
    start, stop = loud_part(speech)
    lead = int(LEAD_S * RATE_HZ)
    sound = np.concatenate([np.zeros(lead), speech, np.zeros(int(tail_s * RATE_HZ))])
    return sound, lead + start, lead + stop


def to_ms(samples):
    return samples * 1000 / RATE_HZ


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("line", LINES)
def test_speech_is_noticed_soon_and_with_its_beginning(voice, lines, hear, line, text):
    sound, onset, _ = placed(voice(text))

    started = [event for event in hear(lines[line](sound)) if isinstance(event, SpeechStarted)]

    decided_ms = started[0].at_s * 1000 - to_ms(onset)
    assert 0 < decided_ms <= 240, "usually 90 to 190 ms after the first sound"
    assert -300 <= to_ms(started[0].start - onset) <= -60, "usually 120 to 220 ms before it"


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("line", LINES)
def test_the_end_of_speech_is_placed_and_noticed_soon(voice, lines, hear, line, text):
    sound, _, end = placed(voice(text))

    stopped = [event for event in hear(lines[line](sound)) if isinstance(event, SpeechStopped)]

    assert -60 <= to_ms(stopped[-1].stop - end) <= 240, "usually 10 to 165 ms after the last sound"
    assert stopped[-1].at_s * 1000 - to_ms(end) <= 400, "usually 150 to 300 ms after it"


@pytest.mark.parametrize("line", LINES)
def test_most_of_a_sentence_counts_as_speech(voice, lines, hear, line):
    sound, onset, end = placed(voice(TEXTS[0]))

    stopped = [event for event in hear(lines[line](sound)) if isinstance(event, SpeechStopped)]

    heard = sum(min(event.stop, end) - max(event.start, onset) for event in stopped)
    assert heard > 0.75 * (end - onset)
    assert len(stopped) <= 4


def test_soft_speech_is_heard(voice, hear):
    sound, onset, end = placed(voice(TEXTS[2]) * 0.1)

    events = hear(mu_law(sound))

    assert events[0].start <= onset
    assert to_ms(events[-1].stop - end) > -60


@pytest.mark.parametrize("dbfs", [-70, -60, -50, -40])
def test_half_a_minute_of_noise_is_not_speech(hear, dbfs):
    assert hear(mu_law(noise(30 * RATE_HZ, dbfs))) == []


def test_digital_silence_and_a_constant_are_not_speech(hear):
    assert hear(np.zeros(10 * RATE_HZ, np.int16)) == []
    assert hear(np.full(10 * RATE_HZ, 500, np.int16)) == []


def tones(hertz, seconds, level=12_000):
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return sum(level / len(hertz) * np.sin(2 * np.pi * hz * at) for hz in hertz)


LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477)


@pytest.mark.parametrize("length_s", [0.1, 0.5, 2.0])
def test_keys_pressed_are_not_speech(hear, length_s):
    pause = np.zeros(RATE_HZ // 2)
    keys = [
        np.concatenate([pause, tones((low, high), length_s)]) for low in LOW_HZ for high in HIGH_HZ
    ]

    assert hear(mu_law(np.concatenate([*keys, pause]))) == []


@pytest.mark.parametrize(
    ("hertz", "on_s", "off_s"),
    [
        pytest.param((440, 480), 2, 4, id="ringback, North America"),
        pytest.param((425,), 1, 4, id="ringback, Europe"),
        pytest.param((400, 450), 0.4, 0.2, id="ringback, United Kingdom"),
        pytest.param((480, 620), 0.5, 0.5, id="busy, North America"),
        pytest.param((350, 440), 8, 0.1, id="dial tone, North America"),
    ],
)
def test_call_progress_tones_are_not_speech(hear, hertz, on_s, off_s):
    period = np.concatenate([tones(hertz, on_s, 6000), np.zeros(int(off_s * RATE_HZ))])

    assert hear(mu_law(np.concatenate([period] * 3))) == []
