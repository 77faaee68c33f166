"""Which scope each route of the API needs; the one table, so that who may do what is seen on one page.

A route that is not here needs `admin`; a test walks all routes of the whole gateway and fails for such.
"""

from collections.abc import Mapping

from gateway.access.scopes import Scope

API_PREFIX = "/api/"

ROUTE_SCOPES: Mapping[tuple[str, str], Scope] = {
    ("GET", "/api/v1/calls"): Scope.READ,
    ("POST", "/api/v1/calls"): Scope.CALLS,
    ("GET", "/api/v1/calls/{call_id}"): Scope.READ,
    ("POST", "/api/v1/calls/{call_id}/hangup"): Scope.CALLS,
    ("GET", "/api/v1/calls.csv"): Scope.READ,
    ("GET", "/api/v1/recordings"): Scope.READ,
    ("GET", "/api/v1/event-webhooks"): Scope.READ,
    ("POST", "/api/v1/event-webhooks/{event_id}/replay"): Scope.MESSAGES,
    ("GET", "/api/v1/calls/{call_id}/recording"): Scope.READ,
    ("POST", "/api/v1/calls/{call_id}/recording"): Scope.CALLS,
    ("DELETE", "/api/v1/calls/{call_id}/recording"): Scope.ADMIN,
    ("GET", "/api/v1/rooms"): Scope.READ,
    ("GET", "/api/v1/rooms/{room_id}"): Scope.READ,
    ("GET", "/api/v1/rooms/{room_id}/timeline"): Scope.READ,
    ("GET", "/api/v1/rooms/{room_id}/live"): Scope.READ,
    ("POST", "/api/v1/rooms/{room_id}/messages"): Scope.MESSAGES,
    ("GET", "/api/v1/rooms/{room_id}/participants"): Scope.READ,
    ("GET", "/api/v1/rooms/{room_id}/channels"): Scope.READ,
    ("PUT", "/api/v1/rooms/{room_id}/channels/{channel}"): Scope.MESSAGES,
    ("GET", "/api/v1/rooms/{room_id}/agents"): Scope.READ,
    ("PUT", "/api/v1/rooms/{room_id}/agents"): Scope.MESSAGES,
    ("GET", "/api/v1/rooms/{room_id}/media"): Scope.READ,
    ("GET", "/api/v1/media/{media_id}"): Scope.READ,
    ("GET", "/api/v1/messages"): Scope.READ,
    ("POST", "/api/v1/messages"): Scope.MESSAGES,
    ("GET", "/api/v1/messages/{message_id}"): Scope.READ,
    ("GET", "/api/v1/identities"): Scope.READ,
    ("POST", "/api/v1/identities"): Scope.MESSAGES,
    ("DELETE", "/api/v1/identities/{address}"): Scope.MESSAGES,
    ("GET", "/api/v1/opt-outs"): Scope.READ,
    ("POST", "/api/v1/opt-outs"): Scope.MESSAGES,
    ("GET", "/api/v1/consents"): Scope.READ,
    ("POST", "/api/v1/consents"): Scope.MESSAGES,
    ("GET", "/api/v1/outbox"): Scope.READ,
    ("GET", "/api/v1/outbox/{message_id}"): Scope.READ,
    ("POST", "/api/v1/outbox/{message_id}/replay"): Scope.MESSAGES,
    ("POST", "/api/v1/webrtc/tokens"): Scope.TOKENS,
    ("GET", "/api/v1/drain"): Scope.READ,
    ("POST", "/api/v1/drain"): Scope.ADMIN,
    ("POST", "/api/v1/reload"): Scope.ADMIN,
    ("GET", "/api/v1/session"): Scope.READ,
    ("POST", "/api/v1/session"): Scope.READ,
    ("DELETE", "/api/v1/session"): Scope.READ,
    ("GET", "/api/v1/events"): Scope.READ,
    ("GET", "/api/v1/live"): Scope.READ,
    ("GET", "/api/v1/calls/{call_id}/media"): Scope.READ,
    ("GET", "/api/v1/setup"): Scope.READ,
    ("GET", "/api/v1/health"): Scope.READ,
}
"""Method and route as it was added → scope. `HEAD` is as `GET`."""

ENDLESS = frozenset({("GET", "/api/v1/events"), ("GET", "/api/v1/rooms/{room_id}/live")})
"""Routes whose answers go on and on; the bound on the time of an answer is not for them."""


def scope_of(method: str, route: str) -> Scope:
    """Return what a route of the API needs."""
    return ROUTE_SCOPES.get(("GET" if method == "HEAD" else method, route), Scope.ADMIN)
