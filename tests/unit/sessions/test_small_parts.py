"""Inbox, timers, tasks and echo check: small, bounded, and silent when they should be."""

import asyncio
import logging
import threading

import pytest

from gateway.sessions.echo_check import CHECKS_LIMIT, EchoCheck
from gateway.sessions.inbox import Inbox
from gateway.sessions.tasks import CallTasks
from gateway.sessions.timers import Timer, Timers
from tests.support.virtual_clock import run_virtual


def test_inbox_refuses_over_its_bound_but_takes_the_last_message() -> None:
    async def work() -> None:
        inbox: Inbox[int] = Inbox(limit=2)
        assert inbox.post(1)
        assert inbox.post(2)
        assert not inbox.post(3)
        assert inbox.overflowed
        inbox.post_last(4)
        assert [await inbox.get() for _ in range(3)] == [1, 2, 4]

    run_virtual(work())


def test_inbox_wakes_its_reader() -> None:
    async def work() -> None:
        inbox: Inbox[str] = Inbox()
        asyncio.get_running_loop().call_later(5, inbox.post, "late")
        assert await inbox.get() == "late"

    run_virtual(work())


def test_a_timer_set_again_fires_once_and_a_cancelled_one_never() -> None:
    async def work() -> None:
        fired: list[Timer] = []
        timers = Timers(fired.append)
        timers.set(Timer.GATE, 1)
        timers.set(Timer.GATE, 2)
        timers.set(Timer.CLOSING, 1)
        timers.set(Timer.MAX_CALL, -1)
        timers.cancel(Timer.CLOSING)
        await asyncio.sleep(1.5)
        assert fired == [Timer.MAX_CALL]
        await asyncio.sleep(1)
        assert fired == [Timer.MAX_CALL, Timer.GATE]
        timers.set(Timer.GATE, 1)
        timers.cancel_all()
        assert timers.pending == ()
        await asyncio.sleep(2)
        assert len(fired) == 2

    run_virtual(work())


def test_tasks_that_do_not_end_are_left_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    async def stubborn() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(3)
            except asyncio.CancelledError:
                continue

    async def work() -> None:
        tasks = CallTasks("c_1")
        tasks.start("stubborn", stubborn())
        await asyncio.sleep(0.1)
        await tasks.cancel_all()

    with caplog.at_level(logging.ERROR):
        run_virtual(work())
    assert "task does not end when cancelled" in caplog.text


def test_a_task_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def work() -> None:
        CallTasks("c_1").start("fails", fails())
        await asyncio.sleep(0.1)

    with caplog.at_level(logging.ERROR):
        run_virtual(work())
    assert "task of a call failed" in caplog.text


@pytest.mark.parametrize("verdict", [True, False])
def test_echo_check_passes_the_verdict_on(verdict: bool) -> None:
    check = EchoCheck(lambda played, heard: (played, heard) == (b"ab", b"cd") and verdict)

    assert asyncio.run(_ask(check)) is verdict


async def _ask(check: EchoCheck) -> bool:
    return await check(b"ab", b"cd")


def test_echo_check_keeps_the_speech_when_the_judge_fails_or_has_nothing_to_go_by() -> None:
    def broken(played: bytes, heard: bytes) -> bool:
        raise ZeroDivisionError(played, heard)

    assert asyncio.run(_ask(EchoCheck(broken))) is False

    async def nothing() -> bool:
        return await EchoCheck(lambda *_: True)(b"", b"cd")

    assert asyncio.run(nothing()) is False


def test_echo_check_is_bounded_in_time_and_number() -> None:
    may_end = threading.Event()

    def slow(*_: bytes) -> bool:
        return may_end.wait(10)

    async def work() -> None:
        check = EchoCheck(slow, bound_s=10)
        asking = [asyncio.create_task(_ask(check)) for _ in range(CHECKS_LIMIT)]
        await asyncio.sleep(0)
        assert await _ask(check) is False  # one too many
        assert await _ask(EchoCheck(slow, bound_s=0.001)) is False  # takes too long
        may_end.set()
        assert await asyncio.gather(*asking) == [True] * CHECKS_LIMIT

    asyncio.run(work())
