"""The configuration of refusing calls when the machine is too busy: `[overload]`."""

from pydantic import Field

from gateway.config.section import Section


class OverloadSection(Section):
    """When new calls are refused with 503 although `max_calls` is not reached.

    Calls are refused when one of the three figures stays at or above its limit for `hot_s`, and taken again,
    every second one at first, when all have stayed below half of theirs for `cool_s`.
    """

    enabled: bool = True
    tick_lateness_ms: int = Field(default=60, ge=10, le=1_000)
    """How late one in ten ticks of the media clock may be; above, callers hear gaps."""
    loop_lag_ms: int = Field(default=200, ge=10, le=5_000)
    """How late one in ten turns of the gateway's own loop may be; above, agents answer late."""
    speech_waiting: int = Field(default=24, ge=1, le=500)
    """Turns of callers that wait for each speech worker; above, callers wait for seconds. It counts as reached
    when three quarters of `speech.queue_limit` are taken, if that is less."""
    hot_s: float = Field(default=5.0, ge=1, le=60)
    cool_s: float = Field(default=10.0, ge=2, le=600)
    retry_after_s: int = Field(default=10, ge=1, le=3600)
    """What a refused caller's trunk is told (`Retry-After`)."""
