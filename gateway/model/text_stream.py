"""The seam by which an answer in writing reaches the person while it is thought."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gateway.model.text_agent import TextReply, TextTurn


class TextStream(Protocol):
    """One answer on its way. Methods return at once and never raise; who is not there misses nothing that lasts: the
    whole answer comes as a message all the same."""

    def chunk(self, text: str) -> None:
        """Show the next piece."""

    def fail(self) -> None:
        """What was shown does not count: the answer failed; another text will come."""


@runtime_checkable
class StreamsText(Protocol):
    """An agent that tells its answer piece by piece."""

    async def answer_streaming(self, turn: TextTurn, on_text: Callable[[str], None]) -> TextReply:
        """Think of the answer. The pieces joined are the reply's text. Raises `ProviderError` when it cannot."""
