"""Asks Twilio whether it takes our key, and whether its numbers and services call this gateway's webhooks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from gateway.channels.http_client import basic_authorization
from gateway.checks.asking import Answer, Unreachable, ask
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.checks.secret_files import secret_of
from gateway.config import Config
from gateway.config.twilio import TwilioSection

SUBJECT = "twilio"
NUMBERS_MOST = 100
MESSAGES_PATH = "/twilio/messages"
_CONSOLE = "in Twilio's console, under the number's Messaging configuration"


def check_twilio(config: Config) -> list[Finding]:
    """Return what Twilio says; nothing if it is switched off."""
    if not config.twilio.is_on:
        return []
    return list(_ask(config.twilio, _own_addresses(config)))


def _ask(section: TwilioSection, ours: frozenset[str]) -> Iterator[Finding]:
    token = secret_of(section.auth_token_file)
    if token is None:
        return  # told by the check of secrets
    account = f"{section.api_url}/2010-04-01/Accounts/{section.account_sid}"
    try:
        answer = _get(f"{account}.json", section.account_sid, token)
        yield _account(answer)
        if answer.status != 200:
            return
        key = secret_of(section.api_key_secret_file)
        if section.api_key_sid and key is not None:
            yield _api_key(_get(f"{account}/Messages.json?PageSize=1", section.api_key_sid, key))
        if section.public_url:
            numbers = _get(
                f"{account}/IncomingPhoneNumbers.json?PageSize={NUMBERS_MOST}",
                section.account_sid,
                token,
            )
            rows = numbers.body.get("incoming_phone_numbers", [])
            yield from judge_numbers(rows, section, ours)
            if section.messaging_service_sid:
                url = (
                    f"{messaging_url(section.api_url)}/v1/Services/{section.messaging_service_sid}"
                )
                yield judge_service(_get(url, section.account_sid, token), section)
    except Unreachable as error:
        yield fail(SUBJECT, f"{section.api_url} does not answer: {error}", "mend the way out")


def _get(url: str, user: str, password: str) -> Answer:
    return ask(url, headers={"Authorization": basic_authorization(user, password)})


def _account(answer: Answer) -> Finding:
    if answer.status in (401, 403, 404):
        return fail(
            SUBJECT,
            f"the account is refused ({answer.status}): account_sid and auth_token_file do not belong "
            "together",
            "copy both from Twilio's console",
        )
    if answer.status != 200:
        return warn(SUBJECT, f"Twilio answers {answer.status}", "try again; see status.twilio.com")
    status = str(answer.body.get("status", ""))
    if status != "active":
        remedy = "see Twilio's console for what it waits for"
        return fail(SUBJECT, f"the account is {status[:40]!r}: nothing is sent", remedy)
    kind = str(answer.body.get("type", ""))
    if kind.lower() == "trial":
        return warn(
            SUBJECT,
            "a trial account: it writes to verified numbers only",
            "upgrade it, or verify the numbers you try with",
        )
    return ok(SUBJECT, "the account is active, the auth token is right")


def _api_key(answer: Answer) -> Finding:
    if answer.status == 200:
        return ok(SUBJECT, "the API key is right")
    return fail(
        SUBJECT,
        f"the API key is refused ({answer.status})",
        "make a key anew and set api_key_sid and api_key_secret_file",
    )


def judge_numbers(rows: object, section: TwilioSection, ours: frozenset[str]) -> Iterator[Finding]:
    """Tell which numbers call another program; `ours` are those that the configuration names."""
    wanted = section.public_url + MESSAGES_PATH
    numbers = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    known = {str(row.get("phone_number", "")) for row in numbers}
    missing = sorted(ours - known)
    if missing and len(numbers) < NUMBERS_MOST:
        yield warn(
            SUBJECT,
            f"{', '.join(missing)} is configured as a sender but is no number of this account",
            "correct fallback.senders, or buy the number",
        )
    looked_at = [row for row in numbers if not ours or row.get("phone_number") in ours]
    wrong = [row for row in looked_at if not _calls(row, wanted)]
    for row in wrong:
        if section.messaging_service_sid:
            continue  # the service's own settings may decide instead
        there = str(row.get("sms_url") or "nothing")[:120]
        yield warn(
            SUBJECT,
            f"messages to {row.get('phone_number')} go to {there}, not to {wanted}",
            f'set "A message comes in" to {wanted} (HTTP POST), {_CONSOLE}',
        )
    if looked_at and not wrong:
        yield ok(SUBJECT, f"messages to {len(looked_at)} numbers come to {wanted}")


def _calls(row: Mapping[str, Any], wanted: str) -> bool:
    if row.get("sms_application_sid"):
        return True  # set in the application, which is not looked at
    return row.get("sms_url") == wanted and str(row.get("sms_method", "POST")).upper() == "POST"


def judge_service(answer: Answer, section: TwilioSection) -> Finding:
    """Tell whether a messaging service hands messages to us."""
    wanted = section.public_url + MESSAGES_PATH
    if answer.status != 200:
        return fail(
            SUBJECT,
            f"messaging_service_sid is refused ({answer.status})",
            "copy the SID of a messaging service of this account",
        )
    if answer.body.get("use_inbound_webhook_on_number"):
        return ok(SUBJECT, "the messaging service leaves incoming messages to its numbers")
    there = str(answer.body.get("inbound_request_url") or "nothing")[:120]
    if there == wanted:
        return ok(SUBJECT, f"messages to the messaging service come to {wanted}")
    return warn(
        SUBJECT,
        f"messages to the messaging service go to {there}, not to {wanted}",
        f"set its Request URL to {wanted}, in Twilio's console under Integration",
    )


def messaging_url(api_url: str) -> str:
    """Return where messaging services are: `messaging` in place of `api` in the name."""
    host = urlsplit(api_url).netloc
    return api_url.replace("//api.", "//messaging.", 1) if host.startswith("api.") else api_url


def _own_addresses(config: Config) -> frozenset[str]:
    """Return our telephone numbers, as far as the configuration names them as senders."""
    fallback = config.fallback
    tables: Sequence[Mapping[Any, str]] = (
        fallback.senders,
        *(number.senders for number in fallback.numbers.values()),
    )
    return frozenset(
        address for table in tables for address in table.values() if address.startswith("+")
    )
