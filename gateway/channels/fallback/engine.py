"""Carries the fallback policy out: reads what is known, has the message written, and records why or why not."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.channels.fallback import known
from gateway.channels.fallback.error_codes import treatment_of
from gateway.channels.fallback.incident import Form, Incident, Rules, Standing
from gateway.channels.fallback.policy import Decision, Send, decide, incident_cause
from gateway.channels.fallback.quiet_hours import QuietHours, clock_time
from gateway.channels.fallback.triggers import Phase, Trigger, trigger_of
from gateway.config.fallback import FallbackSection
from gateway.model.messages import Channel, ChannelCapabilities, OutboundMessage, Template
from gateway.rooms.access import OPEN
from gateway.rooms.letters import Letter, Letters
from gateway.rooms.text_lines import digest, template_line
from gateway.rooms.timeline import Entry, Fact, Kind
from gateway.store import dialled, people, room_access, room_lines
from gateway.store.message_records import MessageRecord
from gateway.store.outbox_writes import Acceptance, get
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

CATCH_UP_MOST = 20_000
BY = "fallback"
CALL = "call:"
MESSAGE = "message:"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One incident with all that is needed to act on it."""

    incident: Incident
    standing: Standing
    room_id: str
    call_id: str
    number: str
    text: str
    """What is to be said; of a call without a message so far, or a message without words, empty."""
    links: tuple[str, ...] = ()
    """Files that went with it: the next channel may not carry them, but anybody can follow a link."""


class Fallback:
    """Belongs to the event loop. Both entrances may be called twice for one thing: the second does nothing.

    `capabilities` tells which channels a provider serves; `link` makes a one-time link to the browser's call page
    for a room, empty if there is none.
    """

    def __init__(
        self,
        database: Transactor,
        letters: Letters,
        section: FallbackSection,
        *,
        capabilities: Callable[[Channel], ChannelCapabilities | None],
        clock: Callable[[], float],
        link: Callable[[str], str] = lambda _room_id: "",
        on_decided: Callable[[Trigger, Decision], None] = lambda _trigger, _decision: None,
    ) -> None:
        self._database = database
        self._letters = letters
        self._section = section
        self._capabilities = capabilities
        self._clock = clock
        self._link = link
        self._on_decided = on_decided
        self._lock = asyncio.Lock()

    async def call_ended(self, call_id: str) -> Decision | None:
        """Act on a call whose end is in the store; None if it ended as it should. Raises `StoreError`."""
        async with self._lock:
            now = self._clock()
            case = await self._database.read(
                lambda connection: self._case_of_call(connection, call_id, now)
            )
            return None if case is None else await self._act(case, now)

    async def message_failed(self, record: MessageRecord) -> None:
        """Act on a message that failed for good. Raises `StoreError`."""
        async with self._lock:
            now = self._clock()
            await self._learn(record, now)
            root = incident_cause(record.message.cause.partition("/")[0])
            case = await self._database.read(
                lambda connection: self._case_of_message(connection, record, root, now)
            )
            if case is not None:
                await self._act(case, now)

    async def catch_up(self) -> int:
        """Act on calls that ended when nobody could; returns how many were looked at. Raises `StoreError`."""
        since = self._clock() - self._section.useful_h * 3_600
        call_ids = await self._database.read(
            lambda connection: known.undecided_calls(connection, since=since, limit=CATCH_UP_MOST)
        )
        for call_id in call_ids:
            await self.call_ended(call_id)
        return len(call_ids)

    # What is known --------------------------------------------------------------------------------

    def _case_of_call(self, connection: Connection, call_id: str, now: float) -> _Case | None:
        call = known.ended_call(connection, call_id)
        trigger = None if call is None else trigger_of(call.outcome)
        if call is None or trigger is None:
            return None
        if call.outcome.phase is Phase.RINGING and dialled.is_of_message(connection, call_id):
            # A call back that nobody took is a message that did not arrive: `message_failed` goes on with it.
            return None
        cause = f"{CALL}{call_id}"
        records = known.steps(connection, cause)
        return _Case(
            incident=Incident(
                cause=cause,
                trigger=trigger,
                attempts=tuple(known.attempt_of(record) for record in records),
                first_at=call.ended_at,
            ),
            standing=self._standing(
                connection, call.room_id, Channel.VOICE, call.person, call.number, cause, now
            ),
            room_id=call.room_id,
            call_id=call_id,
            number=call.number,
            text=next((item.message.text for item in records if not _is_call(item)), ""),
        )

    def _case_of_message(
        self, connection: Connection, record: MessageRecord, root: str | None, now: float
    ) -> _Case | None:
        if root is not None and root.startswith(CALL):
            return self._case_of_call(connection, root.removeprefix(CALL), now)
        message_id = record.message.message_id if root is None else root.removeprefix(MESSAGE)
        first = get(connection, message_id)
        if first is None:
            return None
        message = first.message
        cause = f"{MESSAGE}{message_id}"
        records = [first, *known.steps(connection, cause)]
        number = known.number_of_room(connection, message.room_id) or message.sender
        return _Case(
            incident=Incident(
                cause=cause,
                trigger=Trigger.MESSAGE_FAILED,
                attempts=tuple(known.attempt_of(item) for item in records),
                first_at=first.created_at,
            ),
            standing=self._standing(
                connection,
                message.room_id,
                message.channel,
                message.recipient,
                number,
                cause,
                now,
            ),
            room_id=message.room_id,
            call_id="",
            number=number,
            text=_words(message),
            links=tuple(file.url for file in message.media),
        )

    def _standing(
        self,
        connection: Connection,
        room_id: str,
        channel: Channel,
        address: str,
        number: str,
        incident: str,
        now: float,
    ) -> Standing:
        rules = room_access.all_access(connection, room_id)
        served = known.served_senders(self._section, number, self._capabilities)
        senders = {
            one: sender for one, sender in served.items() if rules.get(one, OPEN).may_write(BY)
        }
        return known.standing_of(
            connection,
            room_id=room_id,
            channel=channel,
            address=address,
            senders=senders,
            country=self._section.country,
            incident=incident,
            now=now,
        )

    def _rules(self, number: str) -> Rules:
        section = self._section
        quiet = QuietHours(clock_time(section.quiet_from), clock_time(section.quiet_to))
        return Rules(
            order=section.order_of(number),
            templates=frozenset(section.templates),
            quiet=None if quiet.start == quiet.end else quiet,
            zone=section.time_zone,
            attempts_most=section.attempts,
            useful_s=section.useful_h * 3_600,
            pause_s=section.pause_s,
        )

    # What is done ---------------------------------------------------------------------------------

    async def _learn(self, record: MessageRecord, now: float) -> None:
        """Remember what an error code tells of the person, before anything else is sent."""
        treatment = treatment_of(record.error_code)
        message = record.message
        if treatment.is_alert:
            log.error(
                "a message failed for a reason that the operator can put right",
                extra={"channel": message.channel.value, "error_code": record.error_code},
            )
        if not treatment.is_opt_out and not treatment.unreachable_s:
            return

        def work(connection: Connection) -> None:
            if treatment.is_opt_out:
                people.record_opt_out(
                    connection,
                    message.channel,
                    message.recipient,
                    is_out=True,
                    at=now,
                    # Each failure once: sent again after a start it may fail for the same reason.
                    source=f"error:{message.message_id}#{record.attempts}",
                    detail=record.error_code,
                )
            if treatment.unreachable_s:
                people.record_unreachable(
                    connection,
                    message.channel,
                    message.recipient,
                    code=record.error_code,
                    until=now + treatment.unreachable_s,
                )

        await self._database.transact(work)

    async def _act(self, case: _Case, now: float) -> Decision:
        decision = decide(case.incident, case.standing, self._rules(case.number), now=now)
        is_sent = isinstance(decision, Send) and await self._send(case, decision)
        is_new = await self._record(case, decision, now)
        if is_new and (is_sent or not isinstance(decision, Send)):
            self._on_decided(case.incident.trigger, decision)
        log.info(
            "the fallback decided",
            extra={"room_id": case.room_id, **_facts(case, decision, now)},
        )
        return decision

    async def _send(self, case: _Case, send: Send) -> bool:
        """Have a message written; returns whether it was accepted."""
        is_call = send.channel is Channel.VOICE
        text = self._call_greeting(case) if is_call else self._written(case)
        letter = Letter(
            room_id=case.room_id,
            channel=send.channel,
            sender=send.sender,
            recipient=send.recipient,
            text=text,
            cause=send.cause,
            by=BY,
            template=self._template(case, send, text) if send.form is Form.TEMPLATE else None,
            not_before=send.not_before,
            not_after=send.not_after,
        )
        if is_call or case.text:
            # A text stands in the timeline as what was first tried to be said, a call as what will be heard.
            answers = await self._letters.send_only(letter)
        else:
            answers = await self._letters.write(letter)
        return any(answer.acceptance is Acceptance.ACCEPTED for answer in answers)

    def _call_greeting(self, case: _Case) -> str:
        greeting = self._fill(case, self._section.texts.callback)
        if case.incident.trigger is not Trigger.MESSAGE_FAILED:
            return greeting
        return f"{greeting} {case.text}".strip()

    def _written(self, case: _Case) -> str:
        return "\n".join((case.text or self._compose(case), *case.links))

    def _compose(self, case: _Case) -> str:
        text = self._fill(case, str(getattr(self._section.texts, case.incident.trigger.value)))
        link = self._link(case.room_id)
        if not link:
            return text
        return f"{text} {self._fill(case, self._section.texts.link).replace('{link}', link)}"

    def _fill(self, case: _Case, text: str) -> str:
        # By replacement: braces that an operator wrote for something else do not hurt.
        return text.replace("{business}", self._section.business).replace("{number}", case.number)

    def _template(self, case: _Case, send: Send, text: str) -> Template:
        link = self._link(case.room_id)
        return Template(
            content_sid=self._section.templates[send.channel],
            variables={
                # WhatsApp refuses variables with line breaks, tabs or many spaces.
                name: " ".join(
                    self._fill(case, value).replace("{link}", link).replace("{text}", text).split()
                )
                for name, value in self._section.template_variables.items()
            },
        )

    async def _record(self, case: _Case, decision: Decision, now: float) -> bool:
        """Write the decision into the room; False if it is there already."""
        step = str(len(case.incident.attempts))
        what = decision.channel.value if isinstance(decision, Send) else decision.reason.value
        entry = Entry(
            room_id=case.room_id,
            call_id=case.call_id,
            kind=Kind.FALLBACK,
            offset_ms=0.0,
            facts=_facts(case, decision, now),
        )
        entry_id = f"f_{digest(case.incident.cause, step, what)}"
        return await self._database.transact(
            lambda connection: room_lines.append_line(connection, entry, entry_id=entry_id)
        )


def _words(message: OutboundMessage) -> str:
    """Return what a message said, as far as we know: the words of a template are the provider's."""
    if message.template is not None and message.text == template_line(message.template):
        return ""
    return message.text


def _is_call(record: MessageRecord) -> bool:
    return record.message.channel is Channel.VOICE


def _facts(case: _Case, decision: Decision, now: float) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "at": now,
        "cause": case.incident.cause,
        "trigger": case.incident.trigger.value,
    }
    if isinstance(decision, Send):
        facts |= {
            "channel": decision.channel.value,
            "form": decision.form.value,
            "not_before": decision.not_before,
        }
    else:
        facts["reason"] = decision.reason.value
    if decision.skipped:
        facts["skipped"] = ", ".join(
            f"{item.channel.value}: {item.reason.value}" for item in decision.skipped
        )
    return facts
