"""Prints what calls cost and how fast they are served: `python -m tests.load.bench [--quick]`.

Starts a gateway of its own on free ports with a configuration of its own, phones it with SIPp, and prints
each figure, those that are promised with their target. Ends everything it started. Wants an otherwise
idle machine; the load it found is printed first.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.load import barge_in, browser_calls, calls, chaos, latency, messages, soak, sounds
from tests.load.gateway_process import ECHO, GatewayProcess
from tests.load.printing import Report

SECTIONS = ("calls", "echo", "latency", "turns", "browser", "chaos", "messages", "soak")
_COUNTS = (1, 25, 50, 100, 200)
_SHORT_S, _LONG_S, _QUICK_S = 20.0, 60.0, 12.0
_GREETING_S = 90.0
_AT_ONCE = 50
_CHAOTIC = 2_000
_SOAK_MIN, _QUICK_SOAK_MIN = 30.0, 3.0
_MESSAGES, _ROOMS = 10_000, 500


def main(argv: list[str] | None = None) -> int:
    """Run the sections asked for; returns 1 if a promise was not kept."""
    options = _options(argv)
    report = Report()
    report.title("machine")
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    report.say(
        f"{os.cpu_count()} cores, {_processor()}, {platform.platform()}; load before: {load}"
    )
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name:
        directory = Path(name)
        greeting = directory / "greeting.wav"
        sounds.long_greeting(greeting, max(_GREETING_S, (options.seconds or 0) + 15))
        for section in options.only or SECTIONS:
            # A gateway for each: what one section leaves behind is not the next one's figure.
            home = directory / section
            home.mkdir()
            if section == "messages":
                # Its gateway has no telephone, so that what is measured is messages.
                count = _MESSAGES // 20 if options.quick else _MESSAGES
                messages.run(report, home, messages=count, rooms=_ROOMS * count // _MESSAGES)
                continue
            gateway = GatewayProcess(home, greeting)
            try:
                gateway.start()
                _run(section, report, gateway, home, options)
                for line in gateway.errors()[:5]:
                    report.say(f"the gateway complained: {line}")
            finally:
                status = gateway.stop()
            report.promise(f"{section}: gateway ended in order", "0", str(status), status == 0)
    return 1 if report.summary() else 0


def _run(
    section: str,
    report: Report,
    gateway: GatewayProcess,
    home: Path,
    options: argparse.Namespace,
) -> None:
    match section:
        case "calls":
            _hold(report, gateway, home, options)
        case "echo":
            count = 25 if options.quick else 100
            report.title(
                f"{count} calls with the echo agent: every frame through the agent and back"
            )
            held = calls.hold(
                gateway, home / "echo", _speech(), calls=count, seconds=_QUICK_S, number=ECHO
            )
            calls.tell(report, [held])
        case "latency":
            for round_number in range(1 if options.quick else 3):
                latency.run(report, gateway, home / f"at-once-{round_number}", calls=_AT_ONCE)
        case "turns":
            count = 2 if options.quick else 7
            barge_in.run(report, gateway, home / "turns", barge_in.prepare(), calls=count)
        case "browser":
            browser_calls.run(report, gateway, home, is_quick=options.quick)
        case "chaos":
            count = 200 if options.quick else _CHAOTIC
            chaos.run(report, gateway, home, _speech(), calls=count)
        case "soak":
            minutes = options.minutes or (_QUICK_SOAK_MIN if options.quick else _SOAK_MIN)
            soak.run(report, gateway, home, _speech(), minutes=minutes)


def _hold(report: Report, gateway: GatewayProcess, home: Path, options: argparse.Namespace) -> None:
    report.title("calls held, G.711 both ways, voice activity on, greeting playing")
    held = []
    for count in options.calls or ((1, 25) if options.quick else _COUNTS):
        seconds = options.seconds or (_LONG_S if count == 100 else _SHORT_S)
        if options.quick:
            seconds = _QUICK_S
        report.say(f"{count} calls for {seconds:.0f} s …")
        held.append(
            calls.hold(gateway, home / f"hold-{count}", _speech(), calls=count, seconds=seconds)
        )
    calls.tell(report, held)
    for item in held:
        calls.judge(report, item)


def _speech() -> bytes:
    """What callers say all the time: the bundled clip with short pauses."""
    return sounds.to_line(sounds.clip() + sounds.silence(0.7))


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be repeated")
    parser.add_argument("--calls", type=int, action="append", metavar="N", help="calls to hold")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long to hold them")
    parser.add_argument("--minutes", type=float, metavar="MIN", help="how long the soak takes")
    return parser.parse_args(argv)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
