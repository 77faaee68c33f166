"""Makes one-time links to the page of browser calls, each into one room."""

import time
from collections.abc import Callable

from gateway.http.webrtc.tokens import TokenSigner


class CallLinks:
    """Called with a room's id. A link is good for one call, until it expires; making one costs nothing."""

    def __init__(
        self,
        signer: TokenSigner,
        public_url: str,
        *,
        ttl_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = signer
        self._public_url = public_url.rstrip("/")
        self._ttl_s = ttl_s
        self._clock = clock

    def __call__(self, room_id: str) -> str:
        """Return a link into a room."""
        token, _ = self._signer.sign("", now_s=self._clock(), ttl_s=self._ttl_s, room=room_id)
        # In the fragment: it reaches no server, no proxy's log and no Referer (RFC 3986 section 3.5).
        return f"{self._public_url}/#token={token}"
