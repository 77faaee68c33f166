"""Conversations on a fake line under a virtual clock: answers, interruptions, silence, failures."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from agents.conversation.brain import Brain, EndCall, Note, Phrase, Thought, UserTurn, Words
from agents.conversation.conversation import Conversation
from agents.conversation.history import History
from agents.conversation.manners import Manners
from agents.conversation.small_phrases import AGAIN, FILLERS
from agents.local.sentences import SentenceSplitter
from gateway.config import TurnsSection
from gateway.errors import ProviderUnavailable
from gateway.model.hangup import HangupCause
from gateway.model.line import HeldSpeech, Role, Said, SaidByOther
from gateway.model.speech import Urgency
from tests.support.fake_line import FakeLine
from tests.support.fake_speech import FakeEars, FakeVoice
from tests.support.virtual_clock import run_virtual

GOODBYE = "Thank you for calling, goodbye."
REPROMPT = "Are you still there?"


@dataclass
class FakeBrain:
    """Answers turn n with `answers[n]`, after `think_s`."""

    answers: list[list[Thought | Exception]]
    think_s: float = 0.05
    turns: list[UserTurn] = field(default_factory=list)
    histories: list[tuple[Said, ...]] = field(default_factory=list)
    closed: int = 0

    async def reply(self, turn: UserTurn, history: History) -> AsyncGenerator[Thought, None]:
        self.turns.append(turn)
        self.histories.append(history.lines())
        thoughts = self.answers[min(len(self.turns), len(self.answers)) - 1]
        try:
            for thought in thoughts:
                await asyncio.sleep(self.think_s)
                if isinstance(thought, Exception):
                    raise thought
                yield thought
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            raise


_: type[Brain] = FakeBrain


@dataclass
class Stage:
    line: FakeLine
    ears: FakeEars
    voice: FakeVoice
    brain: FakeBrain


def play(
    scene: Callable[[Stage], Awaitable[None]],
    *,
    answers: list[list[Thought | Exception]] | None = None,
    words: list[str] | None = None,
    barge_in: bool = True,
    turns: TurnsSection | None = None,
    think_s: float = 0.05,
) -> Stage:
    """Run a conversation while `scene` plays the caller; returns what was left of it."""

    async def run() -> Stage:
        stage = Stage(
            FakeLine(),
            FakeEars(words or ["hello there"]),
            FakeVoice(),
            FakeBrain(answers or [[Phrase("I am fine.")]], think_s),
        )
        manners = Manners(
            turns=turns or TurnsSection(),
            barge_in=barge_in,
            goodbye=GOODBYE,
            reprompt=REPROMPT,
            filler=FILLERS[0],
        )
        conversation = Conversation(
            stage.line, stage.brain, stage.ears, stage.voice, manners, SentenceSplitter
        )

        async def caller() -> None:
            try:
                await scene(stage)
            finally:
                stage.line.caller_hangs_up()

        async with asyncio.timeout(600):
            acting = asyncio.ensure_future(caller())
            try:
                await conversation.run()
                if acting.done():
                    acting.result()
            finally:
                acting.cancel()
                leftover = {task for task in asyncio.all_tasks() if task.get_name() != "Task-1"}
                leftover -= {acting, asyncio.current_task()}
                assert not leftover, f"tasks outlive the conversation: {leftover}"
        return stage

    return run_virtual(run())


def test_a_turn_is_answered_within_half_a_second_and_its_time_is_split() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(1_000)
        await asyncio.sleep(5)

    stage = play(scene)

    assert stage.line.said == ["I am fine."]
    text, facts = stage.line.users[0]
    assert text == "hello there"
    assert facts["endpointing_ms"] == pytest.approx(245, abs=5)
    [turn] = stage.line.recorded("turn")
    assert turn["recognition_ms"] == pytest.approx(120, abs=5)
    parts = ("endpointing_ms", "words_late_ms", "model_ms", "synthesis_ms", "first_packet_ms")
    assert turn["response_ms"] == pytest.approx(sum(float(turn[part]) for part in parts), abs=1)
    assert float(turn["response_ms"]) < 500


def test_running_text_is_spoken_sentence_by_sentence_while_it_is_made() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(1_000)
        await asyncio.sleep(8)

    pieces: list[Thought | Exception] = [
        Words("The first sentence "),
        Words("is here. The second"),
        Words(" one follows it."),
    ]
    stage = play(scene, answers=[pieces], think_s=0.4)

    assert stage.line.said == ["The first sentence is here.", "The second one follows it."]
    first, second = stage.line.playbacks
    assert first.started_at_s is not None
    assert first.ended_at_s is not None
    assert second.said_at_s < first.ended_at_s
    assert [urgency.name for _, urgency in stage.voice.asked] == ["FIRST_SENTENCE", "NEXT_SENTENCE"]


def test_a_long_answer_is_not_rendered_far_ahead() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(1_000)
        await asyncio.sleep(2.5)
        assert len(stage.voice.asked) <= 3

    stage = play(scene, answers=[[Phrase("one two three four five six seven eight")] * 6])

    assert len(stage.line.said) == 3


def test_speaking_over_the_agent_pauses_then_interrupts_and_history_keeps_what_was_heard() -> None:
    long = "one two three four five six seven eight nine ten"

    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1.5)
        await stage.line.speak(900)
        await asyncio.sleep(6)

    stage = play(
        scene,
        answers=[[Phrase(long), Phrase("never heard")], [Phrase("All right then.")]],
        words=["count please", "thank you that will do"],
    )

    onset_s = 1_000 + stage.line.spoken[1][0] / 16_000
    [paused] = stage.line.recorded("paused")
    assert float(paused["onset_to_decision_ms"]) <= 350
    [(when_s, reason)] = stage.line.interrupts
    assert reason == "speech"
    assert when_s - onset_s == pytest.approx(0.5 + 0.128, abs=0.03)
    assert stage.line.said[-1] == "All right then."
    heard = [said for said in stage.brain.histories[1] if said.role is Role.AGENT][1:]
    assert len(heard) == 1
    assert heard[0].interrupted
    assert heard[0].text
    assert long.startswith(heard[0].text)
    assert heard[0].text != long


def test_a_line_that_an_operator_had_said_is_the_agents_own() -> None:
    line = "your taxi is waiting outside in front of the blue house"

    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(4)
        speech = await stage.voice.speak(line, Urgency.FIRST_SENTENCE)
        playback_id = stage.line.say(speech)
        stage.line.emit(SaidByOther(asyncio.get_running_loop().time(), playback_id, speech))
        await asyncio.sleep(1)
        # The caller may talk over it, and it is interrupted like anything else the agent says.
        await stage.line.speak(900)
        await asyncio.sleep(4)

    stage = play(scene, words=["hello there", "which house do you mean"])

    [(_, reason)] = stage.line.interrupts
    assert reason == "speech"
    assert len(stage.brain.turns) == 2
    heard = [said for said in stage.brain.histories[1] if said.role is Role.AGENT][-1]
    assert heard.interrupted
    assert heard.text
    assert line.startswith(heard.text)


def test_a_sign_of_listening_only_pauses() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1.5)
        await stage.line.speak(350)
        await asyncio.sleep(10)

    long = "one two three four five six seven eight nine ten."
    stage = play(scene, answers=[[Phrase(long)]], words=["count please", "Mm-hmm."])

    assert stage.line.interrupts == []
    assert len(stage.brain.turns) == 1
    assert stage.line.playbacks[0].heard == long
    assert len(stage.line.recorded("resumed")) == 1
    playback = stage.line.playbacks[0]
    assert playback.started_at_s is not None
    assert playback.ended_at_s is not None
    paused_s = playback.ended_at_s - playback.started_at_s - 3.0
    assert paused_s == pytest.approx(0.1 + 1.0, abs=0.05)


def test_stop_interrupts_however_short() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1.5)
        await stage.line.speak(300)
        await asyncio.sleep(3)

    stage = play(
        scene,
        answers=[[Phrase("one two three four five six seven eight nine ten.")], [Phrase("Yes?")]],
        words=["count please", "Stop!"],
    )

    assert [reason for _, reason in stage.line.interrupts] == ["command"]
    assert stage.line.said[-1] == "Yes?"


def test_a_one_word_answer_to_a_finished_question_is_a_turn() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(3)
        await stage.line.speak(300)
        await asyncio.sleep(3)

    stage = play(
        scene,
        answers=[[Phrase("Shall I?")], [Phrase("Done.")]],
        words=["hello there", "yeah"],
    )

    assert [turn.text for turn in stage.brain.turns] == ["hello there", "yeah"]


def test_an_answer_over_the_last_word_of_a_question_is_a_turn() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(0.3 + 1.05)
        await stage.line.speak(320)
        await asyncio.sleep(3)

    stage = play(
        scene,
        answers=[[Phrase("Shall I take one?")], [Phrase("Done.")]],
        words=["hello there", "yeah"],
    )

    assert [turn.text for turn in stage.brain.turns] == ["hello there", "yeah"]


def test_an_agent_that_may_not_be_interrupted_answers_afterwards() -> None:
    long = "one two three four five six seven eight nine ten."

    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1)
        await stage.line.speak(900)
        await asyncio.sleep(8)

    stage = play(
        scene,
        answers=[[Phrase(long)], [Phrase("Now you.")]],
        words=["count please", "and what about me"],
        barge_in=False,
    )

    assert stage.line.interrupts == []
    assert stage.line.playbacks[0].heard == long
    assert stage.line.said == [long, "Now you."]


def test_going_on_before_the_answer_is_heard_throws_the_answer_away() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(0.4)
        await stage.line.speak(900)
        await asyncio.sleep(4)

    stage = play(
        scene,
        answers=[[Phrase("Too early.")], [Phrase("Right.")]],
        words=["I would like", "to order a cake"],
        think_s=2.0,
    )

    assert stage.line.said == [FILLERS[0], "Right."]
    assert stage.brain.closed == 1


def test_held_speech_is_the_first_turn() -> None:
    async def scene(stage: Stage) -> None:
        stage.line.spoken += [(1_000, 6_000), (8_000, 16_000)]
        await asyncio.sleep(2)
        now_s = asyncio.get_running_loop().time()
        stage.line.emit(HeldSpeech(now_s, ((1_000, 6_000), (8_000, 16_000)), False))
        await asyncio.sleep(3)

    stage = play(scene, words=["when are", "you open"])

    assert [turn.text for turn in stage.brain.turns] == ["when are you open"]
    assert stage.line.said == ["I am fine."]


def test_a_slow_answer_is_accounted_for_and_still_comes() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(20)

    stage = play(scene, think_s=10)

    assert stage.line.said == [*FILLERS, "I am fine."]
    [turn] = stage.line.recorded("turn")
    assert float(turn["filler_ms"]) < 2_000


def test_a_silent_caller_is_asked_twice_and_then_released_after_the_goodbye() -> None:
    async def scene(_: Stage) -> None:
        await asyncio.sleep(120)

    stage = play(scene)

    assert stage.line.said == [REPROMPT, REPROMPT, GOODBYE]
    assert stage.line.hung_up == (HangupCause.NO_INPUT, True)
    assert stage.line.hung_up_at_s is not None
    assert stage.line.playbacks[-1].heard == GOODBYE
    assert stage.line.playbacks[0].said_at_s == pytest.approx(1_009.1, abs=0.2)


def test_words_start_the_reprompts_afresh() -> None:
    async def scene(stage: Stage) -> None:
        await asyncio.sleep(11)
        await stage.line.speak(600)
        await asyncio.sleep(60)

    stage = play(scene)

    assert stage.line.said == [REPROMPT, "I am fine.", REPROMPT, REPROMPT, GOODBYE]
    assert stage.brain.turns[0].after_reprompt


def test_the_call_ends_when_the_goodbye_was_heard() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(30)

    stage = play(scene, answers=[[Phrase("Bye then."), EndCall()]])

    assert stage.line.hung_up == (HangupCause.AGENT_HUNG_UP, True)
    assert stage.line.playbacks[0].ended_at_s == stage.line.hung_up_at_s


def test_a_caller_with_one_more_question_keeps_the_call() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1)
        await stage.line.speak(900)
        await asyncio.sleep(4)
        assert stage.line.hung_up is None

    stage = play(
        scene,
        answers=[[Phrase("Thank you for calling us today. Goodbye."), EndCall()], [Phrase("Yes.")]],
        words=["that is all", "wait one more question"],
    )

    assert stage.line.said[-1] == "Yes."


def test_a_caller_who_says_goodbye_over_the_goodbye_is_not_answered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1)
        await stage.line.speak(700)
        await asyncio.sleep(10)

    stage = play(
        scene,
        answers=[[Phrase("Thank you for calling us today. Goodbye."), EndCall()]],
        words=["that is all", "thank you bye bye"],
    )

    assert len(stage.brain.turns) == 1
    assert stage.line.hung_up == (HangupCause.AGENT_HUNG_UP, True)


def test_a_failing_brain_fails_the_conversation() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(30)

    with pytest.raises(ProviderUnavailable):
        play(scene, answers=[[ProviderUnavailable("gone")]])


def test_a_failing_recogniser_asks_to_repeat_twice_and_then_fails() -> None:
    seen: list[Stage] = []

    async def scene(stage: Stage) -> None:
        seen.append(stage)
        stage.ears.failures = [ProviderUnavailable("busy")] * 3
        for _ in range(3):
            await stage.line.speak(800)
            await asyncio.sleep(7)

    with pytest.raises(ProviderUnavailable):
        play(scene)
    assert seen[0].line.said == [AGAIN, AGAIN]


def test_a_fault_in_the_speech_models_leaves_nobody_in_silence() -> None:
    async def scene(stage: Stage) -> None:
        stage.ears.failures = [KeyError("text")]
        stage.ears.score_failure = TypeError("no number")
        await stage.line.speak(800)
        await asyncio.sleep(7)
        await stage.line.speak(800)
        await asyncio.sleep(7)

    stage = play(scene, words=["lost", "hello"])

    assert stage.line.said[:2] == [AGAIN, "I am fine."]


def test_a_recogniser_that_recovers_is_forgiven() -> None:
    async def scene(stage: Stage) -> None:
        stage.ears.failures = [ProviderUnavailable("busy")]
        await stage.line.speak(800)
        await asyncio.sleep(7)
        await stage.line.speak(800)
        await asyncio.sleep(5)

    stage = play(scene, words=["lost", "hello"])

    assert stage.line.said == [AGAIN, "I am fine."]


def test_without_the_end_of_turn_model_silence_decides() -> None:
    async def scene(stage: Stage) -> None:
        stage.ears.score_failure = ProviderUnavailable("gone")
        await stage.line.speak(800)
        await asyncio.sleep(4)

    stage = play(scene)

    assert stage.line.said == ["I am fine."]
    assert stage.line.users[0][1]["end_reason"] == "fallback"
    assert stage.line.users[0][1]["endpointing_ms"] == pytest.approx(700, abs=5)


def test_a_voice_that_fails_once_is_asked_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.voice.failures = [ProviderUnavailable("busy")]
        await stage.line.speak(800)
        await asyncio.sleep(4)

    stage = play(scene)

    assert stage.line.said == ["I am fine."]


def test_keys_stop_the_agent_and_make_one_entry() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1)
        stage.line.press("12")
        await asyncio.sleep(0.5)
        stage.line.press("3")
        await asyncio.sleep(4)
        stage.line.press("45#")
        await asyncio.sleep(4)

    stage = play(scene, answers=[[Phrase("one two three four five six")], [Phrase("Thanks.")]])

    assert stage.line.interrupts[0][1] == "key"
    assert [(turn.text, turn.is_keys) for turn in stage.brain.turns[1:]] == [
        ("123", True),
        ("45", True),
    ]


def test_typed_words_stop_the_agent_and_are_answered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(1)
        stage.line.write("When are you open?")
        await asyncio.sleep(4)

    stage = play(scene, answers=[[Phrase("one two three four five six")], [Phrase("At nine.")]])

    assert [(turn.text, turn.is_keys) for turn in stage.brain.turns[1:]] == [
        ("When are you open?", False)
    ]
    assert len(stage.line.interrupts) == 1
    assert stage.line.said[-1] == "At nine."
    # Who keeps the call has put it into the timeline already.
    assert len(stage.line.users) == 1


def test_what_is_understood_is_shown_before_the_turn_is_over() -> None:
    async def scene(stage: Stage) -> None:
        stage.ears.scores[1] = 0.0  # the caller is only pausing
        await stage.line.speak(800)
        await asyncio.sleep(0.6)
        assert stage.line.shown == ["I wonder"]
        assert stage.line.users == []
        await stage.line.speak(800)
        await asyncio.sleep(4)

    stage = play(scene, words=["I wonder", "when you open"], answers=[[Phrase("At nine.")]])

    assert [text for text, _ in stage.line.users] == ["I wonder when you open"]


def test_a_cough_is_ignored_but_a_mumble_is_asked_about() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(200)
        await asyncio.sleep(5)
        assert stage.line.said == []
        await stage.line.speak(1_000)
        await asyncio.sleep(5)

    stage = play(scene, words=["", ""])

    assert stage.line.said == [AGAIN]
    assert stage.brain.turns == []


def test_noise_that_interrupted_twice_no_longer_does_but_words_do() -> None:
    answer = "one two three four five six seven eight nine ten."

    async def scene(stage: Stage) -> None:
        for _ in range(2):
            await stage.line.speak(800)
            await asyncio.sleep(1.5)
            await stage.line.speak(900)
            await asyncio.sleep(8)

    stage = play(scene, answers=[[Phrase(answer)]], words=["go on", "", "go on", ""])

    assert [reason for _, reason in stage.line.interrupts] == ["speech", "speech"]
    assert stage.line.said == [answer, AGAIN, answer, AGAIN]


def test_notes_and_the_end_of_the_line() -> None:
    async def scene(stage: Stage) -> None:
        await stage.line.speak(800)
        await asyncio.sleep(2)

    stage = play(scene, answers=[[Note("tool", {"name": "x"}), Phrase("Done.")]])

    assert stage.line.recorded("tool") == [{"name": "x"}]
    assert stage.line.hung_up is None
