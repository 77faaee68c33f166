"""Decides whether a number may be dialled, through which trunk and for how long: the guard against toll fraud.

Pure: what was dialled before and what goes on now is passed in. Whoever asks, an API client, an agent or the
fallback, meets the same rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.channels.fallback.phone_number import number_facts
from gateway.config.trunks import DiallingSection, TrunkSection
from gateway.dialling import spellings

DAY_S = 86_400.0
HOUR_S = 3_600.0
SHORTEST_CALL_S = 10
"""With less left of the day's minutes no call is worth beginning."""
LONGEST_NUMBER = 64
_WRITTEN_BETWEEN = str.maketrans("", "", " \u00a0()/-.")
_DIALLABLE = frozenset("0123456789*#")


class Refusal(StrEnum):
    """Why a number is not dialled."""

    INVALID_NUMBER = "invalid_number"
    NO_TRUNK = "no_trunk"
    NOT_ALLOWED = "not_allowed"
    DENIED = "denied"
    CALLER_ID = "caller_id"
    ROOM = "room"
    """The rules of the person's room."""
    TOO_MANY_AT_ONCE = "too_many_at_once"
    TOO_MANY_TODAY = "too_many_today"
    NO_MINUTES_LEFT = "no_minutes_left"
    TOO_OFTEN = "too_often"


LIMITS = frozenset(
    {
        Refusal.TOO_MANY_AT_ONCE,
        Refusal.TOO_MANY_TODAY,
        Refusal.NO_MINUTES_LEFT,
        Refusal.TOO_OFTEN,
    }
)
"""They pass with time; the others stay until somebody changes the request or the configuration."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The number is not dialled."""

    reason: Refusal
    message: str
    """Names the setting and the remedy."""
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a number goes."""

    number: str
    """As rooms and records know it."""
    trunk: str
    dialled: str
    """As the trunk wants it."""
    caller_id: str
    """The number of ours that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was dialled before. A call that goes on counts with all the time it may take."""

    at_once: int = 0
    calls_today: int = 0
    """Within the last 24 hours."""
    seconds_today: float = 0.0
    calls_to_number: int = 0
    """Within the last hour."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The number may be dialled."""

    max_call_s: int
    """The call must not be longer: what the day has left."""


def normalise(number: str, country: str) -> str:
    """Return a number as rooms know it (E.164 where it is one), empty if nobody could dial it.

    Short numbers and names of a private exchange stay as they are. Addresses with a host are no numbers:
    they would lead past the trunks.
    """
    bare = number.strip().translate(_WRITTEN_BETWEEN)
    if not bare or len(bare) > LONGEST_NUMBER:
        return ""
    digits = bare.removeprefix("+")
    if digits and set(digits) <= _DIALLABLE:
        if known := number_facts(bare, country).e164:
            return known
        return bare if not bare.startswith("+") or spellings.can_be_dialled(digits) else ""
    name = number.strip()
    is_name = (
        name.isascii() and name[:1].isalpha() and name.replace("-", "").replace("_", "").isalnum()
    )
    return name if is_name else ""


def longest_fit(number: str, prefixes: Sequence[str]) -> int:
    """Return the length of the longest of these beginnings that fits a number; -1 if none does."""
    fits = [
        len(prefix.rstrip("*"))
        for prefix in prefixes
        if number == prefix
        or (prefix.endswith("*") and number.startswith(prefix[:-1]))
        or (not prefix[:1].isalpha() and number.startswith(prefix))
    ]
    return max(fits, default=-1)


def check_number(
    asked: str,
    section: DiallingSection,
    trunks: Mapping[str, TrunkSection],
    *,
    trunk: str = "",
    caller_id: str = "",
) -> Route | Refused:
    """Return where a number goes, or why nowhere; what was dialled before plays no part."""
    number = normalise(asked, section.country)
    if not number:
        return Refused(
            Refusal.INVALID_NUMBER,
            f"{asked[:LONGEST_NUMBER]!r} is not a number; write it with its country code, like "
            "+4930123456, or set dialling.country",
        )
    if refused := _check_prefixes(number, section):
        return refused
    name = trunk or _trunk_for(number, trunks)
    if name not in trunks:
        return Refused(Refusal.NO_TRUNK, _no_trunk(trunk, trunks))
    found = trunks[name]
    if trunk and longest_fit(number, found.prefixes) < 0:
        return Refused(
            Refusal.NO_TRUNK,
            f"trunk {name!r} does not carry this number; see trunks.{name}.prefixes",
        )
    shown = normalise(caller_id, section.country) if caller_id else ""
    own = {normalise(one, section.country) or one: one for one in found.numbers}
    if caller_id and shown not in own:
        return Refused(
            Refusal.CALLER_ID,
            f"calls through trunk {name!r} must not show this number; add it to "
            f"trunks.{name}.caller_ids",
        )
    return Route(
        number=number,
        trunk=name,
        dialled=rewrite(number, found),
        caller_id=shown or next(iter(own), found.user),
    )


def _check_prefixes(number: str, section: DiallingSection) -> Refused | None:
    if not section.allow:
        return Refused(
            Refusal.NOT_ALLOWED,
            'nothing may be dialled; name what may in dialling.allow, like allow = ["+49"]',
        )
    allowed = longest_fit(number, section.allow)
    # What is allowed must be written as it says; what is denied is so in every spelling that a trunk understands.
    beginnings = spellings.of_prefixes(section.deny, section.country)
    denied = max(
        longest_fit(one, beginnings) for one in spellings.of_number(number, section.country)
    )
    if allowed < 0:
        return Refused(
            Refusal.NOT_ALLOWED,
            "this number may not be dialled: no beginning in dialling.allow fits; add one there",
        )
    if denied >= allowed:
        return Refused(
            Refusal.DENIED, "this number may not be dialled: a beginning in dialling.deny fits it"
        )
    country = spellings.country_of_premium(number)
    if country and allowed <= len(country):
        return Refused(
            Refusal.DENIED,
            "this is a premium-rate number; to have such dialled name their beginning in "
            f"dialling.allow, like {number[: len(country) + 3]}",
        )
    return None


def _trunk_for(number: str, trunks: Mapping[str, TrunkSection]) -> str:
    fits = {name: longest_fit(number, section.prefixes) for name, section in trunks.items()}
    best = max(fits, key=lambda name: fits[name], default="")
    return best if best and fits[best] >= 0 else ""


def _no_trunk(wanted: str, trunks: Mapping[str, TrunkSection]) -> str:
    if wanted:
        return f"there is no trunk {wanted[:40]!r}; trunks are: {', '.join(trunks) or 'none'}"
    if not trunks:
        return "there is no trunk to call through; configure one as [trunks.NAME]"
    return "no trunk carries this number; see the prefixes of [trunks.NAME]"


def rewrite(number: str, trunk: TrunkSection) -> str:
    """Return a number as the trunk wants it dialled."""
    if trunk.strip and number.startswith(trunk.strip):
        number = number.removeprefix(trunk.strip)
    return trunk.prepend + number


def check_usage(section: DiallingSection, usage: Usage) -> Permit | Refused:
    """Return whether one more call to a number is within the limits, and how long it may be."""
    if usage.at_once >= section.calls_at_once:
        return Refused(
            Refusal.TOO_MANY_AT_ONCE,
            f"{usage.at_once} calls of ours go on; dialling.calls_at_once allows no more",
            retry_after_s=10,
        )
    if usage.calls_today >= section.calls_per_day:
        return Refused(
            Refusal.TOO_MANY_TODAY,
            f"{usage.calls_today} calls were placed within 24 hours; dialling.calls_per_day allows "
            "no more",
            retry_after_s=int(HOUR_S),
        )
    if usage.calls_to_number >= section.calls_per_number:
        return Refused(
            Refusal.TOO_OFTEN,
            f"this number was called {usage.calls_to_number} times within an hour; "
            "dialling.calls_per_number allows no more",
            retry_after_s=int(HOUR_S),
        )
    left_s = section.minutes_per_day * 60 - usage.seconds_today
    if left_s < SHORTEST_CALL_S:
        return Refused(
            Refusal.NO_MINUTES_LEFT,
            f"the {section.minutes_per_day} minutes that dialling.minutes_per_day allows within 24 "
            "hours are used up, or promised to calls that go on",
            retry_after_s=int(HOUR_S),
        )
    return Permit(min(section.max_call_s, int(left_s)))
