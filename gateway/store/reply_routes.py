"""Where providers say that addresses are reached, in the caller's transaction."""

from sqlalchemy import Connection, delete, insert, select

from gateway.model.messages import Channel
from gateway.store.schema_rooms import reply_routes


def remember(
    connection: Connection, channel: Channel, address: str, route: str, *, at: float
) -> None:
    """Say where an address is reached from now on."""
    if of(connection, channel, address) == route:
        return
    connection.execute(
        delete(reply_routes).where(
            reply_routes.c.channel == channel.value, reply_routes.c.address == address
        )
    )
    connection.execute(
        insert(reply_routes).values(
            channel=channel.value, address=address, route=route, changed_at=at
        )
    )


def of(connection: Connection, channel: Channel, address: str) -> str:
    """Return where an address is reached; empty if nobody has said."""
    found = select(reply_routes.c.route).where(
        reply_routes.c.channel == channel.value, reply_routes.c.address == address
    )
    return connection.execute(found).scalar() or ""
