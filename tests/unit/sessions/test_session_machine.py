"""Random interleavings of everything that can happen to a call; the promises hold after each step."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.config import AgentBase, EarlySpeech, GreetingSection
from gateway.media.hearing import AudioGone
from gateway.model.events import Capabilities
from gateway.model.hangup import HangupCause
from gateway.model.line import HeldSpeech, Line, PlaybackEnded, PlaybackStarted, TextTyped
from gateway.rooms.timeline import Kind
from gateway.sessions.state import SessionState
from tests.support.virtual_clock import VirtualClockLoop
from tests.unit.sessions.bench import Bench, FakeAgent, FakePhrases, now, speech

GREETING = "Hello and welcome to this house."


class SlowAndFast(FakeAgent):
    """Does what it is told to; each of its says is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[int] = []
        self.orders: asyncio.Queue[Callable[[Line], Any]] = asyncio.Queue()

    async def converse(self, line: Line) -> None:
        obeying = asyncio.create_task(self._obey(line), name="obeying")
        listening = asyncio.create_task(super().converse(line), name="listening")
        try:
            done, _ = await asyncio.wait({obeying, listening}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            obeying.cancel()
            listening.cancel()
            await asyncio.gather(obeying, listening, return_exceptions=True)

    async def _obey(self, line: Line) -> None:
        while True:
            (await self.orders.get())(line)


def may_end(machine: "SessionMachine") -> bool:
    """Most rules would end the call; so that it lives for a while they wait for their turn."""
    return machine.steps >= machine.earliest_end


class SessionMachine(RuleBasedStateMachine):
    """One call on the virtual clock; the rules are the caller, the endpoint, the agent and the operator."""

    @initialize(
        policy=st.sampled_from(EarlySpeech),
        greeting_ms=st.sampled_from([0, 200, 1000, 6000, 6000]),
        voice=st.sampled_from(["cached", "fast", "slow", "fails", "all fail"]),
        is_echo=st.booleans(),
        answers=st.sampled_from([True, True, True, False]),
        loses_marks=st.sampled_from([False, False, True]),
        reports_end=st.sampled_from([True, True, False]),
        has_screen=st.booleans(),
        deadline_s=st.sampled_from([2.0, 60.0]),
        head_start_s=st.sampled_from([0.0, 0.3, 2.5, 8.0]),
        earliest_end=st.integers(0, 25),
    )
    def begin(
        self,
        policy: EarlySpeech,
        greeting_ms: int,
        voice: str,
        is_echo: bool,
        answers: bool,
        loses_marks: bool,
        reports_end: bool,
        has_screen: bool,
        deadline_s: float,
        head_start_s: float,
        earliest_end: int,
    ) -> None:
        self.runner = asyncio.Runner(loop_factory=VirtualClockLoop)

        async def judge(played: bytes, heard: bytes) -> bool:
            assert played
            assert heard
            await asyncio.sleep(0.01)
            return is_echo

        async def start() -> None:
            phrases = FakePhrases(clips=voice != "all fail")
            phrases.first_voice.ms = phrases.second_voice.ms = max(greeting_ms, 20)
            if voice == "cached":
                phrases.first_voice.kept[GREETING] = speech(GREETING, max(greeting_ms, 20))
            phrases.first_voice.delay_s = {"slow": 5.0, "fast": 0.2}.get(voice, 0.0)
            phrases.first_voice.fails = voice in ("fails", "all fail")
            phrases.second_voice.fails = voice == "all fail"
            self.agent = SlowAndFast()
            self.bench = Bench(
                settings=AgentBase(greeting=GREETING if greeting_ms else "", early_speech=policy),
                greeting=GreetingSection(gate_deadline_s=deadline_s),
                max_call_s=120,
                is_echo=judge,
                agent=self.agent,
                phrases=phrases,
            )
            self.bench.leg.loses_marks = loses_marks
            self.bench.leg.reports_end = reports_end
            self.bench.leg.capabilities = Capabilities(messages=has_screen)
            if not answers:
                self.bench.leg.answer_s = None
            self.bench.start()
            await asyncio.sleep(0)

        self.policy = policy
        self.steps = 0
        self.written = 0
        self.earliest_end = earliest_end
        self.do(start)
        self.do(lambda: asyncio.sleep(head_start_s))

    def do(self, work: Callable[[], Any]) -> None:
        """Run on the loop; the call goes on for a moment after it."""

        self.steps += 1

        async def run() -> None:
            result = work()
            if asyncio.iscoroutine(result):
                await result
            for _ in range(3):
                await asyncio.sleep(0.002)

        self.runner.run(run())

    # Time, caller and endpoint

    @rule(ms=st.sampled_from([1, 20, 100, 300, 1000, 4000, 20_000]))
    def time_passes(self, ms: int) -> None:
        self.do(lambda: asyncio.sleep(ms / 1000))

    @rule()
    def acknowledged(self) -> None:
        if "answer" in self.bench.leg.commands:
            self.do(self.bench.leg.acknowledge)

    @rule()
    def media_comes_up(self) -> None:
        if "answer" in self.bench.leg.commands:
            self.do(self.bench.leg.media_up)

    @rule()
    def caller_starts_to_speak(self) -> None:
        if not self.bench.ear.is_speaking and self.bench.leg.answered:
            self.do(self.bench.ear.begin)

    @rule()
    def caller_falls_silent(self) -> None:
        self.do(self.bench.ear.stop)

    @rule(digit=st.sampled_from("12#"))
    def key(self, digit: str) -> None:
        if self.bench.leg.answered:
            self.do(lambda: self.bench.leg.press(digit))

    @rule()
    def caller_writes(self) -> None:
        if self.bench.leg.answered:
            self.written += 1
            self.do(lambda: self.bench.writes(f"text {self.written}"))

    @precondition(may_end)
    @rule(
        cause=st.sampled_from(
            [HangupCause.CALLER_HUNG_UP, HangupCause.WORKER_LOST, HangupCause.CALLER_CANCELLED]
        )
    )
    def leg_ends(self, cause: HangupCause) -> None:
        lost = cause is HangupCause.WORKER_LOST
        self.do(lambda: self.bench.leg.end(cause, returns_marks=not lost))

    # The agent

    def order(self, order: Callable[[Line], Any]) -> None:
        if self.agent.line is not None:
            self.do(lambda: self.agent.orders.put_nowait(order))

    @rule(ms=st.sampled_from([100, 1000, 8000]))
    def agent_says(self, ms: int) -> None:
        self.order(lambda line: self.agent.said.append(line.say(speech("one two three", ms))))

    @rule()
    def agent_pauses(self) -> None:
        self.order(lambda line: line.pause())

    @rule()
    def agent_resumes(self) -> None:
        self.order(lambda line: line.resume())

    @rule()
    def agent_interrupts(self) -> None:
        self.order(lambda line: line.interrupt("barge_in"))

    @rule()
    def agent_writes_what_the_user_said(self) -> None:
        self.order(lambda line: line.heard_user("yes please", {}))

    @precondition(may_end)
    @rule()
    def agent_fails(self) -> None:
        def fail(_: Line) -> None:
            raise RuntimeError("lost the thread")

        self.order(fail)

    @precondition(may_end)
    @rule(after_playout=st.booleans())
    def agent_hangs_up(self, after_playout: bool) -> None:
        self.order(
            lambda line: line.hang_up(HangupCause.AGENT_HUNG_UP, after_playout=after_playout)
        )

    # The operator

    @precondition(may_end)
    @rule()
    def drained(self) -> None:
        self.do(lambda: self.bench.session.close(HangupCause.DRAINING))

    @precondition(may_end)
    @rule()
    def hung_up_by_the_operator(self) -> None:
        self.do(lambda: self.bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP))

    @precondition(may_end)
    @rule()
    def cancelled(self) -> None:
        task = self.bench.task
        assert task is not None
        # Once is how a gateway stops; cancelling the clean-up again would be an attack.
        if self.bench.session.state is not SessionState.ENDED:
            self.do(task.cancel)

    # What always holds

    @invariant()
    def gate_opens_at_most_once_and_before_the_end(self) -> None:
        kinds = self.bench.recorder.kinds()
        assert kinds.count(Kind.GATE_OPENED) <= 1
        assert kinds.count(Kind.ENDED) <= 1
        if Kind.ENDED in kinds:
            assert Kind.GATE_OPENED in kinds
            assert kinds[-1] is Kind.ENDED

    @invariant()
    def agent_hears_nothing_before_the_gate(self) -> None:
        if not self.bench.session.is_gate_open:
            assert self.agent.line is None
            return
        line = self.agent.line
        if line is None or self.bench.session.state is SessionState.ENDED:
            return
        opened_ms = self.bench.recorder.one(Kind.GATE_OPENED).offset_ms
        from_start = [event for event in self.agent.told if isinstance(event, HeldSpeech)]
        assert len(from_start) <= 1
        if self.policy is EarlySpeech.DROP:
            assert not from_start

        async def may_not_read_from_the_beginning() -> None:
            held = [stretch for event in from_start for stretch in event.segments]
            first = held[0][0] if held else int(opened_ms * 16) - 4000
            if first > 0 and self.bench.ear.position > first:
                try:
                    line.read(max(0, first - 3200), first)
                except AudioGone:
                    return
                raise AssertionError("the agent could read from behind the gate")

        if now_s(self.runner) < self.bench.offered_s + 25:
            self.runner.run(may_not_read_from_the_beginning())

    @invariant()
    def greeting_stands_before_the_first_user_turn(self) -> None:
        said = self.bench.recorder.said()
        greetings = [
            index for index, entry in enumerate(said) if entry[1] and GREETING.startswith(entry[1])
        ]
        users = [index for index, entry in enumerate(said) if entry[0] == "user"]
        if greetings and users:
            assert min(greetings) < min(users)

    @invariant()
    def what_was_written_is_told_in_order_and_only_once(self) -> None:
        typed = [entry[1] for entry in self.bench.recorder.said() if entry[1].startswith("text ")]
        told = [event.text for event in self.agent.told if isinstance(event, TextTyped)]
        order = [f"text {number}" for number in range(1, self.written + 1)]
        assert [text for text in order if text in typed] == typed
        assert [text for text in order if text in told] == told
        if told and not self.bench.session.is_gate_open:
            raise AssertionError("told behind the gate")

    @invariant()
    def the_screen_is_told_the_truth(self) -> None:
        messages = self.bench.leg.messages
        if not self.bench.leg.capabilities.messages:
            assert not messages
            return
        assert sum(each["type"] == "gate" for each in messages) <= 1
        assert sum(each["type"] == "ended" for each in messages) <= 1
        final = [each["id"] for each in messages if each["type"] == "line" and each["final"]]
        assert len(final) == len(set(final))
        later = {each["id"]: each["final"] for each in messages if each["type"] == "line"}
        assert all(later[number] for number in final)

    @invariant()
    def every_playback_ends_at_most_once(self) -> None:
        ends = [event.playback_id for event in self.agent.told if isinstance(event, PlaybackEnded)]
        starts = [
            event.playback_id for event in self.agent.told if isinstance(event, PlaybackStarted)
        ]
        assert len(ends) == len(set(ends))
        assert len(starts) == len(set(starts))
        assert set(ends) <= set(self.agent.said) | {0, *range(1, 3)}

    @invariant()
    def the_leg_is_commanded_sensibly(self) -> None:
        commands = [c.split()[0] for c in self.bench.leg.commands if c != "clear"]
        assert commands in (
            [],
            ["answer"],
            ["answer", "hang_up"],
            ["reject"],
            ["hang_up"],
        )

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return

        async def finish() -> None:
            self.bench.session.hang_up(HangupCause.OPERATOR_HUNG_UP)
            await self.bench.over()
            assert len(self.bench.recorder.ended) == 1
            leg = self.bench.leg
            if leg.ended is None:  # it was to be told, even if it says nothing
                assert leg.commands
            elif self.bench.cause is HangupCause.OPERATOR_HUNG_UP:
                assert {c.split()[0] for c in leg.commands} & {"reject", "hang_up"}

        try:
            self.gate_opens_at_most_once_and_before_the_end()
            self.runner.run(finish())
            self.greeting_stands_before_the_first_user_turn()
            self.every_playback_ends_at_most_once()
        finally:
            self.runner.close()


def now_s(runner: asyncio.Runner) -> float:
    async def read() -> float:
        return now()

    return runner.run(read())


TestSession = SessionMachine.TestCase
TestSession.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
