"""`offhook rehearse`: a bundled caller phones the running gateway, speaks a script and judges."""

import argparse
import asyncio
import json
import logging
import os
import secrets
import sys
from dataclasses import replace
from typing import Any

from gateway import log
from gateway.commands.api_client import ApiClient, gateway_url
from gateway.commands.exits import CommandFailed, Exit
from gateway.config import Codec, Config
from gateway.config import file as config_file
from gateway.rehearsal import script as scripts
from gateway.rehearsal.perform import Plan, Rehearsed
from gateway.rehearsal.plot import draw
from gateway.rehearsal.report import Report, as_text

logger = logging.getLogger(__name__)

_SECTIONS = ("greeting_started", "greeting_played", "gate_opened", "barge_in", "ended")


def run(options: argparse.Namespace) -> int:
    """Rehearse; the exit code tells the verdict."""
    config, _ = config_file.load(options.config)
    log.set_up(config.gateway.model_copy(update={"log_level": "warning"}), process="rehearse")
    plan = _plan(options, config)
    _check_folders(options)
    if options.webrtc:
        plan = _over_webrtc(plan, options, config)
    # The composition root brings in the models; not for those who only ask for --help.
    from gateway.app.rehearse import rehearse

    rehearsed = asyncio.run(rehearse(config, plan))
    report, timeline = _with_record(rehearsed, plan, options)
    _write_files(options, rehearsed, report, timeline)
    if options.json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        print(as_text(report, plan.script))
        _print_turns(timeline)
    return Exit.OK if report.passed else Exit.FAILED


def _plan(options: argparse.Namespace, config: Config) -> Plan:
    host, port = config.sip.host, config.sip.port
    if not (config.sip.enabled or options.address or options.webrtc):
        raise CommandFailed("sip.enabled is false; use --webrtc, or name a --target", Exit.USAGE)
    if options.address:
        host, _, given = options.address.partition(":")
        port = _port(given) if given else 5060
    if options.script is not None:
        script = scripts.load(options.script)
    elif options.say:
        script = scripts.parse("\n".join(options.say), "--say")
    else:
        script = scripts.parse(scripts.DEFAULT_TEXT, "the default script")
    return Plan(
        host="127.0.0.1" if host == "0.0.0.0" else host,
        port=port,
        number=options.number,
        script=script,
        codec=Codec(options.codec),
        tcp=options.tcp,
        progress=lambda text: print(f"{text} …", file=sys.stderr, flush=True),
    )


def _check_folders(options: argparse.Namespace) -> None:
    """Refuse a file that could not be written before the call is made, not after it."""
    for option, file in (("--record", options.record), ("--plot", options.plot)):
        if file is not None and (file.is_dir() or not os.access(file.parent, os.W_OK)):
            raise CommandFailed(
                f"{option}: {file} cannot be written; name a file in a folder that is there",
                Exit.USAGE,
            )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise CommandFailed(
            f"--target: {text!r} is not a port; write ADDRESS:PORT with a port from 1 to 65535",
            Exit.USAGE,
        )
    return int(text)


def _over_webrtc(plan: Plan, options: argparse.Namespace, config: Config) -> Plan:
    """Return the plan of a call over WebRTC, with a token if the gateway's API gives one."""
    if options.address or options.tcp:
        raise CommandFailed("--target and --tcp are for SIP; use --url with --webrtc", Exit.USAGE)
    plan = replace(
        plan,
        page_url=gateway_url(options.url, config.http).rstrip("/"),
        agent=options.agent,
        caller=f"rehearsal-{secrets.token_hex(4)}",
    )
    wanted = {"subject": plan.caller, "name": "Rehearsal"}
    if plan.agent:
        wanted["agent"] = plan.agent
    try:
        given = ApiClient.of(options).post("/api/v1/webrtc/tokens", wanted)
    except CommandFailed as error:
        if error.code == Exit.UNREACHABLE:
            raise
        # It may be open to everybody, and whoever rehearses need not hold its API's token.
        logger.warning("calling without a token", extra={"reason": str(error)})
        return plan
    return replace(plan, token=str(given.get("token", "")), agent=str(given.get("agent", "")))


def _with_record(
    rehearsed: Rehearsed, plan: Plan, options: argparse.Namespace
) -> tuple[Report, list[dict[str, Any]]]:
    """Add the gateway's own record of the call, if its API can be asked."""
    report = rehearsed.report
    # SIP has an id of the call that both sides know; a browser's call has its caller's name.
    key, value = "foreign_id", rehearsed.observed.foreign_id
    if plan.is_webrtc:
        key, value = "caller", f"web:{plan.caller}"
    if not value:
        return report, []
    try:
        client = ApiClient.of(options)
        for call in client.get("/api/v1/calls?limit=50")["calls"]:
            if call[key] == value:
                whole = client.get(f"/api/v1/calls/{call['call_id']}")
                return replace(report, call=whole), list(whole.get("timeline", []))
    except (CommandFailed, KeyError) as error:
        logger.warning("no record of the call from the gateway", extra={"reason": str(error)})
    return report, []


def _write_files(
    options: argparse.Namespace,
    rehearsed: Rehearsed,
    report: Report,
    timeline: list[dict[str, Any]],
) -> None:
    recording = rehearsed.observed.recording
    try:
        if options.record is not None:
            recording.write(options.record)
        if options.plot is not None:
            draw(options.plot, recording.tracks(), report.transcript, _events(rehearsed, timeline))
    except OSError as error:
        raise CommandFailed(f"{error.filename}: {error.strerror}") from error


def _events(rehearsed: Rehearsed, timeline: list[dict[str, Any]]) -> list[tuple[float, str]]:
    """Return the gateway's events on the recording's time axis, joined at the answer."""
    observed = rehearsed.observed
    answered = [line["offset_ms"] for line in timeline if line["kind"] == "answered"]
    if not answered or observed.answered_s is None or observed.origin_s is None:
        return []
    shift_s = observed.answered_s - observed.origin_s - answered[0] / 1000
    return [
        (line["offset_ms"] / 1000 + shift_s, line["kind"].replace("_", " "))
        for line in timeline
        if line["kind"] in _SECTIONS
    ]


_SPLIT = (
    "endpointing_ms",
    "recognition_ms",
    "model_ms",
    "synthesis_ms",
    "first_packet_ms",
    "response_ms",
)


def _print_turns(timeline: list[dict[str, Any]]) -> None:
    """Print the gateway's own latency split of each turn."""
    turns = [line["facts"] for line in timeline if line["facts"].get("name") == "turn"]
    if not turns:
        return
    print("\nthe gateway's own account of each turn (ms):")
    print("  " + "".join(f"{name.removesuffix('_ms'):>14}" for name in _SPLIT))
    for facts in turns:
        row = (f"{facts[name]:14.0f}" if name in facts else f"{'-':>14}" for name in _SPLIT)
        print("  " + "".join(row))
