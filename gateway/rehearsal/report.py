"""What a rehearsal found: transcript, timings and verdict, for people and for machines."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

from gateway.rehearsal.script import Script, StepKind


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of speech on the recording."""

    who: str
    """`caller` or `gateway`."""
    start_ms: float
    stop_ms: float
    text: str


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line of the script."""

    said: str
    answer: str
    response_ms: float | None
    """From the end of the caller's line to the first sound of the answer; None: no answer."""
    silenced_ms: float | None = None
    """For interruptions: from the caller's first sound to the agent's silence."""
    missing: tuple[str, ...] = ()
    """Expected words that the answer did not have."""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole rehearsal."""

    target: str
    answered: bool
    ended: str
    codec: str = ""
    setup_ms: float | None = None
    """From placing the call to its answer."""
    greeting_ms: float | None = None
    """From the answer to the greeting's first sound at the caller's ear."""
    greeting: str = ""
    greeting_missing: tuple[str, ...] = ()
    lines: tuple[LineResult, ...] = ()
    transcript: tuple[Utterance, ...] = ()
    call: dict[str, object] = field(default_factory=dict)
    """The gateway's own record of the call, if its API could be asked."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that speaks against a pass."""
        found: list[str] = []
        if not self.answered:
            return (f"the call was not answered ({self.ended}){_remedy(self.ended)}",)
        if self.greeting_ms is None:
            found.append("no greeting was heard")
        found += [f"the greeting lacks {words!r}" for words in self.greeting_missing]
        for number, line in enumerate(self.lines, start=1):
            if line.response_ms is None and line.said:
                found.append(f"line {number} ({line.said!r}) got no answer")
            found += [f"the answer to line {number} lacks {words!r}" for words in line.missing]
        return tuple(found)

    @property
    def passed(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """Return plain data for `--json`."""
        return {**asdict(self), "passed": self.passed, "problems": list(self.problems)}


def _remedy(ended: str) -> str:
    # What nobody answers ends with a 408 of our own (RFC 3261, 8.1.3.1); sip.allow drops without a word.
    if "(408 " not in ended:
        return ""
    return "; start the gateway there (`offhook serve`), and let its sip.allow have this address"


_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_NUMBERS += ["ten", "eleven", "twelve"]
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBERS)}


def _words(text: str) -> list[str]:
    """Return the words in lower case; small numbers as digits, because recognisers write them so."""
    found = re.findall(r"[a-z0-9']+", text.lower())
    return [_DIGITS.get(word, word) for word in found]


def missing_from(text: str, expected: Sequence[str]) -> tuple[str, ...]:
    """Return the expected phrases that are not in `text`.

    Recognition is imperfect, so a word counts as present when a word of the text is nearly the same, or
    two in a row are ("good bye").
    """
    words = _words(text)
    heard = [*words, *(one + other for one, other in pairwise(words))]

    def present(word: str) -> bool:
        return any(
            word == other or SequenceMatcher(None, word, other).ratio() >= 0.8 for other in heard
        )

    return tuple(phrase for phrase in expected if not all(present(w) for w in _words(phrase)))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def as_text(report: Report, script: Script) -> str:
    """Return the report for a terminal."""
    out = [f"call to {report.target}: {'answered' if report.answered else 'not answered'}"]
    if report.codec:
        out[0] += f", {report.codec}"
    out.append("")
    for item in report.transcript:
        out.append(f"  {item.start_ms / 1000:7.2f} s  {item.who:<8} {item.text}")
    out += ["", f"  {'set-up':<44}{_ms(report.setup_ms):>12}"]
    out.append(f"  {'answer to greeting':<44}{_ms(report.greeting_ms):>12}")
    for step, line in zip(script.steps, report.lines, strict=False):
        if step.kind in (StepKind.SAY, StepKind.INTERRUPT, StepKind.KEYS):
            name = line.said if len(line.said) <= 40 else line.said[:39] + "…"
            out.append(f"  {'answer to “' + name + '”':<44}{_ms(line.response_ms):>12}")
        if line.silenced_ms is not None:
            out.append(f"  {'  silent after the interruption':<44}{_ms(line.silenced_ms):>12}")
    out += ["", f"ended: {report.ended}"]
    out += [f"problem: {text}" for text in report.problems]
    out.append("verdict: " + ("pass" if report.passed else "FAIL"))
    return "\n".join(out)
