"""Quiet hours by the clock on the person's wall."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.fallback.quiet_hours import QuietHours, clock_time, next_allowed

NIGHT = QuietHours(time(21), time(8))
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_by_day_at_once_and_by_night_in_the_morning() -> None:
    berlin = ["Europe/Berlin"]
    assert next_allowed(at("2026-11-21 20:59"), NIGHT, berlin) == at("2026-11-21 20:59")
    assert next_allowed(at("2026-11-21 21:00"), NIGHT, berlin) == at("2026-11-22 08:00")
    assert next_allowed(at("2026-11-22 03:00"), NIGHT, berlin) == at("2026-11-22 08:00")
    assert next_allowed(at("2026-11-22 08:00"), NIGHT, berlin) == at("2026-11-22 08:00")


def test_across_a_change_of_the_clock_it_ends_by_the_wall() -> None:
    for evening, morning in (
        ("2026-03-28 22:00", "2026-03-29 08:00"),
        ("2026-10-24 22:00", "2026-10-25 08:00"),
    ):
        assert next_allowed(at(evening), NIGHT, ["Europe/Berlin"]) == at(morning)


def test_in_the_hour_that_comes_twice_it_ends_twice() -> None:
    until_half_past = QuietHours(time(21), time(2, 30))
    # Berlin, 25 October 2026: from 03:00 back to 02:00.
    second_two = at("2026-10-25 01:50") + 3_600 + 1_200
    assert datetime.fromtimestamp(second_two, ZoneInfo("Europe/Berlin")).time() == time(2, 10)
    assert next_allowed(second_two, until_half_past, ["Europe/Berlin"]) == second_two + 1_200


def test_in_the_hour_that_never_is_it_ends_after_the_jump() -> None:
    until_half_past = QuietHours(time(21), time(2, 30))
    ended = next_allowed(at("2026-03-29 01:00"), until_half_past, ["Europe/Berlin"])
    assert ended == at("2026-03-29 03:30")


def test_a_person_who_may_be_in_two_zones_sleeps_in_neither() -> None:
    zones = ["America/New_York", "America/Los_Angeles"]
    early = at("2026-11-21 08:30", "America/New_York")
    assert next_allowed(early, NIGHT, zones) == at("2026-11-21 08:00", "America/Los_Angeles")


def test_zones_without_a_common_hour_have_none() -> None:
    short_day = QuietHours(time(10), time(9))
    assert (
        next_allowed(at("2026-11-21 12:00"), short_day, ["Asia/Tokyo", "America/New_York"]) is None
    )


def test_equal_times_are_never_quiet() -> None:
    moment = at("2026-11-21 03:00")
    assert next_allowed(moment, QuietHours(time(0), time(0)), ["Europe/Berlin"]) == moment


def test_a_time_of_day_is_read() -> None:
    assert clock_time("21:30") == time(21, 30)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    st.times(),
    st.times(),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=4),
)
def test_the_moment_found_is_quiet_nowhere(
    when: datetime, start: time, end: time, zones: list[str]
) -> None:
    moment = when.replace(tzinfo=UTC).timestamp()
    quiet = QuietHours(start, end)
    found = next_allowed(moment, quiet, zones)
    if found is None:
        assert start != end
        return
    assert found >= moment
    assert next_allowed(found, quiet, zones) == found
