"""A Bot Connector's sign-in on loopback: publishes keys as Microsoft does, and signs tokens with them."""

import json
import time
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID = "11112222-3333-4444-5555-666677778888"
ISSUER = "https://api.botframework.com"
SERVICE_URL = "https://smba.example.com/emea/"


def new_key() -> rsa.RSAPrivateKey:
    """Return a key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class BotConnector:
    """`async with` it; `url` names its metadata."""

    def __init__(self) -> None:
        self.keys = {"key-1": new_key()}
        self.endorsements = ["msteams", "webchat"]
        self.asked: list[str] = []
        self.is_down = False
        app = web.Application()
        app.router.add_get("/openid", self._metadata)
        app.router.add_get("/keys", self._keys)
        self._server = TestServer(app)

    async def __aenter__(self) -> "BotConnector":
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/openid"))

    def token(self, *, key: Any = None, key_id: str = "key-1", **claims: Any) -> str:
        """Return a good token, but for what is given; a claim of None is left out."""
        now = int(time.time())
        told = {
            "iss": ISSUER,
            "aud": APP_ID,
            "exp": now + 3600,
            "nbf": now - 10,
            "serviceurl": SERVICE_URL,
            **claims,
        }
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(
            kept, key or self.keys[key_id], algorithm="RS256", headers={"kid": key_id}
        )

    async def _metadata(self, request: web.Request) -> web.Response:
        self.asked.append("metadata")
        if self.is_down:
            return web.Response(status=503)
        keys_url = str(self._server.make_url("/keys"))
        return web.json_response({"issuer": ISSUER, "jwks_uri": keys_url})

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append("keys")
        rows = []
        for key_id, key in self.keys.items():
            row = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            rows.append({**row, "kid": key_id, "use": "sig", "endorsements": self.endorsements})
        rows.append({"kty": "EC", "kid": "other"})
        return web.json_response({"keys": rows})
