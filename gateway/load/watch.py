"""Looks at the machine once a second and tells, call by call, whether further ones are taken."""

import asyncio
import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.config.overload import OverloadSection
from gateway.load.meters import LatenessMeter
from gateway.load.pressure import Pressure, Signal
from gateway.load.shedder import LoadState, Shedder

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
BEAT_S = 0.05
"""The loop's lag is how late a beat comes."""

FULL_SHARE = 0.75
"""Of the speech queue: when it is full, turns are refused and callers get an apology."""

_STATE_FIGURE = {LoadState.OPEN: 0, LoadState.RECOVERING: 1, LoadState.SHEDDING: 2}


class LoadWatch:
    """One per gateway, on the event loop.

    `speech_queue` tells the turns that wait for each speech worker, `speech_room` how many can.
    """

    def __init__(
        self,
        section: OverloadSection,
        *,
        ticks: LatenessMeter,
        speech_queue: Callable[[], float],
        speech_room: float = float("inf"),
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section = section
        self._ticks = ticks
        self._lags = LatenessMeter()
        self._speech_queue = speech_queue
        self._clock = clock
        self._limits = {
            Signal.TICK_LATENESS: section.tick_lateness_ms / 1000,
            Signal.LOOP_LAG: section.loop_lag_ms / 1000,
            # A limit above what the queue holds would never be reached.
            Signal.SPEECH_QUEUE: min(float(section.speech_waiting), FULL_SHARE * speech_room),
        }
        self._shedder = Shedder(hot_s=section.hot_s, cool_s=section.cool_s, now_s=clock())
        self._because: Signal | None = None
        self._task: asyncio.Task[None] | None = None
        self._state_gauge = Gauge(
            "offhook_overload_state",
            "Whether calls are taken: 0 all, 1 every second one, 2 none (overload)",
            registry=registry,
        )
        self._pressure_gauge = Gauge(
            "offhook_overload_pressure",
            "Each measure of load as a share of its limit; calls are refused from 1",
            ["signal"],
            registry=registry,
        )
        self._shed = Counter(
            "offhook_calls_shed_total",
            "Calls refused for overload, by the measure that had reached its limit",
            ["signal"],
            registry=registry,
        )
        for signal in Signal:
            self._shed.labels(signal=signal.value)

    @property
    def retry_after_s(self) -> int:
        """What a refused caller is told."""
        return self._section.retry_after_s

    @property
    def is_shedding(self) -> bool:
        return self._shedder.state is LoadState.SHEDDING

    def told(self) -> str:
        """Return the state in a few words, for readiness and people."""
        if not self._section.enabled:
            return "off"
        state = self._shedder.state
        return f"{state.value} ({self._because.value})" if self._because else state.value

    def admits(self) -> bool:
        """Decide about one further call, and count it if it is refused."""
        if self._shedder.admits():
            return True
        self._shed.labels(signal=(self._because or Signal.LOOP_LAG).value).inc()
        return False

    def start(self) -> None:
        """Begin to look, unless it is switched off."""
        if self._section.enabled:
            self._task = asyncio.create_task(self._run(), name="load watch")

    async def stop(self) -> None:
        """Stop looking; may be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def look(self) -> None:
        """Look once: measure, decide, tell."""
        figures = {
            Signal.TICK_LATENESS: self._ticks.take(),
            Signal.LOOP_LAG: self._lags.take(),
            Signal.SPEECH_QUEUE: self._speech_queue(),
        }
        pressure = Pressure.of(figures, self._limits)
        change = self._shedder.look(pressure.level, self._clock())
        for signal, share in pressure.shares.items():
            self._pressure_gauge.labels(signal=signal.value).set(share)
        if change is None:
            return
        self._because = pressure.worst if change.after is LoadState.SHEDDING else self._because
        reason = self._because.value if self._because else ""
        if change.after is LoadState.OPEN:
            self._because = None
        self._state_gauge.set(_STATE_FIGURE[change.after])
        log.log(
            logging.WARNING if change.after is LoadState.SHEDDING else logging.INFO,
            "load: calls are refused"
            if change.after is LoadState.SHEDDING
            else "load: calls are taken again",
            extra={
                "state": change.after.value,
                "signal": reason,
                **{signal.value: round(figure, 3) for signal, figure in figures.items()},
            },
        )

    async def _run(self) -> None:
        due_s = look_s = self._clock()
        while True:
            due_s += BEAT_S
            await asyncio.sleep(due_s - self._clock())
            now_s = self._clock()
            self._lags.add(now_s - due_s)
            if now_s - due_s > BEAT_S:
                # The beats that were missed would have been late too; the deque bounds how many count.
                missed = min(int((now_s - due_s) / BEAT_S), 100)
                for number in range(1, missed + 1):
                    self._lags.add(now_s - due_s - number * BEAT_S)
                due_s = now_s
            if now_s - look_s >= LOOK_EVERY_S:
                look_s = now_s
                self.look()
