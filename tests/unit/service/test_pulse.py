"""Which clock is told to stand still, and when."""

from gateway.service.pulse import Pulse

BOUND_S = 4.0


def beat_for(pulse: Pulse, since_s: float, until_s: float, **rates: float) -> tuple[str, ...]:
    """Beat once a second, each clock at its rate; returns the last answer."""
    still: tuple[str, ...] = ()
    at_s = since_s
    while at_s <= until_s:
        still = pulse.beat(at_s, {name: rate * at_s for name, rate in rates.items()})
        at_s += 1
    return still


def test_clocks_that_move_are_well() -> None:
    assert beat_for(Pulse(BOUND_S), 0, 100, sip=200, media=50) == ()


def test_only_the_clock_that_stands_is_named_and_only_after_its_bound() -> None:
    pulse = Pulse(BOUND_S)
    beat_for(pulse, 0, 10, sip=200, media=50)
    assert pulse.beat(11, {"sip": 5000, "media": 500}) == ()
    assert beat_for(pulse, 12, 13, sip=200, media=0) == ()
    assert beat_for(pulse, 14, 16, sip=200, media=0) == ("media",)
    assert beat_for(pulse, 17, 17, sip=200, media=50) == ()


def test_a_clock_that_begins_anew_has_moved() -> None:
    pulse = Pulse(BOUND_S)
    for at_s, value in enumerate((100.0, 200.0, 200.0, 200.0, -1.0, -1.0, -1.0, 3.0)):
        assert pulse.beat(at_s, {"media": value}) == ()


def test_a_clock_that_was_never_heard_of_is_missed_in_the_end() -> None:
    pulse = Pulse(BOUND_S)
    answers = [pulse.beat(at_s, {"media": -1.0}) for at_s in range(5)]
    assert answers == [(), (), (), (), ("media",)]


def test_after_an_absence_of_our_own_nobody_is_blamed() -> None:
    pulse = Pulse(BOUND_S)
    pulse.beat(0, {"media": 1})
    pulse.beat(1, {"media": 2})
    assert pulse.beat(60, {"media": 2}) == ()
    assert beat_for(pulse, 61, 63, media=0) == ()
    assert beat_for(pulse, 64, 65, media=0) == ("media",)


def test_a_clock_that_is_no_more_is_forgotten() -> None:
    pulse = Pulse(BOUND_S)
    for at_s in range(6):
        pulse.beat(at_s, {"media": 1})
    assert pulse.beat(6, {}) == ()
    assert pulse.beat(7, {"media": 1}) == ()
