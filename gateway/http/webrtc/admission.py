"""Decides who may call which agent: with a token the one it names, without one as the configuration says."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.config.webrtc import Anonymous, WebrtcSection
from gateway.http.errors import ApiError
from gateway.http.peer import Peers
from gateway.http.webrtc.origins import is_own_machine
from gateway.http.webrtc.ports import Guest
from gateway.http.webrtc.tokens import MISSING, WRONG_AGENT, Claims, TokenRefused, TokenSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Who calls whom, and within which limits."""

    agent: str
    claims: Claims | None
    """What the token says; None for an anonymous call."""
    guest: Guest | None = None
    """Whose room it is, for a token that leads into one."""

    @property
    def callee(self) -> str:
        """Which number of ours the call is about; an agent's name where there is none."""
        return self.guest.number if self.guest else self.agent

    @property
    def caller(self) -> str:
        """The caller's address as rooms know it; empty for somebody unknown, who gets a room alone."""
        if self.guest:
            return self.guest.person
        subject = self.claims.subject if self.claims else ""
        return f"web:{subject}" if subject else ""

    @property
    def name(self) -> str:
        return self.claims.name if self.claims else ""

    @property
    def max_call_s(self) -> int:
        return self.claims.max_call_s if self.claims else 0


class Admission:
    """Knows the rules; tokens are not used up here."""

    def __init__(
        self, section: WebrtcSection, agents: Sequence[str], signer: TokenSigner, peers: Peers
    ) -> None:
        self._anonymous = section.anonymous
        self._agents = tuple(agents)
        self._open = tuple(section.anonymous_agents) or self._agents
        self._signer = signer
        self._peers = peers

    def agents(
        self, claims: Claims | None, request: web.Request, guest: Guest | None = None
    ) -> tuple[str, ...]:
        """Return the agents that whoever asks may call, the one called by default first."""
        if guest is not None:
            return (guest.agent,) if guest.agent in self._agents else ()
        if claims is not None:
            return (claims.agent,) if claims.agent in self._agents else ()
        return self._open if self.is_open_to(request) else ()

    def is_open_to(self, request: web.Request) -> bool:
        """Whether the sender of a request may call without a token."""
        match self._anonymous:
            case Anonymous.YES:
                return True
            case Anonymous.NO:
                return False
            case Anonymous.LOOPBACK:
                return is_own_machine(
                    self._peers.address(request),
                    request.headers.get("Origin"),
                    request.headers.get("Host", ""),
                    request.headers,
                )

    def claims(self, request: web.Request, now_s: float) -> Claims | None:
        """Return what the request's token says, None without one; raises `TokenRefused`."""
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise TokenRefused(MISSING, "the token is to be sent as Bearer")
        return self._signer.check(token.strip(), now_s=now_s)

    def admit(
        self, request: web.Request, wanted: str, now_s: float, guest: Guest | None = None
    ) -> Admitted:
        """Return who calls whom; raises `TokenRefused` or `ApiError`. `guest` is whose room the token names."""
        claims = self.claims(request, now_s)
        if guest is not None:
            if guest.agent not in self._agents:
                raise _no_agent()
            return Admitted(agent=guest.agent, claims=claims, guest=guest)
        if claims is not None:
            return Admitted(agent=self._of_token(claims, wanted), claims=claims)
        if not self.is_open_to(request):
            raise TokenRefused(MISSING, "a token is needed to call; send it as Bearer")
        agent = wanted or next(iter(self._open), "")
        if agent not in self._agents:
            raise _no_agent()
        if agent not in self._open:
            raise TokenRefused(MISSING, "a token is needed to call this agent")
        return Admitted(agent=agent, claims=None)

    def _of_token(self, claims: Claims, wanted: str) -> str:
        if wanted and wanted != claims.agent:
            raise TokenRefused(WRONG_AGENT, "the token is for another agent", status=403)
        if claims.agent not in self._agents:
            raise _no_agent()
        return claims.agent


def _no_agent() -> ApiError:
    return ApiError(404, "agent.not_found", "there is no agent of this name")
