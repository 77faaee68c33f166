"""The HTTP resources of browser calls: which unguessable name stands for which call, and its ICE session."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from gateway.http.errors import ApiError

ENDED_KEPT = 1000
"""Resources of calls that are over and still known, so that a late DELETE is not an error."""

NAME_BYTES = 24
"""Random bytes of a name: whoever knows it may end the call (RFC 9725 section 5)."""

NOT_FOUND = "call.not_found"


@dataclass(slots=True)
class Resource:
    """One call as its browser sees it."""

    name: str
    call_id: str
    ufrag: str
    """The browser's ICE user name: one that differs asks for a restart."""
    etag: str = ""
    """Names our side of the ICE session; empty until the offer was answered."""
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Candidates and restarts of one call are handed on one after the other."""


class Resources:
    """All of them; `live` tells the ids of calls that go on.

    Bounded: an offer over `limit` calls at once is refused, and of the calls that are over the oldest
    are forgotten first.
    """

    def __init__(self, limit: int, live: Callable[[], Collection[str]]) -> None:
        self._limit = limit
        self._live = live
        self._waiting: set[str] = set()
        self._by_name: OrderedDict[str, Resource] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def waiting(self) -> int:
        """Offers that are not answered yet."""
        return len(self._waiting)

    def open(self, call_id: str, ufrag: str) -> Resource:
        """Return the resource of a new offer, not to be found yet; raises `ApiError` when full."""
        live = self._live()
        ours = sum(resource.call_id in live for resource in self._by_name.values())
        if ours + len(self._waiting) >= self._limit:
            raise ApiError(503, "webrtc.full", "all lines are busy", headers={"Retry-After": "5"})
        self._waiting.add(call_id)
        return Resource(secrets.token_urlsafe(NAME_BYTES), call_id, ufrag)

    def answered(self, resource: Resource, etag: str) -> None:
        """The offer became a call; from now on the resource is found."""
        self._waiting.discard(resource.call_id)
        resource.etag = etag
        self._by_name[resource.name] = resource
        self._forget()

    def refused(self, resource: Resource) -> None:
        """The offer became none."""
        self._waiting.discard(resource.call_id)

    def find(self, name: str) -> Resource:
        """Return a call's resource, also of one that is over; raises `ApiError` (404)."""
        resource = self._by_name.get(name)
        if resource is None:
            raise not_found()
        return resource

    def find_live(self, name: str) -> Resource:
        """Return a running call's resource; raises `ApiError` (404)."""
        resource = self.find(name)
        if resource.call_id not in self._live():
            raise not_found()
        return resource

    def _forget(self) -> None:
        surplus = len(self._by_name) - self._limit - ENDED_KEPT
        if surplus <= 0:
            return
        live = self._live()
        over = [name for name, each in self._by_name.items() if each.call_id not in live]
        for name in over[:surplus]:
            del self._by_name[name]


def not_found() -> ApiError:
    """Return the answer for a call that is unknown or over."""
    return ApiError(404, NOT_FOUND, "there is no such call, or it is over")
