"""From what was observed on the line to a report: who said what when, and how long each answer took."""

from collections.abc import Awaitable, Callable

import numpy as np
import numpy.typing as npt

from gateway.model.frame import RATE_HZ, SAMPLES_PER_MS
from gateway.rehearsal.phone import Observed
from gateway.rehearsal.recording import offset, onset, stretches
from gateway.rehearsal.report import LineResult, Report, Utterance, missing_from
from gateway.rehearsal.script import Script, StepKind

Track = npt.NDArray[np.int16]
Transcribe = Callable[[bytes], Awaitable[str]]
"""Returns the words of PCM16 mono 16 kHz."""

_SENTENCE_GAP_MS = 400
_MARGIN = RATE_HZ // 5
_LONGEST = 25 * RATE_HZ


def _ms(samples: int) -> float:
    return samples / SAMPLES_PER_MS


async def _utterances(track: Track, transcribe: Transcribe) -> list[tuple[int, int, str]]:
    """Return (start, stop, text) of everything the gateway said."""
    found: list[tuple[int, int, str]] = []
    for start, stop in stretches(track, gap_ms=_SENTENCE_GAP_MS):
        end = min(stop, start + _LONGEST)
        piece = track[max(0, start - _MARGIN) : end + _MARGIN]
        found.append((start, stop, await transcribe(piece.astype("<i2").tobytes())))
    return found


async def judge(target: str, script: Script, observed: Observed, transcribe: Transcribe) -> Report:
    """Return the report of a rehearsal."""
    caller, gateway = observed.recording.tracks()
    said = await _utterances(gateway, transcribe)
    order = sorted(observed.lines)
    first_line = min((observed.lines[i][0] for i in order), default=len(gateway))
    greeting = " ".join(text for start, _, text in said if start < first_line).strip()
    lines = []
    for position, index in enumerate(order):
        following = observed.lines[order[position + 1]][0] if position + 1 < len(order) else None
        lines.append(_line(script, index, observed, (caller, gateway), said, following))
    transcript = [Utterance("gateway", _ms(a), _ms(b), text) for a, b, text in said if text]
    for index in order:
        start, stop = observed.lines[index]
        step = script.steps[index]
        words = f"[keys {step.text}]" if step.kind is StepKind.KEYS else step.text
        transcript.append(Utterance("caller", _ms(start), _ms(stop), words))
    answered = observed.answered_s
    return Report(
        target=target,
        answered=answered is not None,
        ended=observed.ended,
        codec=observed.codec,
        setup_ms=None if answered is None else (answered - observed.placed_s) * 1000,
        greeting_ms=_greeting_ms(observed, gateway, first_line),
        greeting=greeting,
        greeting_missing=missing_from(greeting, script.expect_greeting),
        lines=tuple(lines),
        transcript=tuple(sorted(transcript, key=lambda item: item.start_ms)),
    )


def _greeting_ms(observed: Observed, gateway: Track, first_line: int) -> float | None:
    heard = onset(gateway, 0)
    if heard is None or heard >= first_line or observed.answered_s is None:
        return None
    return _ms(heard - observed.position(observed.answered_s))


def _line(
    script: Script,
    index: int,
    observed: Observed,
    tracks: tuple[Track, Track],
    said: list[tuple[int, int, str]],
    following: int | None,
) -> LineResult:
    """Measure one line: where the caller's voice really ended, and what came after."""
    caller, gateway = tracks
    step = script.steps[index]
    start, stop = observed.lines[index]
    voice_end = offset(caller, start, stop) or stop
    until = len(gateway) if following is None else following
    # The agent may begin before the line's trailing silence has been played.
    answers = [row for row in said if voice_end <= row[0] < until]
    silenced: float | None = None
    if step.kind is StepKind.INTERRUPT:
        voice_start = onset(caller, start) or start
        over = [row for row in said if row[0] < voice_start < row[1]]
        silenced = _ms(over[-1][1] - voice_start) if over else None
    text = " ".join(row[2] for row in answers).strip()
    return LineResult(
        said=step.text,
        answer=text,
        response_ms=_ms(answers[0][0] - voice_end) if answers else None,
        silenced_ms=silenced,
        missing=missing_from(text, step.expect),
    )
