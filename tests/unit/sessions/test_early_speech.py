"""The early-speech policies by tables; positions in milliseconds here, samples inside."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import EarlySpeech
from gateway.media.hearing import AudioGone, SpeechStarted, SpeechStopped
from gateway.model.line import CallerStarted, CallerStopped, HeldSpeech
from gateway.sessions.early_speech import ECHO_GRACE_MS, READABLE_AGAIN_MS, EarlySpeechPolicy

HOLD, DROP, BARGE_IN = EarlySpeech.HOLD, EarlySpeech.DROP, EarlySpeech.BARGE_IN


def ms(value: float) -> int:
    return int(value * 16)


def sound(start: int, stop: int, value: bytes = b"\x05\x00") -> bytes:
    return value * (stop - start)


def ear(start: int, stop: int) -> bytes:
    """What the ear's ring would return: everything, as another value than what was kept."""
    return sound(start, stop, b"\x09\x00")


def policy(kind: EarlySpeech = HOLD, hold_limit_ms: float = 12_000) -> EarlySpeechPolicy:
    return EarlySpeechPolicy(kind, hold_limit_ms=hold_limit_ms, interrupt_after_ms=500)


def say(early: EarlySpeechPolicy, start_ms: float, stop_ms: float) -> None:
    early.started(ms(start_ms))
    early.stopped(ms(start_ms), ms(stop_ms), sound(ms(start_ms), ms(stop_ms)))


def test_silence_hands_nothing_over() -> None:
    handover = policy().opened(ms(1000), 5.0)

    assert handover.first is None
    assert handover.readable_from == ms(1000)
    assert handover.stretches == 0


@pytest.mark.parametrize("kind", [HOLD, BARGE_IN])
def test_all_that_was_said_is_one_turn(kind: EarlySpeech) -> None:
    early = policy(kind)
    say(early, 100, 400)
    say(early, 600, 900)

    handover = early.opened(ms(1000), 5.0)

    assert handover.first == HeldSpeech(
        5.0, ((ms(100), ms(400)), (ms(600), ms(900))), is_speaking=False
    )
    assert handover.held_ms == 600
    assert handover.readable_from == ms(100)


def test_a_stretch_that_goes_on_belongs_to_the_turn() -> None:
    early = policy()
    say(early, 100, 400)
    early.started(ms(800))

    handover = early.opened(ms(1000), 5.0, sound(ms(800), ms(1000)))

    assert isinstance(handover.first, HeldSpeech)
    assert handover.first.is_speaking
    assert handover.first.segments[-1] == (ms(800), ms(1000))
    stopped = early.translate(SpeechStopped(6.0, ms(800), ms(1500)))
    assert stopped == (CallerStopped(6.0, ms(800), ms(1500)),)


def test_drop_hands_over_from_the_opening_on() -> None:
    early = policy(DROP)
    say(early, 100, 400)
    early.started(ms(800))

    handover = early.opened(ms(1000), 5.0)

    assert handover.first == CallerStarted(5.0, ms(1000))
    assert handover.dropped_ms == 500
    stopped = early.translate(SpeechStopped(6.0, ms(800), ms(1500)))
    assert stopped == (CallerStopped(6.0, ms(1000), ms(1500)),)


def test_drop_does_not_tell_of_a_stop_before_the_opening() -> None:
    early = policy(DROP)
    early.started(ms(800))
    early.opened(ms(1000), 5.0)

    # The hang-over makes the decision late: the voice had ended before the gate opened.
    (stopped,) = early.translate(SpeechStopped(6.0, ms(800), ms(950)))

    assert stopped == CallerStopped(6.0, ms(1000), ms(1000))


@pytest.mark.parametrize(("kind", "start_ms"), [(HOLD, 950), (BARGE_IN, 950), (DROP, 1000)])
def test_speech_begun_before_but_noticed_after_the_opening(
    kind: EarlySpeech, start_ms: float
) -> None:
    early = policy(kind)
    early.opened(ms(1000), 5.0)

    (started,) = early.translate(SpeechStarted(5.1, ms(950)))

    assert started == CallerStarted(5.1, ms(start_ms))
    assert early.read(ms(start_ms), ms(1100), ear, ms(1200)) == ear(ms(start_ms), ms(1100))


def test_echo_is_not_handed_over_and_cannot_be_read() -> None:
    early = policy()
    say(early, 100, 300)
    say(early, 400, 500)
    say(early, 600, 700)
    early.judged(ms(400), is_echo=True)

    handover = early.opened(ms(1000), 5.0)

    assert isinstance(handover.first, HeldSpeech)
    assert handover.first.segments == ((ms(100), ms(300)), (ms(600), ms(700)))
    assert handover.echo_ms == 100
    audio = early.read(ms(100), ms(700), ear, ms(1000))
    assert audio == (sound(ms(100), ms(300)) + bytes(2 * ms(300)) + sound(ms(600), ms(700)))


def test_a_later_judgement_replaces_an_earlier_one() -> None:
    early = policy()
    say(early, 100, 300)
    early.judged(ms(100), is_echo=True)
    early.judged(ms(100), is_echo=False)

    assert early.opened(ms(1000), 5.0).held_ms == 200


def test_an_echo_that_dies_away_is_never_told() -> None:
    early = policy()
    early.started(ms(800))
    early.judged(ms(800), is_echo=True)
    assert early.opened(ms(1000), 5.0).first is None

    assert early.translate(SpeechStopped(5.2, ms(800), ms(1100))) == ()
    assert early.confirm(ms(1000 + ECHO_GRACE_MS), 5.3) is None


def test_an_echo_that_goes_on_is_the_caller() -> None:
    early = policy()
    early.started(ms(800))
    early.judged(ms(800), is_echo=True)
    early.opened(ms(1000), 5.0)

    assert early.confirm(ms(1000 + ECHO_GRACE_MS - 1), 5.2) is None
    assert early.confirm(ms(1000 + ECHO_GRACE_MS), 5.3) == CallerStarted(5.3, ms(1000))
    stopped = early.translate(SpeechStopped(6.0, ms(800), ms(2000)))
    assert stopped == (CallerStopped(6.0, ms(1000), ms(2000)),)


def test_an_echo_that_went_on_but_was_not_confirmed_in_time_is_told_at_its_stop() -> None:
    early = policy()
    early.started(ms(800))
    early.judged(ms(800), is_echo=True)
    early.opened(ms(1000), 5.0)

    assert early.translate(SpeechStopped(6.0, ms(800), ms(1900))) == (
        CallerStarted(6.0, ms(1000)),
        CallerStopped(6.0, ms(1000), ms(1900)),
    )


def test_over_the_limit_the_oldest_is_forgotten() -> None:
    early = policy(hold_limit_ms=1000)
    say(early, 0, 600)
    say(early, 1000, 1600)
    say(early, 2000, 2300)

    handover = early.opened(ms(3000), 5.0)

    assert isinstance(handover.first, HeldSpeech)
    assert handover.first.segments == (
        (ms(500), ms(600)),
        (ms(1000), ms(1600)),
        (ms(2000), ms(2300)),
    )
    assert handover.forgotten_ms == 500
    assert early.read(ms(500), ms(600), ear, ms(3000)) == sound(ms(500), ms(600))


def test_the_stretch_that_goes_on_counts_for_the_limit() -> None:
    early = policy(hold_limit_ms=1000)
    say(early, 0, 600)
    early.started(ms(1000))

    handover = early.opened(ms(3000), 5.0, sound(ms(1000), ms(3000)))

    assert isinstance(handover.first, HeldSpeech)
    assert handover.first.segments == ((ms(2000), ms(3000)),)
    assert handover.first.is_speaking
    assert handover.forgotten_ms == 1600


@pytest.mark.parametrize(
    ("kind", "spoken_ms", "missing_ms"),
    [
        (BARGE_IN, 200, 300),
        (BARGE_IN, 500, 0),
        (BARGE_IN, 900, 0),
        (HOLD, 900, None),
        (DROP, 900, None),
    ],
)
def test_what_is_missing_to_a_barge_in(
    kind: EarlySpeech, spoken_ms: float, missing_ms: float | None
) -> None:
    early = policy(kind)
    assert early.interrupt_in_ms(ms(100)) is None
    early.started(ms(100))

    assert early.interrupt_in_ms(ms(100 + spoken_ms)) == missing_ms


@pytest.mark.parametrize(("spoken_ms", "missing_ms"), [(300, None), (700, 0)])
def test_only_a_long_stretch_that_is_over_is_a_barge_in(
    spoken_ms: float, missing_ms: float | None
) -> None:
    early = policy(BARGE_IN)
    say(early, 100, 100 + spoken_ms)

    assert early.interrupt_in_ms(ms(5000)) == missing_ms


def test_nothing_can_be_read_before_the_opening_or_from_before_what_was_held() -> None:
    early = policy()
    say(early, 500, 700)
    with pytest.raises(AudioGone):
        early.read(ms(500), ms(700), ear, ms(800))

    early.opened(ms(1000), 5.0)

    with pytest.raises(AudioGone):
        early.read(ms(499), ms(700), ear, ms(1000))
    across = early.read(ms(600), ms(1100), ear, ms(1100))
    expected = sound(ms(600), ms(700)) + bytes(2 * ms(300)) + ear(ms(1000), ms(1100))
    assert across == expected


def test_held_audio_is_let_go_in_the_end() -> None:
    early = policy()
    say(early, 500, 700)
    early.opened(ms(1000), 5.0)
    late = ms(1000 + READABLE_AGAIN_MS + 1)

    with pytest.raises(AudioGone):
        early.read(ms(500), ms(700), ear, late)
    assert early.kept_bytes == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), max_size=12),
    st.integers(200, 5000),
    st.sampled_from(EarlySpeech),
    st.integers(0, 3000),
)
def test_what_is_handed_over_is_in_order_bounded_and_readable(
    stretches: list[tuple[int, int]], limit_ms: int, kind: EarlySpeech, going_on_ms: int
) -> None:
    early = policy(kind, hold_limit_ms=limit_ms)
    at = 0
    for gap, length in stretches:
        at += gap
        say(early, at, at + length)
        at += length
        assert early.kept_bytes <= ms(limit_ms) * 2
    if going_on_ms:
        early.started(ms(at + 10))
        at += 10 + going_on_ms
    handover = early.opened(ms(at), 5.0, ear(ms(at - going_on_ms), ms(at)))

    total = sum(length for _, length in stretches) + going_on_ms
    assert handover.held_ms + handover.dropped_ms + handover.forgotten_ms == pytest.approx(total)
    assert handover.held_ms <= limit_ms
    if isinstance(handover.first, HeldSpeech):
        edges = [edge for segment in handover.first.segments for edge in segment]
        assert edges == sorted(edges)
        assert edges[0] == handover.readable_from
        whole = early.read(edges[0], edges[-1], ear, ms(at))
        assert len(whole) == 2 * (edges[-1] - edges[0])
