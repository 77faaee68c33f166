"""Asks beside the call whether what was heard is our own greeting; the answer comes as a message."""

from collections.abc import Callable

from gateway.sessions import messages
from gateway.sessions.echo_check import EchoQuestion
from gateway.sessions.tasks import CallTasks


class EchoInquiry:
    """One of each session. Called with PCM16 at the gateway's rate; `start` names the speech in the answer."""

    def __init__(
        self,
        is_echo: EchoQuestion,
        tasks: CallTasks,
        post: Callable[[messages.EchoJudged], None],
    ) -> None:
        self._is_echo = is_echo
        self._tasks = tasks
        self._post = post

    def __call__(self, start: int, played: bytes, heard: bytes) -> None:
        self._tasks.start("echo", self._judge(start, played, heard))

    async def _judge(self, start: int, played: bytes, heard: bytes) -> None:
        self._post(messages.EchoJudged(start, await self._is_echo(played, heard)))
