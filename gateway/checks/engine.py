"""Whether the installed SIP engine can do what the configuration asks, and which build it is."""

from collections.abc import Iterator
from typing import Any

from gateway.checks.finding import Finding, fail, ok, warn
from gateway.checks.programs import NoAnswer, ask
from gateway.config import SipSection

SUBJECT = "sip engine"
_BUILD = "run `make setup`, which builds a current PJSIP from Debian's source package"


def check_engine(section: SipSection | None) -> list[Finding]:
    """Return what is to be said of the engine; `section` is None when the configuration is wrong."""
    if section is not None and not section.enabled:
        return [ok(SUBJECT, "not looked at: sip.enabled is false")]
    try:
        facts = ask("telephony.engine", "--json")
    except NoAnswer as error:
        return [fail(SUBJECT, f"does not run: {error}", _BUILD)]
    return list(judge(facts, section))


def judge(facts: dict[str, Any], section: SipSection | None) -> Iterator[Finding]:
    """Tell what the facts mean for the configuration."""
    codecs = {str(codec).partition("/")[0].lower() for codec in facts.get("codecs", [])}
    slots = int(facts.get("max_calls") or 0)
    summary = (
        f"PJSIP {facts.get('version')}, {facts.get('io_queue')}, TLS: {facts.get('tls')}, "
        f"{slots or 'unknown'} call slots, codecs: {', '.join(sorted(codecs)) or 'none'}"
    )
    if facts.get("is_server_grade"):
        yield ok(SUBJECT, summary)
    else:
        limits = [f"{slots} calls at most"] if slots else []
        limits += ["select() with few sockets"] if facts.get("io_queue") == "select" else []
        limits += [] if facts.get("has_fast_audio") else ["slow audio conversion"]
        limits += [] if facts.get("has_opus") else ["no Opus"]
        yield warn(
            SUBJECT,
            f"this is the published wheel or an old build, good for trying out only: "
            f"{'; '.join(limits) or 'limits unknown'} ({summary})",
            _BUILD,
        )
    if section is None:
        return
    if 0 < slots < section.max_calls:
        yield warn(
            SUBJECT,
            f"sip.max_calls is {section.max_calls} but this build holds {slots} calls; "
            "further calls are refused",
            f"set sip.max_calls = {slots}, or {_BUILD}",
        )
    missing = [codec.value for codec in section.codecs if codec.value.lower() not in codecs]
    if len(missing) == len(section.codecs):
        yield fail(
            SUBJECT,
            f"this build has none of sip.codecs ({', '.join(missing)})",
            'add "PCMU" and "PCMA" to sip.codecs',
        )
    elif missing:
        yield warn(
            SUBJECT,
            f"this build does not have {', '.join(missing)} of sip.codecs; calls use the others",
            f"remove it from sip.codecs, or {_BUILD}",
        )
