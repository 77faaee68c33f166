"""A reception that remembers what webhooks hand over."""

from gateway.channels.keywords import Keyword
from gateway.channels.reception import KeywordAnswer
from gateway.errors import StoreError
from gateway.model.messages import InboundMessage, Receipt


class FakeReception:
    """Takes each message once, as the real one does."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.keywords: list[tuple[str, Keyword, KeywordAnswer]] = []
        self.receipts: list[Receipt] = []
        self.opted_out: set[str] = set()
        self.is_broken = False

    async def is_opted_out(self, message: InboundMessage) -> bool:
        return message.sender in self.opted_out

    async def message(self, message: InboundMessage) -> None:
        if self.is_broken:
            raise StoreError("the disk is full")
        if message.provider_id not in {known.provider_id for known in self.messages}:
            self.messages.append(message)

    async def keyword(
        self, message: InboundMessage, keyword: Keyword, answered_by: KeywordAnswer
    ) -> None:
        self.keywords.append((message.sender, keyword, answered_by))

    async def receipt(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
