"""Signs and checks the tokens of browser calls: JWTs (RFC 7519) signed with HS256, each for one call to one agent."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from gateway.http.errors import ApiError

ALGORITHM = "HS256"
"""The only one accepted; the header of a token does not choose (RFC 8725 section 3.1)."""

AUDIENCE = "offhook:webrtc"
LONGEST_TOKEN = 4096
"""Characters; longer ones are refused unread."""
LONGEST_NAME = 64
LONGEST_LIFE_S = 86_400
"""Tokens that are good for longer are refused, whoever signed them."""
CLOCK_SKEW_S = 5.0
"""How far the clock of another signer may be off."""
SHORTEST_CALL_S, LONGEST_CALL_S = 10, 86_400

MISSING = "token.missing"
_FORGED = "token.forged"
_EXPIRED = "token.expired"
_MALFORMED = "token.malformed"
WRONG_AGENT = "token.wrong_agent"
REPLAYED = "token.replayed"
NO_ROOM = "token.no_room"


class TokenRefused(ApiError):
    """A token that opens nothing; each reason has its own code."""

    def __init__(self, code: str, message: str, *, status: int = 401) -> None:
        # RFC 6750 section 3: no error code when no token was sent at all.
        error = "" if code == MISSING else ', error="invalid_token"'
        challenge = {"WWW-Authenticate": f'Bearer realm="offhook calls"{error}'}
        super().__init__(status, code, message, headers=challenge if status == 401 else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says."""

    agent: str
    """Name of the one agent that may be called with it."""
    jti: str
    """The token's own id: it is good for one call."""
    exp_s: float
    """Unix time at which it ends."""
    name: str = ""
    """What the agent may call the caller."""
    subject: str = ""
    """Who calls, in words of whoever signed: calls of one subject share a room; empty: nobody known."""
    max_call_s: int = 0
    """Longest call; 0: as configured."""
    room: str = ""
    """Id of the room in which the call takes place, which then tells who calls whom; empty: none yet."""


class TokenSigner:
    """Holds the secret; times are passed in (Unix seconds)."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def sign(
        self,
        agent: str,
        *,
        now_s: float,
        ttl_s: float,
        name: str = "",
        subject: str = "",
        max_call_s: int = 0,
        room: str = "",
    ) -> tuple[str, Claims]:
        """Return a new token and what it says; with a room `agent` may be empty."""
        claims = Claims(
            agent=agent,
            jti=secrets.token_urlsafe(16),
            exp_s=int(now_s + ttl_s),
            name=name,
            subject=subject,
            max_call_s=max_call_s,
            room=room,
        )
        payload: dict[str, Any] = {
            "aud": AUDIENCE,
            "iat": int(now_s),
            "exp": int(claims.exp_s),
            "jti": claims.jti,
            "agent": agent,
        }
        optional = {"name": name, "sub": subject, "max_call_s": max_call_s, "room": room}
        payload.update({key: value for key, value in optional.items() if value})
        return jwt.encode(payload, self._secret, algorithm=ALGORITHM), claims

    def check(self, token: str, *, now_s: float) -> Claims:
        """Return what a token says, if it is signed by us and good now; raises `TokenRefused`."""
        if not token:
            raise TokenRefused(MISSING, "a token is needed to call; get one and send it as Bearer")
        if len(token) > LONGEST_TOKEN:
            raise TokenRefused(_MALFORMED, "the token is too long")
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                # Times are checked below, by the clock that is passed in.
                options={
                    "require": ["exp", "jti", "aud"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError) as error:
            raise TokenRefused(_FORGED, "the token was not signed by this gateway") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            # The library's words may quote the token.
            raise TokenRefused(_MALFORMED, "the token is not one for calls") from error
        _check_times(payload, now_s)
        return _claims(payload)


def _check_times(payload: Mapping[str, Any], now_s: float) -> None:
    exp_s, not_before_s = payload["exp"], payload.get("nbf", 0)
    if not (_is_number(exp_s) and _is_number(not_before_s)):
        raise TokenRefused(_MALFORMED, "the token's times are not numbers")
    if exp_s <= now_s:
        raise TokenRefused(_EXPIRED, "the token has expired; get a new one")
    if not_before_s > now_s + CLOCK_SKEW_S:
        raise TokenRefused(_MALFORMED, "the token is not good yet")
    if exp_s > now_s + LONGEST_LIFE_S + CLOCK_SKEW_S:
        raise TokenRefused(_MALFORMED, "the token is good for too long; at most a day is allowed")


def _claims(payload: Mapping[str, Any]) -> Claims:
    max_call_s = payload.get("max_call_s", 0)
    if not isinstance(max_call_s, int) or isinstance(max_call_s, bool):
        raise TokenRefused(_MALFORMED, "the token's max_call_s is not a whole number")
    if max_call_s and not SHORTEST_CALL_S <= max_call_s <= LONGEST_CALL_S:
        raise TokenRefused(
            _MALFORMED, f"the token's max_call_s is not from {SHORTEST_CALL_S} to {LONGEST_CALL_S}"
        )
    room = _text(payload, "room")
    return Claims(
        agent=_text(payload, "agent", needed=not room),
        room=room,
        jti=_text(payload, "jti", needed=True),
        exp_s=float(payload["exp"]),
        name=_text(payload, "name"),
        subject=_text(payload, "sub"),
        max_call_s=max_call_s,
    )


def _text(payload: Mapping[str, Any], key: str, *, needed: bool = False) -> str:
    value = payload.get(key, "")
    if not is_name(value) or (needed and not value):
        raise TokenRefused(
            _MALFORMED, f"the token's {key} is not a text of up to {LONGEST_NAME} characters"
        )
    return str(value)


def is_name(value: object) -> bool:
    """Whether a value may stand in a token as a name: short text that does not upset a terminal."""
    return isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e12 < value < 1e12
