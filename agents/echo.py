"""The echo agent: plays back what it hears, for testing lines; `#` ends the call."""

import asyncio
from collections.abc import Sequence

from gateway.config import EchoAgent
from gateway.model.hangup import HangupCause
from gateway.model.line import Agent, KeyPressed, Line


class Echo:
    """One `[agents.NAME]` section of kind `echo`; shared by all its calls."""

    def __init__(self, name: str, section: EchoAgent) -> None:
        self._name = name
        self._section = section

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        """Nothing to load."""

    async def converse(self, line: Line) -> None:
        """Play every frame back as it comes, until the call ends or `#` is pressed."""
        line.listen_frames(True)
        try:
            echo = asyncio.create_task(_echo(line), name=f"call {line.facts.call_id} echo")
            try:
                async for event in line.events():
                    if isinstance(event, KeyPressed) and event.digit == "#":
                        line.hang_up(HangupCause.AGENT_HUNG_UP, after_playout=False)
                        return
                    if echo.done():
                        echo.result()
            finally:
                echo.cancel()
                await asyncio.gather(echo, return_exceptions=True)
        finally:
            line.listen_frames(False)

    def phrases(self) -> Sequence[str]:
        """Return what a session may have to say for this agent."""
        return (self._section.apology, self._section.goodbye)


async def _echo(line: Line) -> None:
    async for frame in line.frames():
        line.play_frame(frame)


_: type[Agent] = Echo
