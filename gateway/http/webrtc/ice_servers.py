"""Which STUN and TURN servers a caller is told of, with passwords made for the call where the server takes those."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.config.webrtc import IceServer, WebrtcSection
from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Server:
    """One entry of a browser's `iceServers` (W3C WebRTC section 4.2.2)."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it as the page hands it to `RTCPeerConnection`."""
        told: dict[str, object] = {"urls": list(self.urls)}
        if self.username:
            told |= {"username": self.username, "credential": self.credential}
        return told

    def links(self) -> Sequence[str]:
        """Return the values of `Link` headers that tell of it (RFC 9725 section 4.6)."""
        account = ""
        if self.username:
            account = (
                f'; username="{_quoted(self.username)}"; credential="{_quoted(self.credential)}"'
                '; credential-type="password"'
            )
        return [f'<{url}>; rel="ice-server"{account}' for url in self.urls]


def turn_account(secret: str, caller: str, *, now_s: float, ttl_s: int) -> tuple[str, str]:
    """Return user name and password that a TURN server with this secret takes until they expire.

    Source: draft-uberti-behave-turn-rest-00 section 2.2, coturn's `use-auth-secret`: the name is the
    Unix time of expiry and any label, the password the base64 of its HMAC-SHA1 under the secret.
    """
    username = f"{int(now_s) + ttl_s}:{caller}" if caller else str(int(now_s) + ttl_s)
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(digest).decode("ascii")


class IceServers:
    """The configured servers and their secrets, read once. Raises `ConfigError`."""

    def __init__(self, section: WebrtcSection) -> None:
        self._servers = section.ice_servers
        self._ttl_s = section.turn_ttl_s
        self._secret = _secret("webrtc.turn_secret_file", section.turn_secret_file)
        self._passwords: Mapping[int, str] = {
            index: _secret(f"webrtc.ice_servers[{index}].credential_file", server.credential_file)
            for index, server in enumerate(section.ice_servers)
        }

    def for_call(self, caller: str, now_s: float) -> tuple[Server, ...]:
        """Return all servers; `caller` names the call in the TURN server's log."""
        return tuple(
            self._server(index, server, caller, now_s) for index, server in enumerate(self._servers)
        )

    def without_accounts(self) -> tuple[Server, ...]:
        """Return what anybody may know: servers that want no account."""
        return tuple(Server(server.urls) for server in self._servers if not server.is_turn)

    def _server(self, index: int, server: IceServer, caller: str, now_s: float) -> Server:
        if server.username:
            return Server(server.urls, server.username, self._passwords[index])
        if server.is_turn:
            account = turn_account(self._secret, caller, now_s=now_s, ttl_s=self._ttl_s)
            return Server(server.urls, *account)
        return Server(server.urls)


def _secret(key: str, path: Path | None) -> str:
    if path is None:
        return ""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} {path} cannot be read; correct the path or its rights") from error
    if not secret or not secret.isprintable():
        raise ConfigError(f"{key} {path} does not hold a secret; put it there on one line")
    return secret


def _quoted(text: str) -> str:
    """Escape for a quoted string of a header (RFC 9110 section 5.6.4)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
