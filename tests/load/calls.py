"""Holds calls with sound both ways, and tells what they cost and whether a frame was lost."""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.load.far_end import Callers
from tests.load.figures import between, histogram_percentile, percentile
from tests.load.gateway_process import LONG, GatewayProcess
from tests.load.printing import Report, ms
from tests.load.processes import Usage
from tests.load.timelines import Call, calls_since
from tests.load.wire import Wire

PACKETS_PER_S = 50
CPU_MOST, CPU_AIM = 0.6, 0.45
"""Percent of a core per call, over all our processes."""
INTERVAL_P99_MS = 25.0
_RAMP_PER_S = 25.0
_SLACK_PACKETS = 10
"""SIPp begins and ends its stream beside the signalling: so many packets a call are no loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a number of calls cost."""

    calls: int
    succeeded: int
    trouble: str
    held_all: bool
    window_s: float
    cpu: dict[str, float]
    """Percent of a core by process, in all."""
    far_end_cpu: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    interval_p99_ms: float
    wire: Wire
    frames_dropped: float
    packets_lost: int
    packets_in: int
    packets_out: int
    packets_expected: int
    memory_mb: dict[str, float]
    """Per call, by process, while all calls were up."""

    @property
    def cpu_per_call(self) -> float:
        return sum(self.cpu.values()) / self.calls

    @property
    def loss(self) -> float:
        """Frames that were lost anywhere between SIPp's two sockets, as far as anybody noticed."""
        missing_in = max(0, self.packets_expected - self.packets_in - _SLACK_PACKETS * self.calls)
        return self.frames_dropped + self.packets_lost + missing_in + self.wire.missing


def hold(
    gateway: GatewayProcess,
    directory: Path,
    sound: bytes,
    *,
    calls: int,
    seconds: float,
    number: str = LONG,
) -> Held:
    """Hold `calls` calls for so long and return what was measured while all of them were up."""
    began_at = time.time()
    idle = gateway.usage()
    callers = Callers(
        "hold",
        directory,
        gateway.sip_port,
        number,
        calls=calls,
        rate=_RAMP_PER_S,
        hold_s=seconds,
        sound=sound,
    )
    try:
        up = gateway.wait_for_calls(calls, bound_s=calls / _RAMP_PER_S + 15)
        time.sleep(1)
        left_s = seconds - (time.time() - began_at) - 1
        page, usage, far_cpu_s = gateway.page(), gateway.usage(), callers.cpu_s()
        measured_s = time.monotonic()
        with Wire.capture() as wire:
            time.sleep(max(2.0, left_s))
        window_s = time.monotonic() - measured_s
        page_after, usage_after = gateway.page(), gateway.usage()
        far_cpu = (callers.cpu_s() - far_cpu_s) / window_s * 100
        outcome = callers.wait(seconds + 30)
    finally:
        callers.stop()
    gateway.wait_for_calls(0, bound_s=15)
    time.sleep(1.5)
    lateness = between(
        page.buckets("offhook_media_tick_lateness_seconds"),
        page_after.buckets("offhook_media_tick_lateness_seconds"),
    )
    interval = between(
        page.buckets("offhook_media_tick_interval_seconds"),
        page_after.buckets("offhook_media_tick_interval_seconds"),
    )
    media = _media(calls_since(gateway.database, began_at))
    dropped = gateway.page().total("offhook_frames_dropped_total")
    return Held(
        calls=calls,
        succeeded=outcome.succeeded,
        trouble=outcome.trouble,
        held_all=up and outcome.ended and outcome.failed == 0,
        window_s=window_s,
        cpu=_cpu(usage, usage_after, window_s),
        far_end_cpu=far_cpu,
        lateness_p50_ms=histogram_percentile(lateness, 0.5) * 1000,
        lateness_p99_ms=histogram_percentile(lateness, 0.99) * 1000,
        interval_p99_ms=histogram_percentile(interval, 0.99) * 1000,
        wire=wire,
        frames_dropped=dropped - page.total("offhook_frames_dropped_total"),
        packets_lost=media["packets_lost_in"] + media["packets_lost_out"] + media["frames_dropped"],
        packets_in=media["packets_in"],
        packets_out=media["packets_out"],
        packets_expected=round(calls * seconds * PACKETS_PER_S),
        memory_mb={
            name: (usage_after[name].rss_mb - idle[name].rss_mb) / calls for name in usage_after
        },
    )


def _cpu(before: dict[str, Usage], after: dict[str, Usage], window_s: float) -> dict[str, float]:
    return {
        name: (after[name].cpu_s - before[name].cpu_s) / window_s * 100
        for name in after
        if name in before
    }


def _media(calls: list[Call]) -> dict[str, int]:
    names = ("packets_in", "packets_out", "packets_lost_in", "packets_lost_out", "frames_dropped")
    found = [line for call in calls if (line := call.first("media_quality")) is not None]
    return {name: sum(int(line.facts[name]) for line in found) for name in names}


def tell(report: Report, held: list[Held]) -> None:
    """Print the tables of several holds."""
    kinds = ("gateway", "telephony", "speech")
    for item in held:
        if item.trouble:
            report.say(f"{item.calls} calls, sipp: {item.trouble}")
    report.table(
        ("calls", "held", "window", *kinds, "a call", "sipp"),
        [
            (
                str(item.calls),
                f"{item.succeeded}",
                f"{item.window_s:.0f} s",
                *(f"{item.cpu.get(kind, 0.0):.1f} %" for kind in kinds),
                f"{item.cpu_per_call:.3f} %",
                f"{item.far_end_cpu:.0f} %",
            )
            for item in held
        ],
    )
    report.table(
        ("calls", "late p50", "late p99", "interval p99", "RTP p50", "RTP p99", "RTP max"),
        [
            (
                str(item.calls),
                f"<= {ms(item.lateness_p50_ms)}",
                f"<= {ms(item.lateness_p99_ms)}",
                f"<= {ms(item.interval_p99_ms)}",
                ms(percentile(item.wire.intervals_ms, 0.5)),
                ms(percentile(item.wire.intervals_ms, 0.99)),
                ms(max(item.wire.intervals_ms, default=float("nan"))),
            )
            for item in held
        ],
    )
    report.table(
        (
            "calls",
            "in",
            "out",
            "expected",
            "RTP lost",
            "dropped",
            "missing on wire",
            "memory a call",
        ),
        [
            (
                str(item.calls),
                str(item.packets_in),
                str(item.packets_out),
                str(item.packets_expected),
                str(item.packets_lost),
                f"{item.frames_dropped:.0f}",
                f"{item.wire.missing} of {item.wire.packets}",
                ", ".join(f"{kind} {item.memory_mb.get(kind, 0):.2f} MB" for kind in kinds[:2]),
            )
            for item in held
        ],
    )


def judge(report: Report, item: Held) -> None:
    """Print what was promised for so many calls beside what was measured."""
    name = f"{item.calls} calls"
    report.promise(
        f"{name}: held with media both ways",
        "all",
        f"{item.succeeded} of {item.calls}",
        item.held_all,
    )
    report.promise(f"{name}: frames lost", "none", f"{item.loss:.0f}", item.loss == 0)
    report.promise(
        f"{name}: tick interval p99",
        f"< {INTERVAL_P99_MS:.0f} ms",
        f"<= {ms(item.interval_p99_ms)} at the clock, "
        f"{ms(percentile(item.wire.intervals_ms, 0.99))} on the wire",
        item.interval_p99_ms < INTERVAL_P99_MS,
    )
    if item.calls >= 100:
        report.promise(
            f"{name}: processor per call",
            f"<= {CPU_MOST} % (aim {CPU_AIM} %)",
            f"{item.cpu_per_call:.3f} %",
            item.cpu_per_call <= CPU_MOST,
        )
