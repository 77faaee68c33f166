"""Browser calls: what they cost beside aiortc's ordinary frame path, how late the clock is, how soon one hears.

The far end is another process (`web_far_end`), whose cost is not counted; the same far end calls a bare
aiortc server (`plain_server`) afterwards.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.load.figures import between, histogram_percentile, percentile
from tests.load.gateway_process import DESK, LONG, GatewayProcess, free_port
from tests.load.latency import first_sample_ms
from tests.load.printing import Report, ms
from tests.load.processes import usage
from tests.load.sounds import clip, silence, speak
from tests.load.timelines import Call, calls_since
from tests.load.web_heard import LOUD, HeardCall, load

CALLS = 20
CPU_MOST, CPU_AIM = 2.2, 1.8
"""Percent of a core per call, over the server's processes."""
LATENESS_P99_MS = 40.0
FIRST_SAMPLE_P95_MS = 60.0
CLEAR_MOST_PACKETS = 2

_EVERY_S = 0.25
_SETTLE_S = 2.0
_QUESTION, _INTERRUPTION = "When are you open?", "Excuse me, but what is your address?"
_INTO_ANSWER_S = 3.0
_LOOK_S = 0.5
_LATENESS = "offhook_media_tick_lateness_seconds"
_SERVERS = ("gateway", "webrtc", "telephony", "speech")


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The calling process, and what it wrote down."""

    process: subprocess.Popen[bytes]
    out: Path

    def wait(self, bound_s: float) -> list[HeardCall]:
        """Return the calls once all are over; the process ends in every case."""
        try:
            self.process.wait(bound_s)
        finally:
            self.stop()
        return load(self.out)[0] if self.out.exists() else []

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def run(report: Report, gateway: GatewayProcess, directory: Path, *, is_quick: bool) -> None:
    """Hold calls, hold them again with the comparison, and interrupt some."""
    count, hold_s = (5, 10.0) if is_quick else (CALLS, 40.0)
    sound = directory / "caller.pcm"
    sound.write_bytes(clip() + silence(0.7))
    report.title(f"{count} browser calls, Opus both ways, voice activity on, greeting playing")
    ours = _hold(report, gateway, directory, sound, count, hold_s)
    plain = _hold_plain(report, directory, sound, count, hold_s)
    report.say(
        f"a call costs {ours:.2f} % of a core here, {plain:.2f} % with aiortc's ordinary frame path "
        "(no voice activity, no agent, no link)"
    )
    report.promise(
        f"{count} browser calls: processor per call",
        f"<= {CPU_MOST} % (aim {CPU_AIM} %)",
        f"{ours:.2f} % ({plain:.2f} % on aiortc's frame path)",
        # What does not grow with the calls is dear for a few of them.
        ours <= CPU_MOST if count >= CALLS else None,
    )
    _interrupt(report, gateway, directory, calls=2 if is_quick else 8)


def _hold(
    report: Report,
    gateway: GatewayProcess,
    directory: Path,
    sound: Path,
    count: int,
    hold_s: float,
) -> float:
    """Hold calls to the gateway; returns percent of a core per call."""
    began_at = time.time()
    far_end = place(
        gateway.web_url(LONG), directory / "held.json", sound, count, every=_EVERY_S, hold=hold_s
    )
    try:
        all_up = gateway.wait_for_calls(count, bound_s=count * _EVERY_S + 20)
        time.sleep(_SETTLE_S)
        page, before, far_before = gateway.page(), gateway.usage(), usage(far_end.process.pid)
        measured_s = time.monotonic()
        time.sleep(hold_s - _SETTLE_S - 3)
        window_s = time.monotonic() - measured_s
        page_after, after = gateway.page(), gateway.usage()
        far_cpu = (usage(far_end.process.pid).cpu_s - far_before.cpu_s) / window_s * 100
        heard = far_end.wait(30)
    finally:
        far_end.stop()
    gateway.wait_for_calls(0, bound_s=15)
    time.sleep(1.5)
    cpu = {
        name: (after[name].cpu_s - before[name].cpu_s) / window_s * 100
        for name in _SERVERS
        if name in after and name in before
    }
    lateness = between(page.buckets(_LATENESS), page_after.buckets(_LATENESS))
    late_ms = histogram_percentile(lateness, 0.99) * 1000
    dropped = page_after.total("offhook_frames_dropped_total") - page.total(
        "offhook_frames_dropped_total"
    )
    _tell_troubles(report, heard)
    report.table(
        ("calls", "window", *cpu, "a call", "far end", "late p50", "late p99", "dropped"),
        [
            (
                str(count),
                f"{window_s:.0f} s",
                *(f"{value:.1f} %" for value in cpu.values()),
                f"{sum(cpu.values()) / count:.2f} %",
                f"{far_cpu:.0f} %",
                f"<= {ms(histogram_percentile(lateness, 0.5) * 1000)}",
                f"<= {ms(late_ms)}",
                f"{dropped:.0f}",
            )
        ],
    )
    good = sum(not call.trouble for call in heard)
    missing = sum(call.missing for call in heard)
    report.promise(
        f"{count} browser calls: held with media both ways",
        "all, no packet missing",
        f"{good} of {count}, {missing} missing",
        all_up and good == count and not missing,
    )
    report.promise(
        f"{count} browser calls: tick lateness p99",
        f"<= {LATENESS_P99_MS:.0f} ms",
        f"<= {ms(late_ms)}",
        late_ms <= LATENESS_P99_MS,
    )
    _tell_first_samples(report, heard, calls_since(gateway.database, began_at), count)
    return sum(cpu.values()) / count


def _tell_first_samples(
    report: Report, heard: Sequence[HeardCall], found: Sequence[Call], count: int
) -> None:
    told = [wait for call in found if (wait := first_sample_ms(call)) is not None]
    wire = [wait for call in heard if (wait := call.first_after_up_ms(LOUD)) is not None]
    connects = [wait for call in heard if (wait := call.connect_ms) is not None]
    report.say(
        f"offer to transport up p50 {ms(percentile(connects, 0.5))}, "
        f"p95 {ms(percentile(connects, 0.95))}"
    )
    report.say(
        f"transport up to first loud packet at the far end p50 {ms(percentile(wire, 0.5))}, "
        f"p95 {ms(percentile(wire, 0.95))} (the greeting begins with {_lead_ms():.0f} ms of silence)"
    )
    p95_ms = percentile(told, 0.95)
    report.promise(
        "browser calls: first greeting sample after transport up, p95",
        f"<= {FIRST_SAMPLE_P95_MS:.0f} ms",
        ms(p95_ms),
        len(told) == count and p95_ms <= FIRST_SAMPLE_P95_MS,
    )


def _lead_ms() -> float:
    """Return how long the greeting's file is silent before its first word."""
    # Opus calls a packet loud by its mean; the file is judged in the same way.
    samples = np.frombuffer(clip(), dtype="<i2").astype(np.float64)
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    return float(np.argmax(np.sqrt(np.mean(frames**2, axis=1)) > LOUD)) * 20


def _hold_plain(report: Report, directory: Path, sound: Path, count: int, hold_s: float) -> float:
    """Hold the same calls to the comparison server; returns percent of a core per call."""
    port = free_port(socket.SOCK_STREAM)
    arguments = ["--port", str(port), "--sound", str(sound)]
    server = subprocess.Popen([sys.executable, "-m", "tests.load.plain_server", *arguments])
    try:
        _wait_for_port(port)
        far_end = place(
            f"http://127.0.0.1:{port}/webrtc/calls",
            directory / "plain.json",
            sound,
            count,
            every=_EVERY_S,
            hold=hold_s,
        )
        try:
            time.sleep(count * _EVERY_S + _SETTLE_S + 1)
            before, measured_s = usage(server.pid), time.monotonic()
            time.sleep(hold_s - _SETTLE_S - 4)
            window_s = time.monotonic() - measured_s
            cpu = (usage(server.pid).cpu_s - before.cpu_s) / window_s * 100
            heard = far_end.wait(30)
        finally:
            far_end.stop()
    finally:
        server.terminate()
        server.wait(10)
    _tell_troubles(report, heard)
    return cpu / count


def _interrupt(report: Report, gateway: GatewayProcess, directory: Path, *, calls: int) -> None:
    """Have callers speak over an answer, and count the packets with sound that still came."""
    report.title(f"barge-in, {calls} browser calls")
    question, interruption = speak(_QUESTION, _INTERRUPTION)
    greeting_s = len(clip()) / 32_000
    head = silence(greeting_s + 2.0) + question + silence(_INTO_ANSWER_S)
    pcm = head + interruption + silence(6.0)
    sound = directory / "interrupting.pcm"
    sound.write_bytes(pcm)
    began_at, shift_s = time.time(), time.time() - time.monotonic()
    far_end = place(
        gateway.web_url(DESK),
        directory / "interrupted.json",
        sound,
        calls,
        every=2.5,
        hold=len(pcm) / 32_000,
        is_each=True,
    )
    heard = far_end.wait(calls * 2.5 + len(pcm) / 32_000 + 40)
    gateway.wait_for_calls(0, bound_s=15)
    time.sleep(1.5)
    _tell_troubles(report, heard)
    packets = []
    for call, found in zip(heard, calls_since(gateway.database, began_at), strict=False):
        if call.up_s is None:
            continue
        interrupts_at = call.up_s + shift_s + len(head) / 32_000
        moments = [
            found.offered_at + line.offset_ms / 1000
            for line in (*found.events("paused"), *found.events("interrupted"))
        ]
        if decided_at := min((at for at in moments if at > interrupts_at), default=None):
            packets.append(call.loud_after(decided_at - shift_s, _LOOK_S))
    report.promise(
        "browser calls: packets with sound after the decision to give way, most",
        f"<= {CLEAR_MOST_PACKETS}",
        f"{max(packets, default=-1)} ({len(packets)} of {calls} interrupted)",
        len(packets) == calls and max(packets) <= CLEAR_MOST_PACKETS,
    )


def place(
    url: str,
    out: Path,
    sound: Path,
    calls: int,
    *,
    every: float,
    hold: float,
    is_each: bool = False,
) -> FarEnd:
    """Start callers in a process of their own; `wait` or `stop` must be called."""
    command = [sys.executable, "-m", "tests.load.web_far_end", "--url", url]
    command += ["--calls", str(calls), "--every", str(every), "--hold", str(hold)]
    command += ["--sound", str(sound), "--out", str(out), *(["--each"] if is_each else [])]
    return FarEnd(subprocess.Popen(command, stdin=subprocess.DEVNULL), out)


def _tell_troubles(report: Report, heard: Sequence[HeardCall]) -> None:
    for trouble in sorted({call.trouble for call in heard if call.trouble})[:5]:
        report.say(f"far end: {trouble}")


def _wait_for_port(port: int) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the comparison server did not start")
