"""Hands a message over to the reception, or the keyword that it is."""

from gateway.channels.keywords import keyword
from gateway.channels.reception import KeywordAnswer, Reception
from gateway.model.messages import InboundMessage


async def hand_over(reception: Reception, message: InboundMessage) -> None:
    """Hand a message over; keywords are answered by us. Raises `StoreError`."""
    word = keyword(message.text)
    if word is None and keyword(message.text, is_opted_out=True) is not None:
        word = keyword(message.text, is_opted_out=await reception.is_opted_out(message))
    if word is None:
        await reception.message(message)
    else:
        await reception.keyword(message, word, KeywordAnswer.OURS)
