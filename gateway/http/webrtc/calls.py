"""The signalling of browser calls: POST an offer, PATCH candidates and restarts, DELETE (WHIP's manners, RFC 9725)."""

import asyncio
import logging
import time

from aiohttp import web

from gateway.errors import CallNotFound, CallOver, EndpointError
from gateway.http.errors import ApiError
from gateway.http.webrtc import conditions, descriptions
from gateway.http.webrtc.admission import Admitted
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.resources import Resource, not_found
from gateway.model.browser_calls import BrowserOffer, Negotiation
from gateway.model.ids import new_call_id

log = logging.getLogger(__name__)

OFFER_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"

ANSWER_BOUND_S = 30.0
"""How long an offer may wait for its answer: the longest ringing and some more."""

PATCH_BOUND_S = 8.0
BODY_BOUND_S = 10.0
"""How long a client may take to send its description."""

GONE_POLL_S = 0.1
"""How often it is looked at whether the client still waits; aiohttp tells nobody by itself."""

CALLS_PATH = "/webrtc/calls"


def add_routes(app: web.Application, desk: Desk) -> None:
    """Add `/webrtc/calls` and what is below it."""
    signalling = _Signalling(desk)
    app.router.add_post(CALLS_PATH, signalling.offer)
    app.router.add_options(CALLS_PATH, signalling.options)
    app.router.add_patch(CALLS_PATH + "/{resource}", signalling.patch)
    app.router.add_delete(CALLS_PATH + "/{resource}", signalling.delete)
    app.router.add_options(CALLS_PATH + "/{resource}", signalling.options)


class _Signalling:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def options(self, request: web.Request) -> web.Response:
        """Answer a preflight, or tell what may be posted."""
        self._desk.check_origin(request)
        headers = {"Accept-Post": OFFER_TYPE, **self._desk.preflight(request)}
        return web.Response(status=204, headers=headers)

    async def offer(self, request: web.Request) -> web.Response:
        """Make a call of an offer; answers when the agent has."""
        desk = self._desk
        desk.check_origin(request)
        desk.count_offer(request)
        desk.check_ready()
        sdp = descriptions.offer(await _body(request, OFFER_TYPE, descriptions.OFFER_MOST))
        admitted = await desk.admit(request, request.query.get("agent", ""), time.time())
        resource = desk.resources.open(new_call_id(), descriptions.ufrag_of(sdp))
        try:
            desk.use_token(admitted)
            answer = await self._answer(request, resource, admitted, sdp)
        except BaseException:
            desk.resources.refused(resource)
            raise
        desk.resources.answered(resource, answer.etag)
        response = web.Response(status=201, body=answer.sdp.encode(), content_type=OFFER_TYPE)
        response.headers["Location"] = f"{CALLS_PATH}/{resource.name}"
        response.headers["ETag"] = f'"{answer.etag}"'
        response.headers["Accept-Patch"] = FRAGMENT_TYPE
        for server in desk.ice_servers.for_call(resource.call_id, time.time()):
            for link in server.links():
                response.headers.add("Link", link)
        return response

    async def patch(self, request: web.Request) -> web.Response:
        """Hand on candidates, or restart ICE if the fragment has new credentials."""
        desk = self._desk
        desk.check_origin(request)
        desk.count_request(request)
        resource = desk.resources.find_live(request.match_info["resource"])
        body = await _body(request, FRAGMENT_TYPE, descriptions.FRAGMENT_MOST)
        if_match = request.headers.get("If-Match", "").strip() or None
        conditions.check(if_match, resource.etag)
        fragment = descriptions.fragment(body)
        async with asyncio.timeout(PATCH_BOUND_S), resource.changing:
            conditions.check(if_match, resource.etag)  # another restart may have come first
            try:
                if fragment.ufrag == resource.ufrag:
                    await desk.calls.add_candidates(resource.call_id, fragment.text)
                    return web.Response(status=204, headers={"ETag": f'"{resource.etag}"'})
                # Of a restart that took too long we do not know whether it was made: a client that
                # takes any session must not be kept to the one that we know.
                etag = conditions.ANY if if_match == conditions.ANY else resource.etag
                restarted = await desk.calls.restart_ice(resource.call_id, fragment.text, etag)
            except (CallNotFound, CallOver):
                raise not_found() from None
            resource.ufrag, resource.etag = fragment.ufrag, restarted.etag
        response = web.Response(body=restarted.sdp.encode(), content_type=FRAGMENT_TYPE)
        response.headers["ETag"] = f'"{restarted.etag}"'
        return response

    async def delete(self, request: web.Request) -> web.Response:
        """End a call; one that is over already is no error."""
        desk = self._desk
        desk.check_origin(request)
        desk.count_request(request)
        resource = desk.resources.find(request.match_info["resource"])
        desk.calls.hang_up(resource.call_id)
        return web.Response()

    async def _answer(
        self, request: web.Request, resource: Resource, admitted: Admitted, sdp: str
    ) -> Negotiation:
        """Wait for the answer; a client that is gone, or an agent that is not there, ends the call."""
        desk = self._desk
        offer = BrowserOffer(
            call_id=resource.call_id,
            sdp=sdp,
            agent=admitted.agent,
            callee=admitted.callee,
            caller=admitted.caller,
            caller_name=admitted.name,
            source=desk.peers.address(request),
            relay_only=desk.section.relay_only,
            has_early_audio=desk.section.early_audio and request.query.get("early", "") == "1",
            max_call_s=admitted.max_call_s,
            ice=desk.ice_for_worker(resource.call_id),
        )
        negotiating = asyncio.create_task(
            desk.calls.negotiate(offer), name=f"call {resource.call_id} offer"
        )
        try:
            await _until_done(negotiating, request)
            if not negotiating.done():
                raise ApiError(503, "http.timeout", "the call was not answered in time")
            answer = negotiating.result()
            if _is_gone(request):
                raise _Gone
        except _Gone:
            log.info("caller left before the answer", extra={"call_id": resource.call_id})
            desk.calls.hang_up(resource.call_id)
            raise ApiError(408, "http.gone", "the client is gone") from None
        except ApiError:
            desk.calls.hang_up(resource.call_id)
            raise
        except Exception as error:
            desk.refused(admitted, error)
            raise _told(error, resource.call_id) from error
        except BaseException:
            # This request is being cancelled: the server stops.
            desk.calls.hang_up(resource.call_id)
            raise
        finally:
            negotiating.cancel()
            await asyncio.gather(negotiating, return_exceptions=True)
        return answer


def _told(error: Exception, call_id: str) -> Exception:
    """Return what a stranger is told of a fault; where and why it happened stays here."""
    if isinstance(error, EndpointError | CallOver):
        log.info("offer not taken", extra={"call_id": call_id, "reason": str(error)})
    if isinstance(error, EndpointError):
        words = "the call cannot be taken now; try again later"
        return ApiError(503, error.code, words, headers={"Retry-After": "5"})
    if isinstance(error, CallOver):
        return ApiError(409, error.code, "the call ended before it was answered")
    return error


class _Gone(Exception):
    """The client has closed its connection."""


async def _until_done(task: asyncio.Task[Negotiation], request: web.Request) -> None:
    deadline_s = time.monotonic() + ANSWER_BOUND_S
    while not task.done() and time.monotonic() < deadline_s:
        await asyncio.wait({task}, timeout=GONE_POLL_S)
        if _is_gone(request) and not task.done():
            raise _Gone


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _body(request: web.Request, content_type: str, most: int) -> bytes:
    """Return what was sent; raises `ApiError` for another type, too much, or too slow."""
    if request.content_type != content_type:
        accepted = "Accept-Patch" if content_type == FRAGMENT_TYPE else "Accept-Post"
        raise ApiError(
            415,
            "http.unsupported_type",
            f"the description is to be sent as {content_type}",
            headers={accepted: content_type},
        )
    if (request.content_length or 0) > most:
        raise ApiError(413, descriptions.TOO_LARGE, f"a description may have at most {most} bytes")
    try:
        async with asyncio.timeout(BODY_BOUND_S):
            return await request.read()
    except TimeoutError:
        raise ApiError(408, "http.timeout", "the description took too long to arrive") from None
