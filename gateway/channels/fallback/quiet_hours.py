"""When a person may be written to: quiet hours in every time zone in which they may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_STEPS_MOST = 64
"""More zones than a country has; a set of them that leaves no common hour ends here."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to before `end` on the local clock; they may go past midnight. Equal: never."""

    start: time
    end: time

    def end_after(self, at: float, zone: ZoneInfo) -> float:
        """Return when the quiet hours around `at` end, or `at` itself when it is not quiet.

        `at` and the result are seconds since 1970. By local wall clock, so a change to summer time
        neither lengthens nor shortens what the clock on the person's wall shows.
        """
        local = datetime.fromtimestamp(at, zone)
        if not self._is_quiet(local.time()):
            return at
        # In the hour that comes twice when the clock is set back, the end comes twice, too.
        ends = (
            datetime.combine(local.date() + timedelta(days=days), self.end, zone)
            .replace(fold=fold)
            .timestamp()
            for days in (0, 1, 2)
            for fold in (0, 1)
        )
        return min(
            end
            for end in ends
            if end > at and not self._is_quiet(datetime.fromtimestamp(end, zone).time())
        )

    def _is_quiet(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def next_allowed(at: float, quiet: QuietHours, zones: Sequence[str]) -> float | None:
    """Return the first moment from `at` on that is quiet in none of the zones.

    None if there is none: the zones lie too far apart. Without zones UTC is taken. Raises
    `ZoneInfoNotFoundError` for a zone this machine does not know.
    """
    infos = [ZoneInfo(name) for name in zones] or [ZoneInfo("UTC")]
    moment = at
    for _ in range(_STEPS_MOST):
        later = moment
        for zone in infos:
            later = quiet.end_after(later, zone)
        if later == moment:
            return moment
        moment = later
        if moment - at > timedelta(days=3).total_seconds():
            return None
    return None


def clock_time(text: str) -> time:
    """Return the time of day written as `HH:MM`. Raises `ValueError`."""
    return datetime.strptime(text, "%H:%M").replace(tzinfo=UTC).time()
