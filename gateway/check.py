"""`offhook check` without its printing: everything that can be told before the gateway starts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.checks.engine import check_engine
from gateway.checks.finding import Finding, fail, ok
from gateway.checks.machine import check_machine, is_running
from gateway.checks.network import check_network
from gateway.checks.speech import check_speech
from gateway.checks.webrtc import check_webrtc
from gateway.config import Config, SpeechSection
from gateway.config import file as config_file


def collect(path: Path | None) -> list[Finding]:
    """Return all findings for the configuration at `path` (or where it is found); raises nothing.

    With a wrong configuration only what does not depend on it is looked at.
    """
    config, findings = _configuration(path)
    with ThreadPoolExecutor(max_workers=2) as pool:
        # Both start a process of their own and take about a second.
        engine = pool.submit(check_engine, config.sip if config else None)
        speech = pool.submit(check_speech, config.speech if config else SpeechSection())
        findings += [*engine.result(), *speech.result()]
    if config is not None:
        running = is_running(config)
        findings += check_network(config, is_running=running)
        findings += check_webrtc(config)
        findings += check_machine(config, is_running=running)
    return findings


def _configuration(path: Path | None) -> tuple[Config | None, list[Finding]]:
    try:
        config, source = config_file.load(path)
    except config_file.ConfigProblems as error:
        return None, [
            fail("configuration", f"{error.source}{problem.told()}", problem.remedy)
            for problem in error.problems
        ]
    return config, [ok("configuration", str(source or "no file: the built-in defaults"))]
