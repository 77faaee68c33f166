"""Finished sentences score above unfinished ones; synthetic speech is borderline: only order counts."""

import numpy as np

from agents.local.log_mel import RATE_HZ
from agents.local.pcm import to_samples

SENTENCES = (
    "I would like to book a table for two people tomorrow evening.",
    "Could you please tell me when you are open on Saturday?",
    "My name is John Smith and I live in London.",
    "I want to talk to somebody about my last invoice, please.",
    "Can I bring my dog to the restaurant on Sunday?",
)
SILENCE = np.zeros(RATE_HZ // 5, dtype=np.float32)


def test_finished_scores_above_unfinished(joe, smart_turn):
    finished, unfinished = [], []
    for sentence in SENTENCES:
        speech = joe.speak(sentence)
        samples = to_samples(speech.pcm)
        # Cut in the middle of the sentence, after a word, as if the caller searched for the next.
        middle = speech.words[len(speech.words) // 2]
        end = int(speech.words[-1].end_ms * 16)
        finished.append(smart_turn.probability(np.concatenate([samples[:end], SILENCE])))
        cut = samples[: int(middle.end_ms * 16)]
        unfinished.append(smart_turn.probability(np.concatenate([cut, SILENCE])))

    assert np.mean(finished) > np.mean(unfinished) + 0.1
    assert sum(f > u for f, u in zip(finished, unfinished, strict=True)) >= 3


def test_any_length_gives_a_probability(smart_turn):
    noise = np.random.default_rng(0).standard_normal(12 * RATE_HZ).astype(np.float32) * 0.1

    for length in (0, 100, RATE_HZ, 8 * RATE_HZ, 12 * RATE_HZ):
        assert 0.0 <= smart_turn.probability(noise[:length]) <= 1.0


def test_only_the_last_eight_seconds_count(smart_turn):
    noise = np.random.default_rng(0).standard_normal(12 * RATE_HZ).astype(np.float32) * 0.1

    assert smart_turn.probability(noise) == smart_turn.probability(noise[-8 * RATE_HZ :])
