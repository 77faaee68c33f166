"""What single rooms say of their calls, known without asking the disk: a call is taken or refused at once."""

import logging

from gateway.rooms.access import OPEN, ChannelAccess
from gateway.store import room_access
from gateway.store.identity import caller_key, normalise
from gateway.store.room_access import RoomRules
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

ROOMS_MOST = 10_000
"""Rooms with rules of their own that are kept in memory; the newest ones count."""


class CallRules:
    """Belongs to the event loop. `refresh` at the start and after each change."""

    def __init__(self, database: Transactor, country: str = "") -> None:
        """`country` is the store's: where callers are from whose number has no country code."""
        self._database = database
        self._country = country
        self._rules: dict[tuple[str, str], RoomRules] = {}

    async def refresh(self) -> None:
        """Read all rules anew. Raises `StoreError`; what was known before then still holds."""
        found = await self._database.read(
            lambda connection: room_access.rooms_with_rules(connection, limit=ROOMS_MOST)
        )
        self._rules = {(rules.number, person): rules for rules in found for person in rules.persons}

    def agent(self, number: str, person: str) -> str:
        """Return whom the room of a person at our number names; empty if it names nobody."""
        rules = self._find(number, person)
        return "" if rules is None else rules.agent

    def voice(self, number: str, person: str) -> ChannelAccess:
        """Return the room's rules for calls."""
        rules = self._find(number, person)
        return OPEN if rules is None else rules.voice

    def _find(self, number: str, person: str) -> RoomRules | None:
        return (
            self._rules.get((normalise(number), caller_key(person, self._country)))
            if self._rules
            else None
        )
