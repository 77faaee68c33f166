"""WhatsApp's own spelling of numbers, where it is not the telephone network's: in Mexico and Brazil.

Mexico gave up the `1` of mobile numbers in 2019, Brazil gave them a ninth digit until 2016; WhatsApp keeps
the ids that it once gave.
"""

import re

from gateway.model.messages import Channel

_MEXICO_ID = re.compile(r"\+521([2-9][0-9]{9})")
_MEXICO = re.compile(r"\+52([2-9][0-9]{9})")
_BRAZIL_ID = re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})")
_BRAZIL = re.compile(r"\+55([1-9][0-9])9([6-9][0-9]{7})")


def network_number(channel: Channel, address: str) -> str:
    """Return the number under which the telephone network knows an address; the address itself mostly."""
    if channel is Channel.WHATSAPP:
        if match := _MEXICO_ID.fullmatch(address):
            return f"+52{match[1]}"
        if match := _BRAZIL_ID.fullmatch(address):
            return f"+55{match[1]}9{match[2]}"
    return address


def spellings(channel: Channel, address: str) -> tuple[str, ...]:
    """Return all under which whoever has an address may write on a channel, its own first."""
    found = [address, network_number(channel, address)]
    if channel is Channel.WHATSAPP:
        if match := _MEXICO.fullmatch(address):
            found.append(f"+521{match[1]}")
        if match := _BRAZIL.fullmatch(address):
            found.append(f"+55{match[1]}{match[2]}")
    return tuple(dict.fromkeys(found))
