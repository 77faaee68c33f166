"""Places calls: asks the policy, writes each down against the day's budget, has it dialled, settles what it took."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

from sqlalchemy import Connection

from gateway.config.trunks import DiallingSection, TrunkSection
from gateway.dialling.policy import Permit, Refusal, Refused, Route, check_number, check_usage
from gateway.errors import DialFailed, DialRefused, StoreError
from gateway.model.events import Offered
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd, Watcher
from gateway.sessions.placed import PlacedCall, PlacedCalls
from gateway.store import dialled, room_access
from gateway.store.dialled import Dialled
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

LEG_BOUND_S = 3.0
"""How long a worker may take to make a leg of a call."""
SETTLE_S = 2.0
"""How long the end waits for what calls took to be written down."""
BY_API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRequest:
    """A call that somebody wants."""

    to: str
    caller_id: str = ""
    """Which of our numbers is shown; empty: the trunk's own."""
    agent: str = ""
    """Who speaks; empty: whoever answers the number that is shown."""
    trunk: str = ""
    """Empty: the one whose prefixes fit best."""
    greeting: str = ""
    """Empty: the agent's own."""
    purpose: str = ""
    """Told to the agent."""

    def digest(self) -> str:
        """Return the same for the same request."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAs:
    """What became of a request."""

    call_id: str
    number: str
    trunk: str
    is_new: bool
    """False: the key was used before, for this call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialledNews:
    """A call of ours was answered, or ended."""

    call_id: str
    cause: str
    """Why it was placed: what was given to `dial`."""
    was_answered: bool
    why: HangupCause | None
    """Why it ended; None while it goes on."""


OnNews = Callable[[DialledNews], None]


@dataclass(slots=True)
class _Live:
    """A call of ours that goes on."""

    cause: str
    has_leg: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: bool = False
    """Its end will be told, whatever becomes of whoever asked for it."""
    answered_ms: float | None = None


class Line(Protocol):
    """Whoever can place calls: the endpoint of telephones."""

    @property
    def is_ready(self) -> bool: ...

    def place(self, call_id: str, target: str, *, caller: str, trunk: str = "") -> bool:
        """Have a call placed; its `Offered` follows. False when there is no worker to do it."""


class Dialler:
    """Belongs to the event loop. Also a `Watcher` of calls, by which it knows when one has ended."""

    def __init__(
        self,
        database: Transactor,
        section: DiallingSection,
        trunks: Mapping[str, TrunkSection],
        *,
        agents: Callable[[], Collection[str]],
        agent_for: Callable[[str], str | None],
        placed: PlacedCalls,
        clock: Callable[[], float],
        on_refused: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """`agents` are those there are now; `agent_for` tells whose number one of ours is."""
        self._database = database
        self._section = section
        self._trunks = trunks
        self._agents = agents
        self._agent_for = agent_for
        self._placed = placed
        self._clock = clock
        self._on_refused = on_refused
        self._line: Line | None = None
        self._is_closed = False
        self._live: dict[str, _Live] = {}
        self._on_news: list[OnNews] = []
        self._settling: set[asyncio.Task[None]] = set()

    @property
    def has_trunks(self) -> bool:
        return bool(self._trunks)

    @property
    def live(self) -> int:
        """Calls of ours that go on."""
        return len(self._live)

    def is_live(self, call_id: str) -> bool:
        """Whether a call is one of ours that goes on."""
        return call_id in self._live

    def watch(self, on_news: OnNews) -> None:
        """Have the answers and ends of our calls told; what it raises is logged."""
        self._on_news.append(on_news)

    async def start(self, line: Line | None) -> None:
        """Begin, with what a crash left unsettled. Raises `StoreError`."""
        self._line = line
        await self._database.transact(dialled.settle_leftovers)

    def replace_rules(self, section: DiallingSection) -> None:
        """Go by other rules from now on; calls that go on keep theirs."""
        self._section = section

    def refuse_new(self) -> None:
        """Place no calls from now on."""
        self._is_closed = True

    async def close(self) -> None:
        """Wait, bounded, until what ended calls took is written down."""
        self.refuse_new()
        if self._settling:
            await asyncio.wait(self._settling, timeout=SETTLE_S)

    def check(self, request: DialRequest) -> Route:
        """Return where a request would go. Raises `DialRefused`; limits of use are not looked at."""
        route = check_number(
            request.to,
            self._section,
            self._trunks,
            trunk=request.trunk,
            caller_id=request.caller_id,
        )
        if isinstance(route, Refused):
            raise _refusal(route)
        return route

    async def dial(
        self, request: DialRequest, *, key: str | None = None, cause: str = BY_API
    ) -> PlacedAs:
        """Place a call; returns when the SIP engine has it. A second request with a key places no second call.

        Raises `DialRefused` for what may not be dialled, `DialFailed` when nothing can be dialled now, and
        `StoreError`.
        """
        try:
            return await self._dial(request, key, cause)
        except DialRefused as error:
            # Many of them may be somebody trying: told, but never the number.
            log.warning("call not placed", extra={"reason": error.reason, "for": cause[:40]})
            self._on_refused(error.reason)
            raise

    # Inside -----------------------------------------------------------------------------------------

    async def _dial(self, request: DialRequest, key: str | None, cause: str) -> PlacedAs:
        if key is not None and (known := await self._known(request, key)) is not None:
            return known
        route = self.check(request)
        agent = request.agent or self._agent_for(route.caller_id) or ""
        if agent not in self._agents():
            raise DialRefused(
                "no_agent",
                f"there is no agent {agent!r}" if agent else "no agent has this number; name one",
            )
        line = self._line
        if self._is_closed or line is None or not line.is_ready:
            raise DialFailed("no calls are placed now: the SIP worker is not up, or we are ending")
        call_id, at_once, live = new_call_id(), len(self._live), _Live(cause)
        self._live[call_id] = live
        try:
            permit = await self._reserve(call_id, route, request, key, cause, at_once)
            if isinstance(permit, PlacedAs):
                self._live.pop(call_id, None)
                return permit
            await self._place(line, call_id, route, agent, permit, request)
        except BaseException:
            if not live.goes_on:
                self._live.pop(call_id, None)
            raise
        log.info("call placed", extra={"call_id": call_id, "trunk": route.trunk, "agent": agent})
        return PlacedAs(call_id=call_id, number=route.number, trunk=route.trunk, is_new=True)

    async def _known(self, request: DialRequest, key: str) -> PlacedAs | None:
        found = await self._database.read(lambda connection: dialled.find(connection, key=key))
        return None if found is None else _again(found, request)

    async def _reserve(
        self,
        call_id: str,
        route: Route,
        request: DialRequest,
        key: str | None,
        cause: str,
        at_once: int,
    ) -> Permit | PlacedAs:
        at = self._clock()

        def work(connection: Connection) -> Permit | Refused | Dialled:
            if key is not None and (known := dialled.find(connection, key=key)) is not None:
                # Ours, if this ran before and it was not known whether that was kept.
                return known
            voice = room_access.voice_with(connection, route.caller_id, route.number)
            if not voice.may_converse:
                return Refused(
                    Refusal.ROOM,
                    "voice is closed or muted in this person's room; open it with "
                    "PUT /api/v1/rooms/{room_id}/channels/voice",
                )
            usage = dialled.usage(connection, route.number, at=at)
            permit = check_usage(self._section, replace(usage, at_once=at_once))
            if isinstance(permit, Permit):
                dialled.reserve(
                    connection,
                    Dialled(
                        call_id=call_id,
                        key=key,
                        asked=request.digest(),
                        number=route.number,
                        trunk=route.trunk,
                        cause=cause,
                        at=at,
                        reserved_s=permit.max_call_s,
                    ),
                )
            return permit

        found = await self._database.transact(work)
        if isinstance(found, Refused):
            raise _refusal(found)
        if isinstance(found, Dialled):
            if found.call_id == call_id:
                return Permit(int(found.reserved_s))
            return _again(found, request)
        return found

    async def _place(
        self,
        line: Line,
        call_id: str,
        route: Route,
        agent: str,
        permit: Permit,
        request: DialRequest,
    ) -> None:
        trunk, live = self._trunks[route.trunk], self._live[call_id]
        host = f"{trunk.host}:{trunk.port}"
        suffix = ";transport=tcp" if trunk.transport == "tcp" else ""
        self._placed.expect(
            PlacedCall(
                call_id=call_id,
                number=route.caller_id,
                person=route.number,
                agent=agent,
                ring_s=self._section.ring_s,
                max_call_s=permit.max_call_s,
                greeting=request.greeting,
                purpose=request.purpose,
            )
        )
        try:
            target = f"sip:{route.dialled.replace('#', '%23')}@{host}{suffix}"
            if not line.place(call_id, target, caller=route.caller_id, trunk=route.trunk):
                raise DialFailed("the SIP worker went away; try again")
            async with asyncio.timeout(LEG_BOUND_S):
                await live.has_leg.wait()
        except (DialFailed, TimeoutError) as error:
            # A leg that comes later is refused by the registry: nobody waits for it.
            if self._placed.take(call_id) is not None:
                await self._database.transact(
                    lambda connection: dialled.release(connection, call_id)
                )
                raise DialFailed("the SIP worker did not take the call; try again") from error
        except BaseException:
            # Whoever asked went away; a call whose leg is there goes on.
            live.goes_on = self._placed.take(call_id) is None
            if not live.goes_on:
                self._settle_soon(call_id, 0.0)
            raise

    # Watcher ----------------------------------------------------------------------------------------

    def call_offered(self, offered: Offered, *, room_id: str, agent: str) -> None:
        """The first line of its timeline tells the same."""

    def appended(self, entry: Entry) -> None:
        """Note when the leg of a call of ours is there, and when it was answered: from then on it costs."""
        if (live := self._live.get(entry.call_id)) is not None:
            live.has_leg.set()
            if entry.kind is Kind.ANSWERED:
                live.answered_ms = entry.offset_ms
                self._tell(entry.call_id, live, None)

    def call_ended(self, end: CallEnd) -> None:
        """Settle a call of ours."""
        live = self._live.pop(end.call_id, None)
        if live is None:
            return
        live.has_leg.set()
        since_ms = end.offset_ms if live.answered_ms is None else live.answered_ms
        self._settle_soon(end.call_id, max(0.0, end.offset_ms - since_ms) / 1_000)
        self._tell(end.call_id, live, end.cause)

    def _tell(self, call_id: str, live: _Live, why: HangupCause | None) -> None:
        news = DialledNews(
            call_id=call_id,
            cause=live.cause,
            was_answered=live.answered_ms is not None,
            why=why,
        )
        for on_news in self._on_news:
            try:
                on_news(news)
            except Exception:
                log.exception("what follows a call of ours failed", extra={"call_id": call_id})

    def _settle_soon(self, call_id: str, used_s: float) -> None:
        task = asyncio.create_task(self._settle(call_id, used_s), name=f"settle {call_id}")
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, call_id: str, used_s: float) -> None:
        try:
            await self._database.transact(
                lambda connection: dialled.settle(connection, call_id, used_s)
            )
        except StoreError as error:
            # It keeps counting with all that it might have taken.
            log.warning(
                "a call's length is not written down",
                extra={"call_id": call_id, "reason": str(error)},
            )


def _again(found: Dialled, request: DialRequest) -> PlacedAs:
    if found.asked != request.digest():
        raise DialRefused("key_reused", "the idempotency key was used for another request")
    return PlacedAs(call_id=found.call_id, number=found.number, trunk=found.trunk, is_new=False)


def _refusal(refused: Refused) -> DialRefused:
    return DialRefused(refused.reason.value, refused.message, retry_after_s=refused.retry_after_s)


_: type[Watcher] = Dialler
