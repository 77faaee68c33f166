"""What the embedded voice says, the embedded recogniser understands; also over a telephone line."""

import numpy as np
import pytest

from agents.local.log_mel import RATE_HZ
from agents.local.pcm import level_dbfs, to_samples
from agents.local.transcript_guards import words_of
from tests.models.speech.conftest import word_errors

SENTENCES = (
    "Hello, thank you for calling. How can I help you?",
    "I would like to book a table for two people tomorrow evening.",
    "We are open from Monday to Friday.",
    "Please leave your name and your number after the tone.",
    "The weather is very nice today, is it not?",
    "Could you please tell me where your office is?",
)


@pytest.mark.parametrize("line", ["wide band", "mu-law"])
def test_sentences_are_understood(joe, whisper, telephone, line):
    errors = words = 0
    for sentence in SENTENCES:
        samples = to_samples(joe.speak(sentence).pcm)
        heard = whisper.transcribe(telephone(samples) if line == "mu-law" else samples)
        errors += word_errors(words_of(sentence), words_of(heard.text))
        words += len(words_of(sentence))

    assert errors / words <= 0.12


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("Call 555-0142 now.", "5550142"),
        ("My number is 020 7946 0018.", "02079460018"),
        ("The code is 4711.", "4711"),
    ],
)
def test_telephone_numbers_are_said_digit_by_digit(joe, whisper, written, digits):
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

    heard = whisper.transcribe(to_samples(joe.speak(written).pcm)).text

    figures = "".join(
        str(names.index(word)) if word in names else "".join(filter(str.isdigit, word))
        for word in words_of(heard)
    )
    assert word_errors(list(digits), list(figures)) <= 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("We meet at 10:30 am.", {"10", "30", "ten", "thirty", "1030"}),
        ("It costs $12.50.", {"12", "50", "twelve", "fifty"}),
        ("The party is on 12/24/2025.", {"december"}),
        ("Dr. Smith is on Baker St.", {"smith", "baker", "street"}),
        ("We are open 9am-5pm.", {"9am", "9", "nine"}),
    ],
)
def test_figures_and_abbreviations_are_said_as_people_say_them(joe, whisper, written, expected):
    heard = whisper.transcribe(to_samples(joe.speak(written).pcm)).text

    assert set(words_of(heard)) & expected, heard


def test_yes_please(joe, whisper, telephone):
    heard = whisper.transcribe(telephone(to_samples(joe.speak("Yes, please.").pcm)))

    assert words_of(heard.text) == ["yes", "please"]
    assert heard.no_speech < 0.5


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5, 1.0, 5.0, 35.0])
def test_silence_has_no_words(whisper, seconds):
    assert whisper.transcribe(np.zeros(int(seconds * RATE_HZ), dtype=np.float32)).is_empty


@pytest.mark.parametrize("level", [0.001, 0.01])
def test_line_noise_has_no_words(whisper, level):
    noise = np.random.default_rng(2).standard_normal(2 * RATE_HZ).astype(np.float32) * level

    assert whisper.transcribe(noise).is_empty


def test_audio_over_the_window_is_heard_to_its_end(joe, whisper):
    gap = np.zeros(RATE_HZ // 2, dtype=np.float32)
    parts = [to_samples(joe.speak(sentence).pcm) for sentence in SENTENCES * 2]
    whole = np.concatenate([piece for part in parts for piece in (part, gap)])
    assert len(whole) > 30 * RATE_HZ
    said = words_of(" ".join(SENTENCES * 2))

    heard = words_of(whisper.transcribe(whole).text)

    assert word_errors(said, heard) / len(said) <= 0.15


def test_the_same_words_twice_are_no_loop(joe, whisper):
    sentence = to_samples(joe.speak("Please call me back on this number today.").pcm)
    gap = np.zeros(RATE_HZ // 3, dtype=np.float32)

    heard = whisper.transcribe(np.concatenate([sentence, gap, sentence]))

    assert words_of(heard.text).count("number") == 2


def test_the_voice_is_level_and_starts_at_once(joe):
    for sentence in SENTENCES:
        samples = to_samples(joe.speak(sentence).pcm)

        assert -28 < level_dbfs(samples) < -18
        assert np.abs(samples).max() <= 0.71
        assert np.flatnonzero(np.abs(samples) > 0.02)[0] < 0.06 * RATE_HZ


def test_word_timings_lie_where_the_sound_is(joe):
    speech = joe.speak("Hello, thank you for calling.")
    samples = to_samples(speech.pcm)

    assert [word.text for word in speech.words] == ["Hello,", "thank", "you", "for", "calling."]
    starts = [word.start_ms for word in speech.words]
    assert starts == sorted(starts)
    assert all(word.start_ms < word.end_ms for word in speech.words)
    hello, thank = speech.words[:2]
    # The comma is a pause: between the two words it is much quieter than within them.
    pause = samples[int(hello.end_ms * 16) + 320 : int(thank.start_ms * 16) - 320]
    within = samples[int(hello.start_ms * 16) : int(hello.end_ms * 16)]
    assert len(pause) > 0
    assert level_dbfs(pause) < level_dbfs(within) - 10


@pytest.mark.parametrize("text", ["", "  ", "\U0001f600", "...", "中文"])
def test_nothing_sayable_is_no_audio(joe, text):
    assert joe.speak(text).pcm == b""


def test_strange_words_are_said_somehow(joe):
    assert joe.speak("Zyxwvut kubernetes, café, BMW X5!").duration_ms > 1_000


def test_too_long_is_refused(joe):
    with pytest.raises(ValueError, match="601 characters"):
        joe.speak("x" * 601)
