"""What webhooks of every channel hand over; what they return from is durable."""

from enum import StrEnum
from typing import Protocol

from gateway.channels.keywords import Keyword
from gateway.model.messages import InboundMessage, Receipt


class KeywordAnswer(StrEnum):
    """Who answers a keyword."""

    OURS = "ours"
    PROVIDERS = "providers"
    """The provider has answered: a second answer of ours would be one too many."""


class Reception(Protocol):
    """Takes what came in. Each may come twice and is then taken once; each raises `StoreError`."""

    async def is_opted_out(self, message: InboundMessage) -> bool:
        """Whether whoever wrote this has said stop: `yes` is then a keyword."""

    async def message(self, message: InboundMessage) -> None:
        """Write a message down; whatever answers it comes after."""

    async def keyword(
        self, message: InboundMessage, keyword: Keyword, answered_by: KeywordAnswer
    ) -> None:
        """Act on a keyword: the ledger, and an answer by rule; no agent ever sees it."""

    async def receipt(self, receipt: Receipt) -> None:
        """Move a message of ours forward."""
