"""Decides when a silent caller is asked again, and when to give up; pure, the time is passed in."""

from enum import StrEnum


class SilenceStep(StrEnum):
    """What to do about a silence that has lasted long enough."""

    REPROMPT = "reprompt"
    GIVE_UP = "give_up"


class SilenceClock:
    """Measures the silence of both sides. Owned by one conversation.

    `busy` while anybody speaks or an answer is being made; `quiet` starts the clock. Words of the
    caller (not mere sounds) start the count of reprompts afresh.
    """

    def __init__(self, after_s: float, reprompts: int) -> None:
        self._after_s = after_s
        self._reprompts = reprompts
        self._used = 0
        self._quiet_since_s: float | None = None

    @property
    def reprompts_used(self) -> int:
        return self._used

    def busy(self) -> None:
        """Somebody speaks, or an answer is on its way."""
        self._quiet_since_s = None

    def quiet(self, now_s: float) -> None:
        """Both sides are silent; repeated calls do not restart the clock."""
        if self._quiet_since_s is None:
            self._quiet_since_s = now_s

    def words_heard(self) -> None:
        """The caller said something."""
        self._used = 0

    def deadline_s(self) -> float | None:
        return None if self._quiet_since_s is None else self._quiet_since_s + self._after_s

    def tick(self, now_s: float) -> SilenceStep | None:
        """Return what to do now, once per elapsed silence."""
        deadline_s = self.deadline_s()
        if deadline_s is None or now_s < deadline_s:
            return None
        self._quiet_since_s = None
        if self._used >= self._reprompts:
            return SilenceStep.GIVE_UP
        self._used += 1
        return SilenceStep.REPROMPT
