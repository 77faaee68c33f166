"""Last words: plays what is to be heard before the hang-up, and knows when it has been heard."""

from gateway.model.speech import Speech
from gateway.sessions.speaker import LAST_MARK, Speaker
from gateway.sessions.surroundings import CLOSING_BOUND_S, LAST_WORDS_BOUND_S
from gateway.sessions.timers import Timer, Timers


class Closing:
    """Made when a call is to be closed. Owned by its session, which hangs up when told `is_heard`.

    Bounded by `Timer.CLOSING`: words that cannot be rendered or played do not keep the line open.
    """

    def __init__(self, speaker: Speaker, timers: Timers, *, awaits_words: bool) -> None:
        self._speaker = speaker
        self._timers = timers
        self._awaits_words = awaits_words
        self._has_last_mark = False
        speaker.resume()
        words_s = 3 * LAST_WORDS_BOUND_S if awaits_words else 0.0
        self._bound(words_s)
        self.playback_finished()

    def words(self, speech: Speech | None) -> None:
        """The last words are rendered (None: there are none to be had)."""
        self._awaits_words = False
        if speech is not None:
            self._speaker.say(speech)
            self._bound(0.0)
        self.playback_finished()

    def playback_finished(self) -> None:
        """Once nothing is left to be said, ask for the last mark."""
        if self._awaits_words or self._has_last_mark or self._speaker.is_playing:
            return
        self._has_last_mark = True
        self._speaker.put_last_mark()

    def is_heard(self, mark: str) -> bool:
        """Whether the mark that came back (reached or cleared) was the last one."""
        return self._has_last_mark and mark == LAST_MARK

    def _bound(self, extra_s: float) -> None:
        self._timers.set(Timer.CLOSING, self._speaker.unplayed_s + CLOSING_BOUND_S + extra_s)
