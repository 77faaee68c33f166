"""Many calls that go wrong in every way a caller can think of; what is left of them afterwards."""

import time
from collections import Counter
from pathlib import Path

from tests.load.far_end import Callers, Outcome, wait_all
from tests.load.gateway_process import DESK, MEDIA_TIMEOUT_S, GatewayProcess
from tests.load.hasty import HastyCallers
from tests.load.printing import Report
from tests.load.processes import Usage
from tests.load.timelines import calls_since

_MIX = {
    "hold": 0.20,
    "cancel_ringing": 0.125,
    "bye_at_once": 0.20,
    "reinvite": 0.125,
    "lost_ack": 0.125,
    "abandoned": 0.10,
}
"""Scenario → share of the calls. All run side by side, so that every ending meets every other."""
_HASTY = 0.125
"""Share of those who cancel before it rings."""
_RATE_PER_S = 20.0
_HOLD_S = 2.0
_LOST_ACK_S = 35.0
"""RFC 3261 13.3.1.4: a 200 is repeated for 64·T1 = 32 s; then the callee gives up."""
_WARM_UP = 1.0
"""Calls before those that count, as a share of them. PJSIP goes round its 512 call slots, and each keeps the
memory of the largest call it has had: after one storm every slot has met every ending."""
_THREADS_MOST = 2
"""The gateway's pool for blocking work starts its threads, six at most, when they are first needed."""
_SETTLE_S = 40.0
"""Transactions are kept for 32 s after their end."""

_GROWTH_MOST = 0.05
_GROWTH_FLOOR_MB = 8.0
"""Memory counts as flat if it grew by less than this share, or so little."""


def run(
    report: Report, gateway: GatewayProcess, directory: Path, sound: bytes, *, calls: int
) -> None:
    """Make `calls` chaotic calls and print what the processes hold before and after."""
    report.title(f"{calls} chaotic calls, some {_RATE_PER_S:.0f} a second")
    warm_up = round(calls * _WARM_UP)
    report.say(f"warming up with {warm_up} calls of the same kinds …")
    storm(gateway, directory / "warm-up", sound, warm_up)
    before, restarts = gateway.usage(), _restarts(gateway)
    pids = gateway.processes()
    began_at = time.time()
    outcome = storm(gateway, directory / "storm", sound, calls)
    after = gateway.usage()
    found = calls_since(gateway.database, began_at)
    report.table(
        ("process", "memory before", "after", "files before", "after", "threads before", "after"),
        [
            (
                name,
                f"{before[name].rss_mb:.1f} MB",
                f"{after[name].rss_mb:.1f} MB",
                str(before[name].descriptors),
                str(after[name].descriptors),
                str(before[name].threads),
                str(after[name].threads),
            )
            for name in before
            if name in after
        ],
    )
    report.say(f"sipp: {outcome.succeeded} as the scenario says, {outcome.failed} otherwise")
    for line in outcome.trouble.splitlines()[:6]:
        report.say(f"sipp: {line}")
    causes = Counter(call.cause or "none" for call in found)
    report.say("causes: " + ", ".join(f"{cause} {count}" for cause, count in causes.most_common()))
    report.say(f"sound dropped: {gateway.page().total('offhook_frames_dropped_total'):.0f} frames")
    is_same = pids == gateway.processes() and _restarts(gateway) == restarts
    report.promise("chaos: crashes and worker restarts", "0", "0" if is_same else "some", is_same)
    unfinished = sum(call.cause is None for call in found)
    active = gateway.active_calls()
    report.promise(
        "chaos: calls left over",
        "0",
        f"{active} live, {unfinished} without a cause, {len(found)} of {calls} written",
        not active and not unfinished and len(found) == calls,
    )
    grown = {name: _grown_mb(before[name], after[name]) for name in before if name in after}
    report.promise(
        "chaos: memory flat",
        f"< {_GROWTH_MOST:.0%} or {_GROWTH_FLOOR_MB:.0f} MB",
        ", ".join(f"{name} {grown_mb:+.1f} MB" for name, grown_mb in grown.items()),
        all(
            grown_mb < max(_GROWTH_FLOOR_MB, before[name].rss_mb * _GROWTH_MOST)
            for name, grown_mb in grown.items()
        ),
    )
    handles = {
        name: (
            after[name].descriptors - before[name].descriptors,
            after[name].threads - before[name].threads,
        )
        for name in grown
    }
    report.promise(
        "chaos: descriptors and threads flat",
        f"+0/at most +{_THREADS_MOST}",
        ", ".join(f"{name} {files:+d}/{threads:+d}" for name, (files, threads) in handles.items()),
        all(files <= 0 and threads <= _THREADS_MOST for files, threads in handles.values()),
    )


def storm(gateway: GatewayProcess, directory: Path, sound: bytes, calls: int) -> Outcome:
    """Make so many calls, all kinds side by side; returns when the last has ended or is given up."""
    counts = {name: round(calls * share) for name, share in _MIX.items()}
    hasty_calls = round(calls * _HASTY)
    counts["hold"] += calls - sum(counts.values()) - hasty_calls
    runs: list[Callers] = []
    hasty = HastyCallers(
        gateway.sip_port, DESK, calls=hasty_calls, rate=_RATE_PER_S * hasty_calls / calls
    )
    try:
        for name, count in counts.items():
            runs.append(
                Callers(
                    name,
                    directory / name,
                    gateway.sip_port,
                    DESK,
                    calls=count,
                    rate=_RATE_PER_S * count / calls,
                    hold_s=_HOLD_S,
                    sound=sound,
                )
            )
        outcome = wait_all(runs, calls / _RATE_PER_S + _LOST_ACK_S + 30)
        hasty.wait(5)
    finally:
        hasty.stop()
        for callers in runs:
            callers.stop()
    gateway.wait_for_calls(0, bound_s=_LOST_ACK_S + MEDIA_TIMEOUT_S)
    time.sleep(_SETTLE_S)
    return Outcome(
        outcome.succeeded + hasty.finished,
        outcome.failed + hasty_calls - hasty.finished,
        outcome.ended,
        outcome.trouble,
    )


def _restarts(gateway: GatewayProcess) -> float:
    return gateway.page().total("offhook_worker_restarts_total")


def _grown_mb(before: Usage, after: Usage) -> float:
    return after.rss_mb - before.rss_mb
