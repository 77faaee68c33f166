"""`offhook check` without its printing: everything that can be told before the gateway starts."""

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.checks.addresses import check_addresses
from gateway.checks.clock import check_clock
from gateway.checks.deliveries import check_deliveries
from gateway.checks.dialling import check_dialling
from gateway.checks.engine import check_engine
from gateway.checks.finding import Finding, fail, ok
from gateway.checks.greetings import check_greetings
from gateway.checks.kernel import check_kernel
from gateway.checks.live_providers import check_providers
from gateway.checks.live_twilio import check_twilio
from gateway.checks.machine import check_machine, is_running
from gateway.checks.network import check_network
from gateway.checks.observing import check_observing
from gateway.checks.public_url import check_public_url
from gateway.checks.secret_files import check_secrets
from gateway.checks.speech import check_speech
from gateway.checks.tcp_filter import check_tcp_filter
from gateway.checks.webrtc import check_webrtc
from gateway.config import Config, SpeechSection
from gateway.config import file as config_file

Look = Callable[[], list[Finding]]


def collect(path: Path | None, *, live: bool = False) -> list[Finding]:
    """Return all findings for the configuration at `path` (or where it is found); raises nothing.

    With a wrong configuration only what does not depend on it is looked at. `live` also asks the providers
    that are configured whether they take our keys. Whatever asks somebody is bounded in time.
    """
    config, source, findings = _configuration(path)
    looks: list[Look] = [
        # Both start a process of their own and take about a second.
        lambda: check_engine(config.sip if config else None),
        lambda: check_speech(config.speech if config else SpeechSection()),
    ]
    if config is not None:
        looks += _looks(config, source, live=live)
    with ThreadPoolExecutor(max_workers=len(looks)) as pool:
        for found in [pool.submit(_guarded, look) for look in looks]:
            findings += found.result()
    return findings


def _looks(config: Config, source: Path | None, *, live: bool) -> list[Look]:
    running = is_running(config)
    looks: list[Look] = [
        lambda: check_secrets(config, source),
        lambda: check_network(config, is_running=running),
        lambda: check_addresses(config),
        lambda: check_public_url(config, live=live),
        lambda: check_deliveries(config),
        lambda: check_webrtc(config),
        lambda: check_dialling(config),
        lambda: check_greetings(config),
        lambda: check_machine(config, is_running=running),
        lambda: check_kernel(config),
        lambda: check_tcp_filter(config, source),
        lambda: check_observing(config),
        lambda: check_clock(config, live=live),
    ]
    if live:
        looks += [lambda: check_twilio(config), lambda: check_providers(config)]
    return looks


def _guarded(look: Look) -> list[Finding]:
    """Run one check; a fault in it must not hide what the others found."""
    try:
        return look()
    except Exception as error:
        # Only its kind: its text may quote what a file or a provider told.
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"
        return [
            fail("check", f"a check itself failed: {told}", "report this as a fault of Offhook")
        ]


def _configuration(path: Path | None) -> tuple[Config | None, Path | None, list[Finding]]:
    try:
        config, source = config_file.load(path)
    except config_file.ConfigProblems as error:
        problems = [
            fail("configuration", f"{error.source}{problem.told()}", problem.remedy)
            for problem in error.problems
        ]
        return None, None, problems
    told = ok("configuration", str(source or "no file: the built-in defaults"))
    return config, source, [told]
