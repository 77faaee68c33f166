"""When the rehearsing caller speaks."""

from gateway.rehearsal.conduct import Conductor, HangUp, Phase, Press, Speak
from gateway.rehearsal.script import parse


def conductor(text: str) -> Conductor:
    made = Conductor(parse(text), patience_s=1.0, answer_bound_s=10.0)
    made.start(0.0)
    return made


def test_the_caller_waits_for_the_greeting_to_end() -> None:
    caller = conductor("Hello.")

    caller.agent_started(0.2)
    assert caller.poll(5.0) is None
    caller.agent_stopped(5.0)

    assert caller.poll(5.9) is None
    assert caller.poll(6.0) == Speak(0)
    assert caller.phase is Phase.SPEAKING


def test_a_pause_between_two_sentences_is_not_an_end() -> None:
    caller = conductor("Hello.")

    caller.agent_started(0.2)
    caller.agent_stopped(2.0)
    caller.agent_started(2.5)

    assert caller.poll(3.5) is None


def test_without_an_answer_the_script_goes_on_after_a_bound() -> None:
    caller = conductor("Hello.\nStill there?")
    caller.agent_started(0.0)
    caller.agent_stopped(1.0)
    assert caller.poll(2.0) == Speak(0)
    caller.line_played(3.0)

    assert caller.poll(12.9) is None
    assert caller.poll(13.0) == Speak(1)


def test_an_interruption_comes_half_a_second_into_the_agents_speech() -> None:
    caller = conductor("! Stop.")

    caller.agent_started(1.0)

    assert caller.poll(1.4) is None
    assert caller.poll(1.5) == Speak(0)


def test_keys_are_pressed_and_a_wait_prolongs_the_silence() -> None:
    caller = conductor("wait: 3\nkeys: 1#")
    caller.agent_started(0.0)
    caller.agent_stopped(1.0)

    assert caller.poll(2.0) is None
    assert caller.poll(5.9) is None
    assert caller.poll(6.0) == Press(1)


def test_after_the_last_line_and_its_answer_the_caller_hangs_up_once() -> None:
    caller = conductor("Bye.")
    caller.agent_started(0.0)
    caller.agent_stopped(1.0)
    caller.poll(2.0)
    caller.line_played(3.0)
    caller.agent_started(3.5)
    caller.agent_stopped(5.0)

    assert caller.poll(6.0) == HangUp()
    assert caller.poll(7.0) is None
    assert caller.phase is Phase.DONE
