"""Conversations in writing by WebSocket: `/channels/ws` (RFC 6455).

Who comes shows a token, as `Authorization: Bearer …` or, from a browser, which cannot send that, as the
subprotocol `bearer.…` beside `offhook.text.v1`. A token of a browser call names agent and person; one of the API
(scope `messages`) lets a program speak for the `person` that it names. `?after=N` asks for what came after answer N;
without it comes what was never acknowledged.

The client sends `{"type": "text", "id", "text"}` (`id`: its own, so that one sent twice counts once; answered by
`accepted` when it is on disk) and `{"type": "ack", "id": N}`. It gets `ready`, `start`, `chunk`, `end`, `error`.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from gateway.access.scopes import Scope, allows
from gateway.access.verifier import Refused
from gateway.channels import websocket
from gateway.channels.hand_over import hand_over
from gateway.channels.reception import Reception
from gateway.channels.websocket import Client, WebSocketHub
from gateway.errors import StoreError
from gateway.http.access import PEERS, VERIFIER
from gateway.http.errors import ApiError
from gateway.http.query import whole_number
from gateway.http.rate_limit import RateLimit
from gateway.http.webrtc.tokens import TokenSigner, is_name
from gateway.model.messages import Channel, InboundMessage, MessageStatus, Receipt
from gateway.rejections import By, rejections

log = logging.getLogger(__name__)

PROTOCOL = "offhook.text.v1"
BEARER = "bearer."
FRAME_MOST = 16 * 1024
TEXT_MOST = 4_000
HEARTBEAT_S = 30.0
TEXTS_PER_MINUTE = 30
"""Of one person; each costs an answer."""
BAD_FRAMES_MOST = 10
"""Then the connection is closed."""
GOING_AWAY, POLICY, TRY_AGAIN = 1001, 1008, 1013
"""RFC 6455 section 7.4.1 and its registry."""
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Who came."""

    person: str
    agent: str
    name: str = ""
    is_welcome: Callable[[], bool] = lambda: True
    """Whether he would be let in now, too; a token of the API may be taken away meanwhile."""

    @property
    def address(self) -> websocket.Address:
        return self.person, self.agent


class WebSocketDoor:
    """Lets people in and carries their frames."""

    def __init__(
        self,
        hub: WebSocketHub,
        reception: Reception,
        signer: TokenSigner,
        *,
        agents: Callable[[], Collection[str]],
        default_agent: Callable[[], str] = lambda: "",
        idle_s: float = 3_600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hub = hub
        self._reception = reception
        self._signer = signer
        self._agents = agents
        self._default_agent = default_agent
        self._idle_s = idle_s
        self._clock = clock
        self._texts = RateLimit(TEXTS_PER_MINUTE)

    def add_routes(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/channels/ws", self.talk)

    async def talk(self, request: web.Request) -> web.StreamResponse:
        """Let one client talk until it goes, is idle, or is cut off."""
        visitor = self._admit(request)
        after = whole_number(request, "after", default=0, least=0, most=2**62)
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            heartbeat=HEARTBEAT_S,
            max_msg_size=FRAME_MOST,
            # Bounded in memory without a window for each of many clients (RFC 7692 section 7.1).
            compress=False,
        )
        if not _can_upgrade(socket, request):
            raise ApiError(426, "http.upgrade_required", "this address speaks WebSocket")
        client = self._hub.enter(visitor.address)
        if client is None:
            raise ApiError(
                503, "http.overloaded", "too many connections", headers={"Retry-After": "10"}
            )
        try:
            await socket.prepare(request)
            await self._carry(socket, visitor, client, after if "after" in request.query else None)
        finally:
            self._hub.leave(visitor.address, client)
        return socket

    # Who comes --------------------------------------------------------------------------------------

    def _admit(self, request: web.Request) -> _Visitor:
        token = _token(request)
        if not token:
            raise _refused("a token is needed")
        if token.count(".") == 2:
            claims = self._signer.check(token, now_s=self._clock())
            if claims.agent not in self._agents():
                raise ApiError(404, "agent.not_found", f"agent {claims.agent!r} does not write")
            return _Visitor(f"web:{claims.subject or claims.jti}", claims.agent, claims.name)
        address = request.app[PEERS].address(request)
        verdict = request.app[VERIFIER].verify(token, address)
        if isinstance(verdict, Refused):
            rejections.note(address, by=By.HTTP, reason="wrong_token")
            raise _too_many(verdict) if verdict.retry_after_s else _refused("the token is not good")
        if not allows(verdict.scopes, Scope.MESSAGES):
            raise ApiError(403, "http.forbidden", "the token lacks the scope messages")
        person, name = request.query.get("person", ""), request.query.get("name", "")
        agent = request.query.get("agent", "") or self._default_agent()
        if not person or not is_name(person) or not is_name(name):
            raise ApiError(400, "http.bad_request", "person must name who writes, in 64 letters")
        if agent not in self._agents():
            raise ApiError(404, "agent.not_found", f"there is no agent {agent!r} that writes")

        def is_welcome() -> bool:
            granted = request.app[VERIFIER].holds(token)
            return granted is not None and allows(granted.scopes, Scope.MESSAGES)

        return _Visitor(f"web:{person}", agent, name, is_welcome)

    # Frames -----------------------------------------------------------------------------------------

    async def _carry(
        self, socket: web.WebSocketResponse, visitor: _Visitor, client: Client, after: int | None
    ) -> None:
        client.put({"type": "ready", "person": visitor.person, "agent": visitor.agent})
        writing = asyncio.create_task(self._write(socket, visitor, client))
        reading = asyncio.create_task(self._read(socket, visitor, client))
        catching_up = asyncio.create_task(self._catch_up(visitor, client, after))
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, reading, catching_up):
                task.cancel()
            await asyncio.gather(writing, reading, catching_up, return_exceptions=True)
            if not socket.closed:
                code = TRY_AGAIN if client.is_cut_off else GOING_AWAY
                await socket.close(code=code if visitor.is_welcome() else POLICY)

    async def _catch_up(self, visitor: _Visitor, client: Client, after: int | None) -> None:
        try:
            await self._hub.catch_up(visitor.address, client, after)
        except StoreError as error:
            log.warning("what was missed cannot be read", extra={"reason": str(error)})
            client.cut_off()

    async def _write(
        self, socket: web.WebSocketResponse, visitor: _Visitor, client: Client
    ) -> None:
        while (frame := await client.next_frame()) is not None:
            if not visitor.is_welcome():
                return
            try:
                await socket.send_str(json.dumps(frame, ensure_ascii=False))
            except (ConnectionError, RuntimeError):
                return

    async def _read(self, socket: web.WebSocketResponse, visitor: _Visitor, client: Client) -> None:
        bad = 0
        while True:
            try:
                async with asyncio.timeout(self._idle_s):
                    received = await socket.receive()
            except TimeoutError:
                return
            if received.type is not WSMsgType.TEXT:
                # Closed, or binary, which nobody needs.
                return
            if not visitor.is_welcome():
                return
            flaw = await self._take(received.data, visitor, client)
            if flaw:
                bad += 1
                client.put({"type": "error", "code": "frame.bad", "message": flaw})
                if bad >= BAD_FRAMES_MOST:
                    return

    async def _take(self, data: str, visitor: _Visitor, client: Client) -> str:
        """Take one frame; returns what is wrong with it."""
        try:
            frame: Any = json.loads(data)
        except (ValueError, RecursionError):
            return "a frame is a JSON object"
        if not isinstance(frame, dict):
            return "a frame is a JSON object"
        match frame.get("type"):
            case "text":
                return await self._text(frame, visitor, client)
            case "ack":
                return await self._ack(frame, client)
        return "type must be text or ack"

    async def _text(self, frame: dict[str, Any], visitor: _Visitor, client: Client) -> str:
        text, name = frame.get("text"), frame.get("id")
        if not isinstance(name, str) or not _ID.fullmatch(name):
            return "id must be up to 64 letters, digits and _.:-"
        if not isinstance(text, str) or not text.strip() or len(text) > TEXT_MOST:
            return f"text must be a text of up to {TEXT_MOST} characters"
        wait_s = self._texts.ask(visitor.person, asyncio.get_running_loop().time())
        if wait_s:
            client.put(_later(name, "text.too_many", f"write again in {wait_s} seconds"))
            return ""
        message = InboundMessage(
            provider=websocket.PROVIDER,
            provider_id=f"{visitor.person}:{visitor.agent}:{name}"[:255],
            channel=Channel.WEBSOCKET,
            sender=visitor.person,
            sender_name=visitor.name,
            recipient=visitor.agent,
            text=text.strip(),
            received_at=self._clock(),
        )
        try:
            await hand_over(self._reception, message)
        except StoreError as error:
            log.warning("a text cannot be kept", extra={"reason": str(error)})
            client.put(_later(name, "store.failed", "the text could not be kept; send it again"))
            return ""
        client.put({"type": "accepted", "id": name})
        return ""

    async def _ack(self, frame: dict[str, Any], client: Client) -> str:
        number = frame.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            return "id must be the number of an answer"
        message_id = client.message_id(number)
        if not message_id:
            return f"answer {number} was not sent here"
        try:
            await self._reception.receipt(
                Receipt(
                    provider=websocket.PROVIDER,
                    provider_id=message_id,
                    message_id=message_id,
                    status=MessageStatus.DELIVERED,
                    at=self._clock(),
                )
            )
        except StoreError as error:
            log.warning("a receipt cannot be kept", extra={"reason": str(error)})
        return ""


def _later(name: str, code: str, message: str) -> dict[str, Any]:
    return {"type": "error", "id": name, "code": code, "message": message}


def _can_upgrade(socket: web.WebSocketResponse, request: web.Request) -> bool:
    try:
        return socket.can_prepare(request).ok
    except ValueError:
        return False  # Sec-WebSocket-Key is not base64, nor even text


def _token(request: web.Request) -> str:
    """Return the token of a request: of its header, or of the subprotocols that a browser can name."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    for protocol in (part.strip() for part in offered.split(",")):
        if protocol.startswith(BEARER):
            return protocol.removeprefix(BEARER)
    return ""


def _too_many(refused: Refused) -> ApiError:
    headers = {"Retry-After": str(refused.retry_after_s)}
    words = "too many wrong tokens came from this address"
    return ApiError(429, "http.too_many_guesses", words, headers=headers)


def _refused(message: str) -> ApiError:
    challenge = {"WWW-Authenticate": 'Bearer realm="offhook"'}
    return ApiError(401, "http.unauthorized", message, headers=challenge)
