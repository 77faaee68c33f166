"""The greeting gate of text."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.text_gate import Greeting, TextGate


def test_the_last_of_several_agents_opens_it_once_and_their_order_holds():
    gate = TextGate()
    gate.hold("a")
    gate.hold("b")
    assert not gate.release("b", "Hi from b")
    assert not gate.is_open
    assert gate.release("a", "Hi from a ")
    assert gate.is_open
    assert not gate.release("a", "again")
    assert gate.greetings == (Greeting("a", "Hi from a"), Greeting("b", "Hi from b"))


def test_failed_empty_and_repeated_greetings_are_left_out():
    gate = TextGate()
    for name in "abcd":
        gate.hold(name)
    for name, text in zip("abcd", (None, " ", "Hello", "Hello"), strict=True):
        gate.release(name, text)
    assert gate.greetings == (Greeting("c", "Hello"),)


def test_a_deadline_opens_it_and_later_holders_change_nothing():
    gate = TextGate()
    gate.hold("slow")
    assert gate.open()
    assert not gate.open()
    gate.hold("late")
    assert not gate.release("late", "Hello")
    assert gate.greetings == ()


@given(st.lists(st.tuples(st.sampled_from(["hold", "release", "open"]), st.sampled_from("abc"))))
def test_it_opens_at_most_once_and_never_while_held(steps):
    gate, held, opened = TextGate(), set(), 0
    for step, agent in steps:
        was_open = gate.is_open
        if step == "hold":
            gate.hold(agent)
            if not was_open:
                held.add(agent)
        elif step == "release":
            opened += gate.release(agent, "Hi")
            held.discard(agent)
        else:
            opened += gate.open()
            held.clear()
        assert not (gate.is_open and not was_open and held)
        assert gate.is_open >= was_open
    assert opened <= 1
