"""Recording through a whole call, on the virtual clock, with real files."""

import wave
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.config import AgentBase, Config, EarlySpeech, NumberSection
from gateway.config.recording import RecordingMode, RecordingSection
from gateway.errors import RecordingNotRunning
from gateway.metrics import Metrics
from gateway.model.frame import BYTES_PER_MS, RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.line import KeyPressed, Line
from gateway.model.speech import Speech
from gateway.recording.call_tape import told_greeting
from gateway.recording.desk import RecordingDesk
from gateway.recording.tape_state import TRANSITIONS, TapeState
from gateway.rooms.timeline import Kind
from gateway.sessions.chronicle import HIDDEN
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import Bench, FakeAgent, FakePhrases, now

HEARD = 5
"""What a `FakeEar` hears, always."""
ANNOUNCED = "This call is recorded. Hello and welcome."


def said(ms: int, value: int = 9, text: str = "words") -> Speech:
    return Speech(text, bytes([value, 0]) * (ms * BYTES_PER_MS // 2), source="fake")


class Recorded:
    """A call to a number that is recorded."""

    def __init__(
        self,
        folder: Path,
        mode: RecordingMode,
        script: Callable[[Line], Awaitable[None]] | None = None,
        policy: EarlySpeech = EarlySpeech.HOLD,
        phrases: FakePhrases | None = None,
        **section: Any,
    ) -> None:
        self.config = config = Config(
            numbers=(NumberSection(number="*", agent="receptionist", recording=mode),),
            recording=RecordingSection(files_dir=folder, min_free_mb=0, **section),
        )
        self.path = folder / "c_test.wav"
        self.metrics = Metrics()
        self.desk = RecordingDesk(config, self.metrics)
        self.bench = Bench(
            settings=AgentBase(greeting="Hello and welcome.", early_speech=policy),
            agent=FakeAgent(script),
            tapes=self.desk,
            phrases=phrases or FakePhrases(),
        )

    async def answered(self) -> None:
        await self.desk.start()
        self.bench.start()
        await self.bench.until_gate()

    async def over(self, after_s: float) -> tuple[list[int], list[int]] | None:
        """Let the caller hang up; returns both tracks."""
        await self.bench.run_until(now() - self.bench.offered_s + after_s)
        await self.bench.hung_up_by_caller()
        await self.desk.stop()
        if not self.path.exists():
            return None
        with wave.open(str(self.path)) as file:
            both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        return both[:, 0].tolist(), both[:, 1].tolist()

    def told(self) -> list[tuple[str, str]]:
        return [
            (str(entry.facts["state"]), str(entry.facts["reason"]))
            for entry in self.bench.recorder.all(Kind.RECORDING)
        ]

    def offset_s(self, state: str) -> float:
        (entry,) = [
            entry
            for entry in self.bench.recorder.all(Kind.RECORDING)
            if entry.facts["state"] == state
        ]
        return entry.offset_ms / 1000


def call(scenario: Coroutine[Any, Any, None]) -> None:
    run_virtual(scenario)


def test_it_is_off_unless_a_number_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.OFF)
        await recorded.answered()
        assert recorded.bench.recorder.said() == [("agent", "Hello and welcome.", False)]
        assert await recorded.over(2) is None
        assert recorded.told() == []
        with pytest.raises(RecordingNotRunning):
            recorded.desk.pause("c_test")

    call(scenario())


def test_the_announcement_is_part_of_the_greeting_and_recording_starts_after_it(
    tmp_path: Path,
) -> None:
    async def script(line: Line) -> None:
        line.say(said(1000))

    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE, script)
        assert recorded.desk.phrases(recorded.config) == [
            told_greeting(
                RecordingMode.ANNOUNCE,
                RecordingSection(),
                Config().agents["receptionist"].greeting,
            )
        ]
        await recorded.answered()
        tracks = await recorded.over(3)
        bench = recorded.bench
        assert bench.recorder.said() == [("agent", ANNOUNCED, False), ("agent", "words", False)]
        assert recorded.told() == [("started", "announced"), ("stopped", "call_ended")]
        played = bench.recorder.one(Kind.GREETING_PLAYED).offset_ms / 1000
        assert recorded.offset_s("started") >= played

        assert tracks is not None
        left, right = tracks
        length = recorded.offset_s("stopped") - recorded.offset_s("started")
        assert len(left) == len(right) == pytest.approx(length * RATE_HZ, abs=RATE_HZ // 50)
        assert set(left[: -RATE_HZ // 10]) == {HEARD}
        # Where the frames really left, to the sample.
        begun_s = bench.offered_s + recorded.offset_s("started")
        first_s = min(at_s for at_s, frame in bench.leg.played if frame[0] == 9)
        begin = right.index(9)
        assert begin == pytest.approx((first_s - begun_s) * RATE_HZ, abs=20)
        assert right[begin : begin + RATE_HZ] == [9] * RATE_HZ
        assert set(right[:begin]) | set(right[begin + RATE_HZ :]) <= {0}

    call(scenario())


def test_an_announcement_cannot_be_talked_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE, policy=EarlySpeech.BARGE_IN)
        await recorded.desk.start()
        bench = recorded.bench
        bench.start()
        await bench.run_until(0.2)
        await bench.ear.says(0.9)
        await bench.until_gate()
        assert bench.recorder.said()[0] == ("agent", ANNOUNCED, False)
        await recorded.over(1)
        assert recorded.told()[0] == ("started", "announced")

    call(scenario())


def test_without_the_announcement_nothing_is_recorded(tmp_path: Path) -> None:
    """The voices fail, so the caller hears a bundled greeting that does not say it."""

    async def scenario() -> None:
        phrases = FakePhrases()
        phrases.first_voice.fails = phrases.second_voice.fails = True
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE, phrases=phrases)
        await recorded.answered()
        assert await recorded.over(2) is None
        assert recorded.told() == [("not_started", "announcement_not_heard")]

    call(scenario())


def test_a_caller_who_hangs_up_in_the_greeting_was_not_recorded(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE)
        await recorded.desk.start()
        recorded.bench.start()
        await recorded.bench.run_until(0.4)
        assert await recorded.over(0) is None
        assert recorded.told() == [("not_started", "call_ended")]
        assert recorded.desk.states() == {}

    call(scenario())


def test_opt_in_by_key_is_not_passed_to_the_agent(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.OPT_IN)
        await recorded.answered()
        bench = recorded.bench
        assert bench.recorder.said()[0][1].startswith("Hello and welcome. To have this call")
        bench.leg.press("2")
        await bench.run_until(now() - bench.offered_s + 3)
        assert recorded.told() == []
        bench.leg.press("1")
        tracks = await recorded.over(1)
        assert tracks is not None
        assert recorded.told() == [("started", "asked_by_key"), ("stopped", "call_ended")]
        keys = [event.digit for event in bench.agent.told if isinstance(event, KeyPressed)]
        assert keys == ["2"]

    call(scenario())


@pytest.mark.parametrize(
    ("pauses", "digits"), [((20.0,), "1"), ((1.0, 0.5, 0.5), "017")], ids=["late", "in a number"]
)
def test_a_key_that_is_meant_for_the_agent_starts_no_recording(
    tmp_path: Path, pauses: tuple[float, ...], digits: str
) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.OPT_IN)
        await recorded.answered()
        bench = recorded.bench
        for pause_s, digit in zip(pauses, digits, strict=True):
            await bench.run_until(now() - bench.offered_s + pause_s)
            bench.leg.press(digit)
        assert await recorded.over(1) is None
        keys = [event.digit for event in bench.agent.told if isinstance(event, KeyPressed)]
        assert "".join(keys) == digits

    call(scenario())


@pytest.mark.parametrize("key", ["9", "x", "**"])
def test_a_key_that_a_card_number_has_does_not_pause(key: str) -> None:
    with pytest.raises(ValueError, match="pause_key"):
        RecordingSection(pause_key=key)
    assert RecordingSection(pause_key="*").pause_key == "*"


def test_opt_in_by_key_during_the_greeting_counts_when_it_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.OPT_IN)
        await recorded.desk.start()
        recorded.bench.start()
        await recorded.bench.run_until(0.5)
        recorded.bench.leg.press("1")
        await recorded.bench.until_gate()
        await recorded.over(1)
        assert recorded.told()[0] == ("started", "asked_by_key")
        played = recorded.bench.recorder.one(Kind.GREETING_PLAYED).offset_ms / 1000
        assert recorded.offset_s("started") >= played

    call(scenario())


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ("Yes, you may record, of course.", True),
        ("The record shop", False),
        ("RECORD THIS CALL!", True),
        ("Please do not record this call.", False),
        ("I don't want you to record this call", False),
        ("You may record nothing at all", False),
        ("Prerecord this calling", False),
        ("", False),
    ],
)
def test_opt_in_in_words(tmp_path: Path, words: str, counts: bool) -> None:
    async def script(line: Line) -> None:
        line.heard_user(words, {})

    async def scenario() -> None:
        section = RecordingSection()
        wanted = (*section.opt_in_words, "…")  # of which no letter is left
        recorded = Recorded(tmp_path, RecordingMode.OPT_IN, script, opt_in_words=wanted)
        await recorded.answered()
        tracks = await recorded.over(1)
        assert (tracks is not None) is counts
        assert recorded.told()[0] == (
            ("started", "asked_in_words") if counts else ("not_started", "call_ended")
        )

    call(scenario())


def test_a_pause_is_silence_on_both_sides_and_its_digits_are_not_written_down(
    tmp_path: Path,
) -> None:
    async def script(line: Line) -> None:
        line.say(said(6000))

    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE, script, pause_key="*")
        await recorded.answered()
        bench, desk = recorded.bench, recorded.desk
        await bench.run_until(3)
        desk.pause("c_test")
        with pytest.raises(RecordingNotRunning):
            desk.pause("c_test")
        assert desk.states() == {"c_test": "paused"}
        await bench.run_until(3.1)
        bench.leg.press("4")
        await bench.run_until(4)
        bench.leg.press("*")
        await bench.run_until(4.2)
        bench.leg.press("7")
        tracks = await recorded.over(1)

        assert tracks is not None
        begun = recorded.offset_s("started")
        first = round((recorded.offset_s("paused") - begun) * RATE_HZ)
        last = round((recorded.offset_s("resumed") - begun) * RATE_HZ)
        for track, value in zip(tracks, (HEARD, 9), strict=True):
            assert set(track[first:last]) == {0}
            assert track[first - 1] == track[last] == value
        assert [entry.facts["digit"] for entry in bench.recorder.all(Kind.DTMF)] == ["", "", "7"]
        assert recorded.told()[1:3] == [("paused", "asked"), ("resumed", "key")]
        # The agent hears the digits all the same, and nothing of the pause.
        keys = [event.digit for event in bench.agent.told if isinstance(event, KeyPressed)]
        assert keys == ["4", "7"]

    call(scenario())


def test_words_said_in_a_pause_are_not_written_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE)
        await recorded.answered()
        bench = recorded.bench
        line = bench.agent.line
        assert line is not None
        line.heard_user("I want to pay", {})
        recorded.desk.pause("c_test")
        line.heard_user("four one one one", {"recognition_ms": 5.0})
        line.say(said(100, text="I heard four one one one"))
        await bench.run_until(now() - bench.offered_s + 1)
        recorded.desk.resume("c_test")
        line.heard_user("That is it", {})
        await recorded.over(1)

        told = [text for _, text, _ in bench.recorder.said()][1:]
        assert told == ["I want to pay", HIDDEN, HIDDEN, "That is it"]
        (heard,) = [e for e in bench.recorder.entries if e.facts.get("recognition_ms")]
        assert heard.facts["hidden"] is True

    call(scenario())


def test_an_agent_pauses_and_goes_on_by_its_tools(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE)
        await recorded.answered()
        assert await recorded.desk.pause_for_agent("c_test", {}) == "paused"
        assert "nothing to do" in await recorded.desk.pause_for_agent("c_test", {})
        assert await recorded.desk.resume_for_agent("c_test", {}) == "recording goes on"
        assert "nothing to do" in await recorded.desk.pause_for_agent("c_other", {})
        await recorded.over(1)

    call(scenario())


def test_what_was_interrupted_is_recorded_as_far_as_it_was_heard(tmp_path: Path) -> None:
    async def script(line: Line) -> None:
        line.say(said(5000))

    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE, script)
        await recorded.answered()
        bench = recorded.bench
        await bench.run_until(now() - bench.offered_s + 1.0)
        assert bench.agent.line is not None
        bench.agent.line.interrupt("barge_in")
        tracks = await recorded.over(4)
        assert tracks is not None
        heard_ms = bench.recorder.all(Kind.AGENT_SAID)[-1].facts["heard_ms"]
        assert tracks[1].count(9) == pytest.approx(float(heard_ms) * 16, abs=1)

    call(scenario())


def test_a_disk_that_fails_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE)
        await recorded.answered()
        # As the writer's thread tells it.
        tape = recorded.desk._tapes["c_test"]
        tape._failed_on_thread("disk_full")
        await recorded.bench.run_until(4)
        assert recorded.told() == [("started", "announced"), ("stopped", "disk_full")]
        assert recorded.bench.session.state.value == "conversing"
        await recorded.over(1)
        assert recorded.bench.cause is HangupCause.CALLER_HUNG_UP
        value = recorded.metrics.registry.get_sample_value(
            "offhook_recordings_total", {"outcome": "disk_full"}
        )
        assert value == 1

    call(scenario())


def test_a_session_that_is_cancelled_leaves_a_finished_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE)
        await recorded.answered()
        await recorded.bench.run_until(3)
        assert recorded.bench.task is not None
        recorded.bench.task.cancel()
        await recorded.bench.over()
        await recorded.desk.stop()

    call(scenario())
    assert [path.name for path in tmp_path.iterdir()] == ["c_test.wav"]


def test_every_state_can_end() -> None:
    states = {state for state, trigger in TRANSITIONS if trigger.value == "end"}
    assert states == set(TapeState) - {TapeState.OVER}


def test_empty_words_leave_the_greeting_alone() -> None:
    silent = RecordingSection(announcement="", opt_in_prompt="")
    for mode in RecordingMode:
        assert told_greeting(mode, silent, "Hello.") == "Hello."
    assert told_greeting(RecordingMode.ANNOUNCE, RecordingSection(), "") == "This call is recorded."


def test_words_said_in_a_pause_stay_out_when_they_are_understood_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE, pause_key="*")
        await recorded.answered()
        bench = recorded.bench
        line = bench.agent.line
        assert line is not None
        recorded.desk.pause("c_test")
        await bench.ear.says(1.0)
        line.say(said(2000, text="I heard four one one one"))
        await bench.run_until(now() - bench.offered_s + 0.5)
        # The caller goes on at once; recogniser and voice are slower.
        recorded.desk.resume("c_test")
        line.heard_user("four one one one", {})
        await bench.run_until(now() - bench.offered_s + 3)
        await bench.ear.says(1.0)
        line.heard_user("That is it", {})
        await recorded.over(1)

        told = [text for _, text, _ in bench.recorder.said()][1:]
        assert told == [HIDDEN, HIDDEN, "That is it"]

    call(scenario())


def test_a_noise_before_a_pause_does_not_hide_what_is_said_long_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path, RecordingMode.ANNOUNCE)
        await recorded.answered()
        bench = recorded.bench
        line = bench.agent.line
        assert line is not None
        await bench.ear.says(0.3)  # nobody understood it
        recorded.desk.pause("c_test")
        await bench.run_until(now() - bench.offered_s + 20)
        recorded.desk.resume("c_test")
        await bench.ear.says(1.0)
        line.heard_user("What do you want to know?", {})
        await recorded.over(1)

        assert [text for _, text, _ in bench.recorder.said()][1:] == ["What do you want to know?"]

    call(scenario())
