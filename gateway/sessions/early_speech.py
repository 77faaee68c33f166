"""Decides what becomes of speech while the greeting gate is closed: held, dropped or a barge-in."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.config import EarlySpeech
from gateway.media.hearing import AudioGone, SpeechEvent, SpeechStarted, SpeechStopped
from gateway.model.frame import SAMPLE_BYTES, SAMPLES_PER_MS
from gateway.model.line import CallerStarted, CallerStopped, HeldSpeech

ECHO_GRACE_MS = 300
"""Speech that was judged our own echo and goes on for so long after the opening is the caller's."""

READABLE_AGAIN_MS = 30_000
"""How long after the opening held audio can still be read."""


@dataclass(slots=True)
class _Stretch:
    """One stretch of speech while the gate was closed; positions in samples."""

    start: int
    stop: int | None = None
    pcm: bytes = b""
    """Its audio (and a short tail), kept because the ear's ring buffer may be shorter than a greeting."""
    is_echo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What the agent is to be told first when the gate opens, and what the timeline is to say."""

    first: HeldSpeech | CallerStarted | None
    readable_from: int
    """Position before which the agent may not read."""
    stretches: int
    held_ms: float
    dropped_ms: float
    echo_ms: float
    forgotten_ms: float


class EarlySpeechPolicy:
    """Collects speech of one caller up to the opening; sans-I/O, positions are passed in.

    `hold` and `barge_in` keep all speech that is not our own echo, at most `hold_limit_ms` of it (the
    oldest is forgotten), and hand it over as one turn. `drop` hands over what is said from the opening
    on. In all three the stretch that goes on at the opening is not lost: there is no deaf window.
    """

    def __init__(
        self, policy: EarlySpeech, *, hold_limit_ms: float, interrupt_after_ms: float
    ) -> None:
        self._policy = policy
        self._limit = int(hold_limit_ms * SAMPLES_PER_MS)
        self._interrupt_after = int(interrupt_after_ms * SAMPLES_PER_MS)
        self._stretches: list[_Stretch] = []
        self._forgotten = 0
        self._opened_at: int | None = None
        self._readable_from: int | None = None
        self._ear_from = 0
        """From here on the agent reads what the ear has; before it, only what was held."""
        self._carried: _Stretch | None = None
        """The stretch that went on at the opening, until it stops."""
        self._is_suspect = False
        """Whether the carried stretch may be our own echo dying away, not told to the agent yet."""

    # While the gate is closed -----------------------------------------------------------------------

    @property
    def speaking_since(self) -> int | None:
        """Start of the stretch that goes on now, or None."""
        last = self._stretches[-1] if self._stretches else None
        return last.start if last is not None and last.stop is None else None

    @property
    def last_start(self) -> int | None:
        """Start of the newest stretch, whether or not it goes on."""
        return self._stretches[-1].start if self._stretches else None

    def started(self, start: int) -> None:
        """Voice activity began."""
        if self.speaking_since is None:
            self._stretches.append(_Stretch(start))

    def stopped(self, start: int, stop: int, pcm: bytes) -> None:
        """Voice activity ended; `pcm` is its audio from `start` on, empty if it could not be read."""
        if self.speaking_since is None:
            self._stretches.append(_Stretch(start))
        stretch = self._stretches[-1]
        stretch.stop = max(stop, stretch.start)
        stretch.pcm = pcm
        self._forget()

    def judged(self, start: int, *, is_echo: bool) -> None:
        """Learn whether the stretch that began at `start` is our own greeting coming back."""
        for stretch in self._stretches:
            if stretch.start == start:
                stretch.is_echo = is_echo

    def interrupt_in_ms(self, position: int) -> float | None:
        """Milliseconds of speech that are still missing to a barge-in; None if none can come of it."""
        if self._policy is not EarlySpeech.BARGE_IN or not self._stretches:
            return None
        stretch = self._stretches[-1]
        spoken = (position if stretch.stop is None else stretch.stop) - stretch.start
        if stretch.stop is not None and spoken < self._interrupt_after:
            return None
        return max(0.0, (self._interrupt_after - spoken) / SAMPLES_PER_MS)

    def _forget(self) -> None:
        """Keep the newest `hold_limit_ms` of finished speech."""
        room = self._limit
        kept: list[_Stretch] = []
        for stretch in reversed(self._stretches):
            if stretch.stop is None:
                kept.append(stretch)
                continue
            length = stretch.stop - stretch.start
            if length > room:
                self._forgotten += length - room
                if room == 0:
                    continue
                stretch.pcm = stretch.pcm[(length - room) * SAMPLE_BYTES :]
                stretch.start = stretch.stop - room
                length = room
            room -= length
            kept.append(stretch)
        self._stretches = kept[::-1]

    # The opening ------------------------------------------------------------------------------------

    def opened(self, position: int, at_s: float, ongoing_pcm: bytes = b"") -> Handover:
        """Close the books at the gate's opening and say what the agent is told first.

        `ongoing_pcm` is the audio of `[speaking_since, position)`, if speech is going on.
        """
        self._opened_at = position
        self._ear_from = position
        ongoing = self._stretches[-1] if self.speaking_since is not None else None
        if ongoing is not None:
            ongoing.pcm = ongoing_pcm
        echo = [s for s in self._stretches if s.is_echo]
        real = [s for s in self._stretches if not s.is_echo]
        held = [] if self._policy is EarlySpeech.DROP else real
        if held and ongoing is held[-1]:
            self._trim_for(ongoing, position, held)
        first = self._first(held, ongoing, position, at_s)
        self._readable_from = position
        if isinstance(first, HeldSpeech):
            self._readable_from = first.segments[0][0]
        dropped = [] if held else real
        self._stretches = held
        return Handover(
            first=first,
            readable_from=self._readable_from,
            stretches=len(real) + len(echo),
            held_ms=_length_ms(held, position),
            dropped_ms=_length_ms(dropped, position),
            echo_ms=_length_ms(echo, position),
            forgotten_ms=self._forgotten / SAMPLES_PER_MS,
        )

    def _trim_for(self, ongoing: _Stretch, position: int, held: list[_Stretch]) -> None:
        """Make room for the stretch that goes on: the bound counts it too."""
        ongoing.stop = position
        self._stretches = held
        self._forget()
        ongoing.stop = None
        held[:] = self._stretches

    def _first(
        self, held: list[_Stretch], ongoing: _Stretch | None, position: int, at_s: float
    ) -> HeldSpeech | CallerStarted | None:
        self._carried = ongoing
        if ongoing is not None and ongoing.is_echo:
            self._is_suspect = True
        elif ongoing is not None and not held:
            return CallerStarted(at_s, position)
        if not held:
            return None
        segments = tuple((s.start, position if s.stop is None else s.stop) for s in held)
        return HeldSpeech(at_s, segments, is_speaking=held[-1].stop is None)

    # After the opening ------------------------------------------------------------------------------

    def translate(self, event: SpeechEvent) -> tuple[CallerStarted | CallerStopped, ...]:
        """Turn what the ear says after the opening into what the agent is told."""
        assert self._opened_at is not None
        assert self._readable_from is not None
        if isinstance(event, SpeechStarted):
            # Begun behind the gate but noticed after it: `hold` keeps it whole, `drop` cuts it.
            if self._policy is not EarlySpeech.DROP:
                self._readable_from = min(self._readable_from, event.start)
                self._ear_from = min(self._ear_from, event.start)
            return (CallerStarted(event.at_s, max(event.start, self._readable_from)),)
        return self._translate_stop(event)

    def _translate_stop(self, event: SpeechStopped) -> tuple[CallerStarted | CallerStopped, ...]:
        assert self._opened_at is not None
        assert self._readable_from is not None
        carried, self._carried = self._carried, None
        suspect, self._is_suspect = self._is_suspect, False
        if carried is None:
            start = max(event.start, self._readable_from)
            return (CallerStopped(event.at_s, start, max(event.stop, start)),)
        if suspect:
            if event.stop - self._opened_at < ECHO_GRACE_MS * SAMPLES_PER_MS:
                return ()
            return (
                CallerStarted(event.at_s, self._opened_at),
                CallerStopped(event.at_s, self._opened_at, event.stop),
            )
        told_from = max(carried.start, self._readable_from)
        return (CallerStopped(event.at_s, told_from, max(event.stop, told_from)),)

    @property
    def is_suspect(self) -> bool:
        """Whether a stretch goes on that may be echo and of which the agent was not told."""
        return self._is_suspect

    def confirm(self, position: int, at_s: float) -> CallerStarted | None:
        """Tell of a suspected echo that outlived its grace; call `ECHO_GRACE_MS` after the opening."""
        if not self._is_suspect or self._opened_at is None:
            return None
        if position - self._opened_at < ECHO_GRACE_MS * SAMPLES_PER_MS:
            return None
        self._is_suspect = False
        return CallerStarted(at_s, self._opened_at)

    def read(self, start: int, stop: int, ear: Callable[[int, int], bytes], position: int) -> bytes:
        """Return audio of `[start, stop)` as the agent may hear it; raises `AudioGone`.

        Before the opening that is what was held, and silence in between (our own echo, for one).
        """
        if self._opened_at is None or self._readable_from is None or start < self._readable_from:
            raise AudioGone("the greeting gate was closed then")
        if start >= self._ear_from:
            return ear(start, stop)
        if position - self._opened_at > READABLE_AGAIN_MS * SAMPLES_PER_MS:
            self._stretches = []
            raise AudioGone("the speech held at the gate is no longer kept")
        audio = bytearray((min(stop, self._ear_from) - start) * SAMPLE_BYTES)
        for stretch in self._stretches:
            at = (stretch.start - start) * SAMPLE_BYTES
            piece = stretch.pcm[-at:] if at < 0 else stretch.pcm
            at = max(0, at)
            piece = piece[: max(0, len(audio) - at)]
            audio[at : at + len(piece)] = piece
        return bytes(audio) + (ear(self._ear_from, stop) if stop > self._ear_from else b"")

    @property
    def kept_bytes(self) -> int:
        """Audio kept now; never over the limit plus a tail per stretch."""
        return sum(len(stretch.pcm) for stretch in self._stretches)


def _length_ms(stretches: list[_Stretch], position: int) -> float:
    return sum(
        ((position if s.stop is None else s.stop) - s.start) / SAMPLES_PER_MS for s in stretches
    )
