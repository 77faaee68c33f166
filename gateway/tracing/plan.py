"""Makes the spans of a call from its timeline: pure, so that what a trace tells can be read from tests.

A trace tells when things happened and how long they took. Numbers, digits and words are not in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.model.hangup import HangupCause, HangupGroup
from gateway.rooms.timeline import Entry, Fact, Kind
from gateway.store.records import CallRecord

PREFIX = "offhook."
_TOLD = frozenset(
    {"reason", "policy", "audio", "codec", "interrupted", "heard_ms", "duration_ms", "state"}
    | {"end_reason", "end_probability", "source", "channel", "filler_ms", "name"}
)
"""Facts of timeline entries that are told; others may be private."""
_MOMENTS = {
    Kind.MEDIA_UP: "media up",
    Kind.BARGE_IN: "barge-in",
    Kind.DTMF: "key",
    Kind.SPEECH_HELD: "speech held",
    Kind.RECORDING: "recording",
    Kind.AGENT_FAILED: "agent failed",
    Kind.REFUSED: "refused",
    Kind.MESSAGE_TAKEN: "message taken",
}
"""What has no length."""
_MESSAGES = {Kind.MESSAGE_RECEIVED: "message received", Kind.MESSAGE_WRITTEN: "message written"}
_PARTS = (
    ("endpointing", "endpointing_ms"),
    ("stt", "words_late_ms"),
    ("llm", "model_ms"),
    ("tts", "synthesis_ms"),
    ("first audio", "first_packet_ms"),
)
"""Parts of a turn, one after the other, by the fact that has their length."""


At = Callable[[float], float]
"""Milliseconds since the offer to seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanPlan:
    """One span; times are seconds since 1970."""

    name: str
    start: float
    end: float
    attributes: Mapping[str, Fact] = field(default_factory=dict)
    moments: Sequence[tuple[str, float, Mapping[str, Fact]]] = ()
    """Events within it: name, time, attributes."""
    children: Sequence["SpanPlan"] = ()
    error: str = ""
    """Set for what went wrong."""


def plan_call(record: CallRecord, entries: Sequence[Entry]) -> SpanPlan:
    """Return the trace of a call that is over."""
    begin = record.offered_at
    end = begin + (record.ended_ms or 0.0) / 1000

    def at(offset_ms: float) -> float:
        return begin + offset_ms / 1000

    children = [*_phases(record, entries, at), *_turns(entries, at), *_messages(entries, at)]
    attributes: dict[str, Fact] = {
        "call_id": record.call_id,
        "room_id": record.room_id,
        "endpoint": record.endpoint,
        "direction": record.direction,
        "agent": record.agent,
        "cause": record.cause or "",
    }
    return SpanPlan(
        name="call",
        start=begin,
        end=max([end, *(child.end for child in children)]),
        attributes=_named(attributes),
        moments=[
            (_MOMENTS[entry.kind], at(entry.offset_ms), _facts(entry))
            for entry in entries
            if entry.kind in _MOMENTS
        ],
        children=sorted(children, key=lambda child: child.start),
        error=(record.cause or "") if _is_fault(record.cause) else "",
    )


def _phases(record: CallRecord, entries: Sequence[Entry], at: At) -> Iterator[SpanPlan]:
    first = {entry.kind: entry for entry in reversed(entries)}
    answered_ms = record.answered_ms
    ring_end_ms = answered_ms if answered_ms is not None else record.ended_ms
    if ring_end_ms is not None:
        yield SpanPlan(name="ring", start=at(0.0), end=at(max(0.0, ring_end_ms)))
    started, played = first.get(Kind.GREETING_STARTED), first.get(Kind.GREETING_PLAYED)
    if started is not None and played is not None:
        attributes = {**_facts(started), **_facts(played)}
        yield _between("greeting", at, started.offset_ms, played.offset_ms, attributes)
    gate = first.get(Kind.GATE_OPENED)
    if gate is not None and answered_ms is not None:
        yield _between("gate", at, answered_ms, gate.offset_ms, _facts(gate))


def _turns(entries: Sequence[Entry], at: At) -> Iterator[SpanPlan]:
    """One for each answer whose first sample was heard, from the caller's last voiced sample to it."""
    for entry in entries:
        if entry.kind is not Kind.AGENT_EVENT or entry.facts.get("name") != "turn":
            continue
        length_ms = _number(entry.facts, "response_ms")
        begin_ms = entry.offset_ms - length_ms
        parts, part_ms = [], begin_ms
        for name, fact in _PARTS:
            if fact not in entry.facts:
                continue
            end_ms = min(part_ms + _number(entry.facts, fact), entry.offset_ms)
            start_ms = part_ms
            if name == "stt":
                # Recognition runs while the end of the turn is awaited; only what it is late is waited for.
                start_ms = max(begin_ms, end_ms - _number(entry.facts, "recognition_ms"))
            parts.append(_between(name, at, start_ms, end_ms, {}))
            part_ms = end_ms
        yield SpanPlan(
            name="turn",
            start=at(begin_ms),
            end=at(entry.offset_ms),
            attributes=_facts(entry),
            children=parts,
        )


def _messages(entries: Sequence[Entry], at: At) -> Iterator[SpanPlan]:
    for entry in entries:
        if entry.kind in _MESSAGES:
            name = _MESSAGES[entry.kind]
            yield _between(name, at, entry.offset_ms, entry.offset_ms, _facts(entry))


def _between(
    name: str, at: At, start_ms: float, end_ms: float, attributes: Mapping[str, Fact]
) -> SpanPlan:
    return SpanPlan(
        name=name, start=at(start_ms), end=at(max(start_ms, end_ms)), attributes=attributes
    )


def _facts(entry: Entry) -> dict[str, Fact]:
    return _named({name: value for name, value in entry.facts.items() if name in _TOLD})


def _named(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {PREFIX + name: value for name, value in facts.items()}


def _number(facts: Mapping[str, Fact], name: str) -> float:
    value = facts.get(name, 0.0)
    return max(0.0, float(value)) if isinstance(value, int | float) else 0.0


def _is_fault(cause: str | None) -> bool:
    try:
        return cause is not None and HangupCause(cause).group in (
            HangupGroup.US,
            HangupGroup.NETWORK,
        )
    except ValueError:
        return False
