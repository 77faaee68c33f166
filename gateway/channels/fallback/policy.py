"""The fallback policy: by which channel, when and in which form a person is reached next, or why not at all.

Pure. It comes to an end whatever happens: each channel has each form once, and once more where the error code
says so, and nothing is written while an earlier message for the same cause may still arrive.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.channels.fallback.error_codes import Next, Treatment, treatment_of
from gateway.channels.fallback.incident import Attempt, Form, Incident, Rules, Standing
from gateway.channels.fallback.phone_number import LineKind
from gateway.channels.fallback.quiet_hours import next_allowed
from gateway.channels.fallback.triggers import Trigger
from gateway.model.messages import Channel, MessageStatus

WINDOW_S = 86_400.0
"""Meta: a business may write freely for 24 hours after the person last wrote."""
WINDOW_MARGIN_S = 60.0
"""A message written at the last moment arrives too late."""
WINDOW_CHANNELS = frozenset({Channel.WHATSAPP, Channel.MESSENGER})
MOBILE_CHANNELS = frozenset({Channel.SMS, Channel.RCS, Channel.WHATSAPP})
SILENT_CHANNELS = frozenset({Channel.EMAIL, Channel.WEBHOOK, Channel.WEBSOCKET})
"""They wake nobody, so quiet hours do not hold for them."""
UNASKED = frozenset({Trigger.NOT_ANSWERED, Trigger.BUSY})
"""We began: without the person ever having turned to us, it takes their consent."""
FAILED = frozenset({MessageStatus.FAILED, MessageStatus.DEAD})


class Reason(StrEnum):
    """Why nothing is sent, or a channel is passed over."""

    NO_FALLBACK = "no_fallback"
    """None is configured for the number, or not for this trigger."""
    NOBODY = "nobody"
    """The person's address is not known."""
    OPTED_OUT = "opted_out"
    IN_CALL = "in_call"
    """The person is back in a call."""
    ARRIVED = "arrived"
    """A message for this cause is with the provider or the person."""
    UNDER_WAY = "under_way"
    """A message for this cause waits or is being sent."""
    JUST_WRITTEN = "just_written"
    """The person had a message for another cause a moment ago."""
    TOO_LATE = "too_late"
    TRIED_ENOUGH = "tried_enough"
    NOT_URGENT = "not_urgent"
    STOPPED_BY_ERROR = "stopped_by_error"
    NONE_LEFT = "none_left"
    """Every channel was passed over; `skipped` says why."""
    NO_ADDRESS = "no_address"
    NOT_SERVED = "not_served"
    NO_CONSENT = "no_consent"
    LANDLINE = "landline"
    UNREACHABLE = "unreachable"
    EXCLUDED_BY_ERROR = "excluded_by_error"
    ALREADY_TRIED = "already_tried"
    WINDOW_CLOSED = "window_closed"
    QUIET_TOO_LONG = "quiet_too_long"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A channel that was passed over."""

    channel: Channel
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message is to be written."""

    channel: Channel
    sender: str
    recipient: str
    form: Form
    cause: str
    """The outbox's key: two who decide at once about one cause get the same."""
    not_before: float
    not_after: float
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Nothing is to be written."""

    reason: Reason
    skipped: tuple[Skipped, ...] = ()


Decision = Send | Pass

PREFIX = "fallback:"


def step_cause(incident_cause: str, step: int) -> str:
    """Return the outbox's key of the n-th message for a cause."""
    return f"{PREFIX}{incident_cause}#{step}"


def incident_cause(cause: str) -> str | None:
    """Return for which incident a message was written; None if it was none of the fallback's."""
    if not cause.startswith(PREFIX):
        return None
    return cause.removeprefix(PREFIX).rpartition("#")[0]


def decide(incident: Incident, standing: Standing, rules: Rules, *, now: float) -> Decision:
    """Decide what happens next for an incident. `now` is seconds since 1970."""
    reason = _why_not(incident, standing, rules, now)
    if reason is not None:
        return Pass(reason=reason)
    treatments = [treatment_of(attempt.error_code) for attempt in incident.attempts]
    last = treatments[-1] if treatments else None
    skipped: list[Skipped] = []
    if last is not None:
        again = _again(incident, standing, rules, last, now)
        if isinstance(again, Send):
            return again
        if last.needs_urgency and not incident.is_urgent:
            return Pass(reason=Reason.NOT_URGENT)
        if again is not None:
            skipped.append(again)
    excluded = frozenset[Channel]().union(*(item.excludes for item in treatments))
    for channel in _ordered(rules.order, last):
        found = _try(channel, incident, standing, rules, now, excluded)
        if isinstance(found, Send):
            return replace(found, skipped=tuple(skipped))
        skipped.append(Skipped(channel, found))
    return Pass(reason=Reason.NONE_LEFT, skipped=tuple(skipped))


def _why_not(incident: Incident, standing: Standing, rules: Rules, now: float) -> Reason | None:
    """Return what forbids any message, whatever the channel."""
    attempts = incident.attempts
    states = {attempt.status for attempt in attempts}
    checks: Iterable[tuple[bool, Reason]] = (
        (not rules.order or incident.trigger not in rules.triggers, Reason.NO_FALLBACK),
        (standing.is_opted_out, Reason.OPTED_OUT),
        (not standing.addresses, Reason.NOBODY),
        (bool(states & {MessageStatus.QUEUED, MessageStatus.SENDING}), Reason.UNDER_WAY),
        (bool(states - FAILED), Reason.ARRIVED),
        (
            any(treatment_of(attempt.error_code).is_opt_out for attempt in attempts),
            Reason.OPTED_OUT,
        ),
        (
            any(treatment_of(attempt.error_code).next is Next.STOP for attempt in attempts),
            Reason.STOPPED_BY_ERROR,
        ),
        (standing.is_in_call, Reason.IN_CALL),
        (now > incident.first_at + rules.useful_s, Reason.TOO_LATE),
        (len(attempts) >= rules.attempts_most, Reason.TRIED_ENOUGH),
        (
            not attempts
            and standing.last_fallback_at is not None
            and abs(now - standing.last_fallback_at) < rules.pause_s,
            Reason.JUST_WRITTEN,
        ),
    )
    return next((reason for holds, reason in checks if holds), None)


def _again(
    incident: Incident, standing: Standing, rules: Rules, treatment: Treatment, now: float
) -> Send | Skipped | None:
    """Try the channel that failed once more, if its error code says so; None if it does not."""
    failed = incident.attempts[-1]
    match treatment.next:
        case Next.TEMPLATE:
            if failed.form is Form.TEMPLATE or failed.channel not in rules.templates:
                return Skipped(failed.channel, Reason.WINDOW_CLOSED)
            form, delay_s = Form.TEMPLATE, 0.0
        case Next.AGAIN:
            form, delay_s = failed.form, treatment.delay_s
            if _times(incident.attempts, failed.channel, form) > 1:
                return Skipped(failed.channel, Reason.ALREADY_TRIED)
        case _:
            return None
    if failed.channel not in rules.order:
        # Somebody wrote there by hand; the operator did not allow the fallback to.
        return None
    reason = _forbidden(failed.channel, incident, standing)
    if reason is not None:
        return Skipped(failed.channel, reason)
    return _send(failed.channel, form, incident, standing, rules, now + delay_s) or Skipped(
        failed.channel, Reason.QUIET_TOO_LONG
    )


def _try(
    channel: Channel,
    incident: Incident,
    standing: Standing,
    rules: Rules,
    now: float,
    excluded: frozenset[Channel],
) -> Send | Reason:
    if any(attempt.channel is channel for attempt in incident.attempts):
        return Reason.ALREADY_TRIED
    if channel in excluded:
        return Reason.EXCLUDED_BY_ERROR
    reason = _forbidden(channel, incident, standing)
    if reason is not None:
        return reason
    send = _send(channel, Form.TEXT, incident, standing, rules, now)
    if send is None:
        return Reason.QUIET_TOO_LONG
    # By the moment it is sent: a window that is open now may be closed in the morning.
    if channel in WINDOW_CHANNELS and not _is_window_open(channel, standing, send.not_before):
        if channel not in rules.templates:
            return Reason.WINDOW_CLOSED
        return _send(channel, Form.TEMPLATE, incident, standing, rules, now) or (
            Reason.QUIET_TOO_LONG
        )
    return send


def _forbidden(channel: Channel, incident: Incident, standing: Standing) -> Reason | None:
    """Return what speaks against one channel at any time and in any form."""
    if not standing.addresses.get(channel):
        return Reason.NO_ADDRESS
    if not standing.senders.get(channel):
        return Reason.NOT_SERVED
    if not _has_consent(channel, incident, standing):
        return Reason.NO_CONSENT
    if channel in MOBILE_CHANNELS and standing.line is LineKind.LANDLINE:
        return Reason.LANDLINE
    if channel in standing.unreachable:
        return Reason.UNREACHABLE
    return None


def _has_consent(channel: Channel, incident: Incident, standing: Standing) -> bool:
    said = standing.consents.get(channel)
    if said is not None:
        return said
    return standing.began or incident.trigger not in UNASKED


def _is_window_open(channel: Channel, standing: Standing, at: float) -> bool:
    last = standing.last_inbound_at.get(channel)
    return last is not None and at - last < WINDOW_S - WINDOW_MARGIN_S


def _send(
    channel: Channel,
    form: Form,
    incident: Incident,
    standing: Standing,
    rules: Rules,
    at: float,
) -> Send | None:
    """Return the message, put off until it wakes nobody; None if it would come too late."""
    not_after = incident.first_at + rules.useful_s
    moment: float | None = at
    if rules.quiet is not None and channel not in SILENT_CHANNELS:
        moment = next_allowed(at, rules.quiet, standing.zones or (rules.zone,))
    if moment is None or moment > not_after:
        return None
    return Send(
        channel=channel,
        sender=standing.senders[channel],
        recipient=standing.addresses[channel],
        form=form,
        cause=step_cause(incident.cause, len(incident.attempts)),
        not_before=moment,
        not_after=not_after,
    )


def _ordered(order: tuple[Channel, ...], last: Treatment | None) -> tuple[Channel, ...]:
    preferred = tuple(
        channel for channel in (last.prefers if last is not None else ()) if channel in order
    )
    return tuple(dict.fromkeys((*preferred, *order)))


def _times(attempts: tuple[Attempt, ...], channel: Channel, form: Form) -> int:
    return sum(attempt.channel is channel and attempt.form is form for attempt in attempts)
