"""Many callers at once: how soon each hears the greeting's first sample, and whether it hears all of it."""

import time
from pathlib import Path

from tests.load.far_end import Callers
from tests.load.figures import percentile
from tests.load.gateway_process import DESK, GatewayProcess
from tests.load.printing import Report, ms
from tests.load.sounds import silence, to_line
from tests.load.timelines import Call, calls_since

FIRST_SAMPLE_P95_MS = 40.0
_HOLD_S = 7.0


def run(report: Report, gateway: GatewayProcess, directory: Path, *, calls: int) -> None:
    """Have `calls` callers phone in the same moment, and print what they got."""
    report.title(f"answer to greeting, {calls} calls at once")
    began_at = time.time()
    idle = gateway.usage()
    callers = Callers(
        "hold",
        directory,
        gateway.sip_port,
        DESK,
        calls=calls,
        rate=1000,
        hold_s=_HOLD_S,
        sound=to_line(silence(1)),
    )
    try:
        time.sleep(_HOLD_S / 2)
        up = gateway.usage()
        outcome = callers.wait(_HOLD_S + 30)
    finally:
        callers.stop()
    gateway.wait_for_calls(0, bound_s=15)
    time.sleep(1.5)
    found = calls_since(gateway.database, began_at)
    firsts = [wait for call in found if (wait := first_sample_ms(call)) is not None]
    answers = [line.offset_ms for call in found if (line := call.first("answered")) is not None]
    whole = sum(_is_whole(call) for call in found)
    spread_ms = (found[-1].offered_at - found[0].offered_at) * 1000 if found else float("nan")
    report.say(f"{outcome.succeeded} of {calls} calls went well, offered within {ms(spread_ms)}")
    report.say(
        f"offer to answer acknowledged p50 {ms(percentile(answers, 0.5))}, "
        f"p95 {ms(percentile(answers, 0.95))}"
    )
    p95_ms = percentile(firsts, 0.95)
    report.say(
        f"answered and media up to first sample p50 {ms(percentile(firsts, 0.5))}, "
        f"p95 {ms(p95_ms)}, most {ms(max(firsts, default=float('nan')))}"
    )
    report.say(
        "memory a call: "
        + ", ".join(
            f"{name} {(up[name].rss_mb - idle[name].rss_mb) / calls:.2f} MB"
            for name in ("gateway", "telephony")
        )
    )
    report.promise(
        f"first greeting sample p95, {calls} calls at once",
        f"<= {FIRST_SAMPLE_P95_MS:.0f} ms",
        ms(p95_ms),
        len(firsts) == calls and p95_ms <= FIRST_SAMPLE_P95_MS,
    )
    report.promise("greetings heard whole", "all", f"{whole} of {calls}", whole == calls)


def first_sample_ms(call: Call) -> float | None:
    """Return how long after the call was up the greeting began; None if it did not."""
    started = call.first("greeting_started")
    ready = [line for kind in ("answered", "media_up") if (line := call.first(kind)) is not None]
    if started is None or len(ready) < 2:
        return None
    return started.offset_ms - max(line.offset_ms for line in ready)


def _is_whole(call: Call) -> bool:
    played = call.first("greeting_played")
    if played is None or played.facts["interrupted"]:
        return False
    return bool(played.facts["heard_ms"] == played.facts["duration_ms"])
