"""Callers who ask, and then speak over the answer: how soon the agent answers, and how soon it gives way.

Two clocks tell of a barge-in: the call's timeline, and the RTP packets on the wire, where the caller's
first loud packet, and the last loud one towards the caller, leave no room for opinion.
"""

import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from tests.load.far_end import Callers
from tests.load.figures import percentile
from tests.load.gateway_process import DESK, GatewayProcess
from tests.load.printing import Report, ms
from tests.load.sounds import clip, silence, speak, to_line
from tests.load.timelines import Call, Line, calls_since
from tests.load.wire import GATEWAY_PORTS, Packet, Wire

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

DECISION_MOST_MS = 350.0
SILENCE_MOST_MS = 60.0
REPLY_P50_MS = 600.0
"""What counts as `about half a second`."""

_QUESTION = "When are you open?"
_INTERRUPTIONS = (
    "Excuse me, but what is your address?",
    "Could you tell me where you are?",
    "No, I would like to know your address.",
)
_BEFORE_S = 2.0
"""From the greeting's end to the question."""
_INTO_ANSWER_S = 3.0
"""From the question's end to the interruption; the answer is under way then."""
_AFTER_S = 6.0
_EVERY_S = 2.5
_LOUD = 250
"""Root mean square of a voiced packet, 16 bits full scale."""
_SOFT = 40
"""Below it a packet towards the caller is silence."""
_PACKET_S = 0.02
_QUIET_S = 0.1
"""So long without sound after a decision is silence; sound after it is the next thing said."""


@dataclass(frozen=True, slots=True)
class Script:
    """What each caller streams, and for how long."""

    sound: bytes
    seconds: float
    interrupts_s: float
    """Where in the stream the interruption begins."""


def prepare() -> list[Script]:
    """Render the callers' words, differently at each run; raises `GatewayError`."""
    question, *interruptions = speak(_QUESTION, *_INTERRUPTIONS)
    greeting_s = len(clip()) / 32_000
    head = silence(greeting_s + _BEFORE_S) + question + silence(_INTO_ANSWER_S)
    scripts = []
    for interruption in interruptions:
        pcm = head + interruption + silence(_AFTER_S + 10)
        scripts.append(Script(to_line(pcm), len(pcm) / 32_000 - 10, len(head) / 32_000))
    return scripts


def run(
    report: Report, gateway: GatewayProcess, directory: Path, scripts: list[Script], *, calls: int
) -> None:
    """Have `calls` callers speak each script, one each few seconds, and print what happened."""
    total = calls * len(scripts)
    report.title(f"turns and barge-ins, {total} callers, one each {_EVERY_S} s")
    found: list[Call] = []
    seen: list[_BargeIn] = []
    for number, script in enumerate(scripts):
        spoken, wire = _phone(report, gateway, directory / str(number), script, calls)
        found += spoken
        seen += [item for call in spoken if (item := _barge_in(call, wire, script)) is not None]
    _tell_turns(report, found)
    _tell_barge_ins(report, seen, total)


def _phone(
    report: Report, gateway: GatewayProcess, directory: Path, script: Script, calls: int
) -> tuple[list[Call], Wire]:
    began_at = time.time()
    callers = Callers(
        "hold",
        directory,
        gateway.sip_port,
        DESK,
        calls=calls,
        rate=1 / _EVERY_S,
        hold_s=script.seconds,
        sound=script.sound,
    )
    try:
        with Wire.capture(streams=4 * calls, keep_payload=True, both_ways=True) as wire:
            outcome = callers.wait(calls * _EVERY_S + script.seconds + 30)
    finally:
        callers.stop()
    gateway.wait_for_calls(0, bound_s=15)
    time.sleep(1.5)
    if outcome.trouble:
        report.say(f"sipp: {outcome.trouble}")
    return calls_since(gateway.database, began_at), wire


def _tell_turns(report: Report, calls: list[Call]) -> None:
    turns = [turn for call in calls for turn in call.events("turn")]
    parts = ("endpointing", "words_late", "model", "synthesis", "first_packet", "response")
    rows = []
    for name in (*parts, "recognition"):
        values = [float(t.facts[f"{name}_ms"]) for t in turns if f"{name}_ms" in t.facts]
        rows.append((name, ms(percentile(values, 0.5)), ms(percentile(values, 0.95))))
    report.say(
        f"{len(turns)} turns; response is the sum of the parts above it (recognition overlaps)"
    )
    report.table(("part of a turn", "p50", "p95"), rows)
    responses = [float(turn.facts["response_ms"]) for turn in turns]
    p50_ms = percentile(responses, 0.5)
    report.promise(
        "reply after the end of speech, p50", "about 500 ms", ms(p50_ms), p50_ms <= REPLY_P50_MS
    )


@dataclass(frozen=True, slots=True)
class _BargeIn:
    told_ms: float
    """Onset to decision, by the timeline."""
    onset_ms: float | None
    """The same from the caller's first loud packet on the wire."""
    silence_ms: float | None
    """Decision to the end of the last packet with sound towards the caller."""


def _tell_barge_ins(report: Report, seen: list[_BargeIn], calls: int) -> None:
    report.say(f"{len(seen)} of {calls} callers spoke over the answer and were noticed")
    columns = {
        "onset to decision, by the timeline": [item.told_ms for item in seen],
        "onset to decision, on the wire": [i.onset_ms for i in seen if i.onset_ms is not None],
        "decision to silence, on the wire": [
            i.silence_ms for i in seen if i.silence_ms is not None
        ],
    }
    report.table(
        ("barge-in", "p50", "p95", "most", "of"),
        [
            (
                name,
                ms(percentile(values, 0.5)),
                ms(percentile(values, 0.95)),
                ms(max(values, default=float("nan"))),
                str(len(values)),
            )
            for name, values in columns.items()
        ],
    )
    told, on_wire, silent = columns.values()
    complete = len(seen) == calls
    # The wire judges, if it could be watched: the timeline does not know how late it heard.
    p95_ms, silent_p95_ms = percentile(on_wire or told, 0.95), percentile(silent, 0.95)
    report.promise(
        "barge-in: onset to decision, p95",
        f"<= {DECISION_MOST_MS:.0f} ms",
        ms(p95_ms),
        complete and p95_ms <= DECISION_MOST_MS,
    )
    report.promise(
        "barge-in: decision to silence on the wire, p95",
        f"<= {SILENCE_MOST_MS:.0f} ms",
        ms(silent_p95_ms),
        (silent_p95_ms <= SILENCE_MOST_MS) if silent else None,
    )


def _barge_in(call: Call, wire: Wire, script: Script) -> _BargeIn | None:
    """Return the first decision to give way after the interruption began, if there was one."""
    up = call.first("media_up")
    if up is None:
        return None
    began_at = call.offered_at + up.offset_ms / 1000 + script.interrupts_s
    decisions = [*call.events("paused"), *call.events("interrupted")]
    decision = min(
        (line for line in decisions if _at(call, line) > began_at),
        key=lambda line: line.offset_ms,
        default=None,
    )
    if decision is None:
        return None
    decided_at = _at(call, decision)
    told_ms = float(decision.facts["onset_to_decision_ms"])
    pair = _streams(wire, call.offered_at + up.offset_ms / 1000)
    if pair is None:
        return _BargeIn(told_ms, None, None)
    heard, sent = pair
    onset_at = next(
        (
            p.at
            for p in heard
            if p.at > heard[0].at + script.interrupts_s - 0.1 and _level(p) > _LOUD
        ),
        None,
    )
    last_loud_at = decided_at - _PACKET_S
    for packet in sent:
        if packet.at > last_loud_at + _QUIET_S + _PACKET_S:
            break
        if packet.at > last_loud_at and _level(packet) > _SOFT:
            last_loud_at = packet.at
    return _BargeIn(
        told_ms,
        None if onset_at is None else (decided_at - onset_at) * 1000,
        max(0.0, last_loud_at + _PACKET_S - decided_at) * 1000,
    )


def _streams(wire: Wire, up_at: float) -> tuple[list[Packet], list[Packet]] | None:
    """Return what a caller sent and got: the pair of streams that began when its media came up."""
    heard = _nearest(
        [
            (key, packets)
            for key, packets in wire.streams.items()
            if not GATEWAY_PORTS[0] <= key[0] <= GATEWAY_PORTS[1]
        ],
        up_at,
    )
    if heard is None:
        return None
    source, destination, _ = heard[0]
    sent = _nearest(
        [item for item in wire.streams.items() if item[0][:2] == (destination, source)], up_at
    )
    return None if sent is None else (heard[1], sent[1])


def _nearest(
    streams: list[tuple[tuple[int, int, int], list[Packet]]], at: float
) -> tuple[tuple[int, int, int], list[Packet]] | None:
    """Return the stream that began nearest to a moment, if any did; callers are further apart."""
    best = min(streams, key=lambda item: abs(item[1][0].at - at), default=None)
    return None if best is None or abs(best[1][0].at - at) > _EVERY_S / 2 else best


def _at(call: Call, line: Line) -> float:
    return call.offered_at + line.offset_ms / 1000


def _level(packet: Packet) -> int:
    return audioop.rms(audioop.ulaw2lin(packet.payload, 2), 2)
