"""The ledger against a leg that plays by the rules: each playback has one end, and it is the truth."""

from collections import deque

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.model.frame import BYTES_PER_MS
from gateway.model.speech import Speech
from gateway.sessions.ledger import (
    FEED_LIMIT_MS,
    WAITING_LIMIT,
    ClearPlayout,
    Finished,
    PlayAudio,
    PlayoutLedger,
    PutMark,
    Started,
    Step,
)


def speech(text: str, ms: int) -> Speech:
    return Speech(text, bytes(ms * BYTES_PER_MS))


class ToyLeg:
    """Plays what it is given, millisecond by millisecond; events wait in `out` like on a link."""

    def __init__(self) -> None:
        self.queue: deque[int | str] = deque()  # milliseconds of audio, or a mark
        self.played_ms = 0
        self.out: deque[tuple[str, int, bool]] = deque()
        """Name of a mark or `cleared`, the position, whether the mark was cleared."""

    def do(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, PlayAudio):
                self.queue.append(len(step.pcm) // BYTES_PER_MS)
            elif isinstance(step, PutMark):
                self.queue.append(step.name)
            elif isinstance(step, ClearPlayout):
                for item in self.queue:
                    if isinstance(item, str):
                        self.out.append((item, self.played_ms, True))
                self.queue.clear()
                self.out.append(("cleared", self.played_ms, False))

    def run(self, ms: int) -> None:
        while self.queue:
            item = self.queue[0]
            if isinstance(item, str):
                self.out.append((item, self.played_ms, False))
                self.queue.popleft()
                continue
            if not ms:
                break
            step = min(ms, item)
            ms -= step
            self.played_ms += step
            self.queue[0] = item - step
            if not self.queue[0]:
                self.queue.popleft()


class Rig:
    """A ledger and its leg."""

    def __init__(self) -> None:
        self.ledger = PlayoutLedger()
        self.leg = ToyLeg()
        self.now = 100.0
        self.started: list[int] = []
        self.ends: dict[int, Finished] = {}

    def take(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, Started):
                assert step.playback_id not in self.started
                assert step.playback_id not in self.ends
                self.started.append(step.playback_id)
            elif isinstance(step, Finished):
                assert step.playback_id not in self.ends
                self.ends[step.playback_id] = step
            else:
                self.leg.do([step])

    def say(self, text: str, ms: int) -> int:
        number, steps = self.ledger.say(speech(text, ms), self.now)
        self.take(steps)
        return number

    def run(self, ms: int) -> None:
        self.leg.run(ms)
        self.now += ms / 1000
        self.report()

    def report(self, count: int | None = None) -> None:
        while self.leg.out and (count is None or count > 0):
            name, position, was_cleared = self.leg.out.popleft()
            if name == "cleared":
                self.take(self.ledger.cleared(position, self.now))
            else:
                self.take(self.ledger.marked(name, position, self.now, cleared=was_cleared))
            count = None if count is None else count - 1


def test_what_is_played_to_its_end_was_heard_whole() -> None:
    rig = Rig()
    first, second = rig.say("one two", 1000), rig.say("three", 500)

    rig.run(1000)
    assert list(rig.ends) == [first]
    rig.run(500)

    assert rig.started == [first, second]
    assert [(end.heard, end.heard_ms, end.interrupted) for end in rig.ends.values()] == [
        ("one two", 1000, False),
        ("three", 500, False),
    ]
    assert not rig.ledger.is_playing


def test_an_interruption_ends_everything_at_the_leg_s_position() -> None:
    rig = Rig()
    first = rig.say("one two three four", 2000)
    second = rig.say("five", 500)
    rig.run(1050)

    rig.take(rig.ledger.interrupt(rig.now))
    assert not rig.ends
    assert not rig.ledger.is_playing
    rig.report()

    assert rig.ends[first].heard == "one two"
    assert rig.ends[first].heard_ms == 1050
    assert rig.ends[first].interrupted
    assert rig.ends[second].heard == ""
    assert rig.ends[second].started_at_s is None


def test_what_is_said_after_an_interruption_is_not_cut_by_it() -> None:
    rig = Rig()
    rig.say("old", 2000)
    rig.run(500)
    rig.take(rig.ledger.interrupt(rig.now))
    new = rig.say("new", 300)
    assert rig.ledger.is_playing

    rig.report()
    rig.run(400)

    assert rig.ends[new].heard == "new"
    assert not rig.ends[new].interrupted


def test_a_pause_keeps_the_rest_and_resume_goes_on_with_it() -> None:
    rig = Rig()
    first = rig.say("one two three four", 2000)
    rig.run(700)
    rig.take(rig.ledger.pause())
    assert rig.ledger.is_paused
    rig.report()
    second = rig.say("five", 100)
    rig.run(5000)
    assert not rig.ends
    assert rig.ledger.is_playing

    rig.take(rig.ledger.resume())
    rig.run(1300)
    assert rig.ends[first].heard_ms == 2000
    assert not rig.ends[first].interrupted
    rig.run(100)

    assert rig.ends[second].heard == "five"
    assert rig.leg.played_ms == 2100


def test_resume_before_the_leg_has_stopped_goes_on_by_itself() -> None:
    rig = Rig()
    first = rig.say("one two", 1000)
    rig.run(400)
    rig.take(rig.ledger.pause())
    rig.take(rig.ledger.resume())
    assert not rig.ledger.is_paused
    rig.report()
    rig.run(600)

    assert not rig.ends[first].interrupted
    assert rig.leg.played_ms == 1000


def test_an_interruption_of_a_pause_ends_at_the_pause() -> None:
    rig = Rig()
    first = rig.say("one two three four", 2000)
    rig.run(1050)
    rig.take(rig.ledger.pause())
    rig.report()
    rig.take(rig.ledger.interrupt(rig.now))

    assert rig.ends[first].heard == "one two"
    assert not rig.ledger.is_paused


def test_an_end_that_crosses_the_clear_counts_as_played() -> None:
    rig = Rig()
    first = rig.say("one two", 1000)
    rig.leg.run(1000)
    rig.take(rig.ledger.interrupt(rig.now))
    rig.report()

    assert not rig.ends[first].interrupted


def test_a_clear_nobody_asked_for_ends_what_it_took() -> None:
    rig = Rig()
    first = rig.say("one two three four", 2000)
    rig.run(1050)
    rig.leg.do([ClearPlayout()])
    rig.report()

    assert rig.ends[first].heard == "one two"
    assert rig.ends[first].interrupted


@pytest.mark.parametrize("knows_position", [True, False])
def test_the_end_of_the_leg_ends_everything(knows_position: bool) -> None:
    rig = Rig()
    first, second = rig.say("one two three four", 2000), rig.say("five", 500)
    rig.run(0)
    rig.leg.run(1050)
    rig.now += 1.05
    if knows_position:
        rig.take(rig.ledger.marked("p1.end", 1050, rig.now, cleared=True))

    rig.take(rig.ledger.finish(rig.now))

    assert rig.ends[first].heard == "one two"
    assert rig.ends[first].is_estimate is not knows_position
    assert rig.ends[second].heard == ""


def test_only_so_much_is_pushed_ahead_into_the_leg() -> None:
    rig = Rig()
    for _ in range(10):
        rig.say("long", 15_000)

    assert sum(item for item in rig.leg.queue if isinstance(item, int)) <= FEED_LIMIT_MS
    rig.run(200_000)
    for _ in range(10):
        rig.run(200_000)

    assert len(rig.ends) == 10
    assert not any(end.interrupted for end in rig.ends.values())


def test_a_single_speech_over_the_leg_s_limit_is_cut_and_says_so() -> None:
    rig = Rig()
    first = rig.say("a " * 100, 130_000)
    rig.run(130_000)

    assert rig.ends[first].interrupted
    assert rig.ends[first].heard_ms == 120_000


def test_too_many_playbacks_end_unheard() -> None:
    rig = Rig()
    for _ in range(WAITING_LIMIT):
        rig.say("x", 20)
    over = rig.say("over", 20)

    assert rig.ends[over].heard == ""
    assert rig.ends[over].interrupted


def test_unknown_marks_are_nobodys() -> None:
    rig = Rig()
    rig.say("one", 100)

    assert rig.ledger.marked("closing.end", 0, 0.0, cleared=False) == []


def test_raw_audio_is_dropped_while_nothing_may_sound() -> None:
    rig = Rig()
    assert rig.ledger.play_raw(bytes(640)) == [PlayAudio(bytes(640))]
    assert rig.ledger.interrupt(0.0) == [ClearPlayout()]
    assert rig.ledger.play_raw(bytes(640)) == []


class LedgerMachine(RuleBasedStateMachine):
    """Any order of saying, pausing, resuming, interrupting and playing, with late reports."""

    @initialize()
    def begin(self) -> None:
        self.rig = Rig()
        self.said: dict[int, int] = {}

    @rule(ms=st.integers(1, 3000))
    def say(self, ms: int) -> None:
        self.said[self.rig.say("one two three", ms)] = ms

    @rule(ms=st.integers(0, 4000))
    def play_on(self, ms: int) -> None:
        self.rig.leg.run(ms)
        self.rig.now += ms / 1000

    @rule(count=st.integers(1, 6))
    def report_some(self, count: int) -> None:
        self.rig.report(count)

    @rule()
    def report_all(self) -> None:
        self.rig.report()

    @rule()
    def pause(self) -> None:
        self.rig.take(self.rig.ledger.pause())

    @rule()
    def resume(self) -> None:
        self.rig.take(self.rig.ledger.resume())

    @rule()
    def interrupt(self) -> None:
        self.rig.take(self.rig.ledger.interrupt(self.rig.now))
        assert not self.rig.ledger.is_playing

    @invariant()
    def ends_are_true(self) -> None:
        for number, end in self.rig.ends.items():
            assert 0 <= end.heard_ms <= self.said[number]
            if not end.interrupted:
                assert end.heard_ms > self.said[number] - 20
            assert "one two three".startswith(end.heard)
        heard = sum(end.heard_ms for end in self.rig.ends.values())
        # A frame per pause may be counted as heard though its rest was not worth resuming for.
        assert heard <= self.rig.leg.played_ms + 20 * len(self.said)

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        self.rig.report()
        self.rig.take(self.rig.ledger.resume())
        for _ in range(3 + len(self.said)):
            self.rig.run(10_000)
        assert set(self.rig.ends) == set(self.said)
        assert list(self.rig.ends) == sorted(self.rig.ends)
        assert not self.rig.ledger.is_playing


TestLedger = LedgerMachine.TestCase
