"""Levels by time: what is missing is silence, what is long is kept less finely, memory stays bounded."""

import pytest

from gateway.console.envelope import FULL, SPEAKING, Envelope, level_of


@pytest.mark.parametrize(
    ("peak", "level"), [(0, 0), (-5, 0), (32_767, FULL), (32_768, FULL), (8_192, 50), (328, 10)]
)
def test_a_level_is_the_root_of_the_peak(peak, level):
    assert level_of(peak) == level


def test_levels_stand_at_their_time_and_what_is_missing_is_silence():
    envelope = Envelope()

    envelope.put(0, 10, 20)
    envelope.put(210, 30, 40, is_speaking=True)

    assert list(envelope.caller) == [10, 0, 0, 0, 30 | SPEAKING]
    assert list(envelope.agent) == [20, 0, 0, 0, 40]


def test_the_loudest_of_a_bucket_stays():
    envelope = Envelope()

    envelope.put(10, 50, 1, is_speaking=True)
    envelope.put(20, 40, 7)

    assert list(envelope.caller) == [50 | SPEAKING]
    assert list(envelope.agent) == [7]


def test_a_long_call_is_kept_half_as_finely_and_in_no_more_memory():
    envelope = Envelope(bucket_ms=50, buckets_most=8)

    for bucket in range(100):
        envelope.put(bucket * 50, bucket, 100 - bucket, is_speaking=bucket == 0)

    assert envelope.bucket_ms == 800
    assert len(envelope.caller) == len(envelope.agent) <= 8
    assert envelope.caller[0] == 15 | SPEAKING
    assert envelope.agent[0] == 100
    assert max(level & ~SPEAKING for level in envelope.caller) == 99


def test_a_moment_far_ahead_costs_no_more():
    envelope = Envelope(buckets_most=8)

    envelope.put(86_400_000, 1, 2)

    assert len(envelope.caller) <= 8
    assert envelope.caller[-1] == 1


def test_a_moment_before_the_offer_counts_as_the_offer():
    envelope = Envelope()

    envelope.put(-30, 5, 6)

    assert list(envelope.caller) == [5]
