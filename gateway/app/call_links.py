"""Joins one-time links of browser calls to rooms, agents and the secret that signs them."""

from collections.abc import Callable

from sqlalchemy import Connection, select

from gateway import webrtc_secret
from gateway.config import Config
from gateway.http.webrtc.ports import Guest
from gateway.store.schema import rooms
from gateway.store.transactor import Transactor


def no_link(_room_id: str) -> str:
    """Stands in where no link can be made."""
    return ""


def build_links(config: Config) -> Callable[[str], str]:
    """Return what makes links, or nothing but empty ones: without browser calls, or a public address.

    Raises `ConfigError` for a secret that cannot be read.
    """
    public_url = config.http.public_url
    if not config.webrtc.enabled or not public_url:
        return no_link
    try:
        # The library for tokens comes with the extra `webrtc`; serving browsers without it is refused elsewhere.
        from gateway.http.webrtc.links import CallLinks
        from gateway.http.webrtc.tokens import TokenSigner
    except ImportError:
        return no_link
    signer = TokenSigner(webrtc_secret.of(config).ensure())
    return CallLinks(signer, public_url, ttl_s=config.webrtc.link_ttl_s)


class RoomGuests:
    """`Guests` out of the store. `agent_for` tells who speaks for a number and a person."""

    def __init__(self, database: Transactor, agent_for: Callable[[str, str], str | None]) -> None:
        self._database = database
        self._agent_for = agent_for

    async def guest(self, room_id: str) -> Guest | None:
        """Return who calls into a room. Raises `StoreError`."""

        def query(connection: Connection) -> tuple[str, str] | None:
            row = connection.execute(
                select(rooms.c.number, rooms.c.person).where(rooms.c.room_id == room_id)
            ).first()
            return None if row is None else (row.number, row.person)

        found = await self._database.read(query)
        if found is None:
            return None
        number, person = found
        agent = self._agent_for(number, person)
        return None if agent is None else Guest(number=number, person=person, agent=agent)
