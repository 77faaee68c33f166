"""The gateway that most tests of this folder call, the callers' words, and what should be heard."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agents.caller_voice import CallerVoice
from agents.speech.pool import SpeechPool
from agents.speech.wire import JobKind
from agents.voices import LocalVoice
from gateway.config import GatewaySection, SpeechSection
from gateway.media.speech_cache import CachedVoice, SpeechCache
from gateway.model.speech import Urgency
from tests.interop.gateway.caller import Caller, Samples
from tests.interop.gateway.matching import to_line
from tests.interop.gateway.running_gateway import RunningGateway

Call = Callable[..., Caller]
Words = Callable[[str], Samples]
WideWords = Callable[[str], bytes]
StartGateway = Callable[..., RunningGateway]

GREETING = "Hello, thank you for calling. How can I help you?"
LONG_GREETING = (
    "Hello, and welcome to the head office of the harbour authority. "
    "Please tell me what you would like to know, and I will find the answer for you."
)
HOURS = "We are open Monday to Friday from nine to five."
GOODBYE = "Thank you for calling. Goodbye."
ECHO_GREETING = "This is the echo test."

ASK_HOURS = "When are you open?"
ASK_ADDRESS = "What is your address?"
LEAVE = "No, that is all. Goodbye."
INTERRUPT = "Excuse me, I only want to know when you are open today."
LINES = (ASK_HOURS, ASK_ADDRESS, LEAVE, INTERRUPT)

FAQ = """
[[agents.{name}.faq]]
questions = ["When are you open?", "What are your opening hours?", "Are you open today?"]
answer = "We are open Monday to Friday from nine to five."
[[agents.{name}.faq]]
questions = ["Where are you?", "What is your address?"]
answer = "You can find our address on our web site."
"""

SETTINGS = f"""
[turns]
reprompt_after_s = 60
[agents.desk]
kind = "receptionist"
{FAQ.format(name="desk")}
[agents.drop]
kind = "receptionist"
early_speech = "drop"
{FAQ.format(name="drop")}
[agents.barge]
kind = "receptionist"
early_speech = "barge_in"
greeting = "{LONG_GREETING}"
{FAQ.format(name="barge")}
[agents.long]
kind = "receptionist"
greeting = "{LONG_GREETING}"
[agents.echo]
kind = "echo"
greeting = "{ECHO_GREETING}"
[[numbers]]
number = "desk"
agent = "desk"
[[numbers]]
number = "1000"
agent = "long"
[[numbers]]
number = "drop"
agent = "drop"
[[numbers]]
number = "barge"
agent = "barge"
[[numbers]]
number = "long"
agent = "long"
[[numbers]]
number = "echo"
agent = "echo"
"""
"""No agent answers other numbers."""


@pytest.fixture(scope="session")
def cache() -> Path:
    """Rendered speech, kept between runs; its keys name voice and text."""
    return GatewaySection().cache_dir / "tests"


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[RunningGateway]:
    """The gateway of all tests that break nothing."""
    with RunningGateway(tmp_path_factory.mktemp("desk"), cache, SETTINGS) as gateway:
        yield gateway
    assert not gateway.troubles()


@pytest.fixture
def own_gateway(tmp_path: Path, cache: Path) -> Iterator[StartGateway]:
    """Start a gateway that the test may break."""
    with ExitStack() as stack:

        def start(settings: str = SETTINGS, name: str = "own", **options: Any) -> RunningGateway:
            gateway = RunningGateway(tmp_path / name, cache, settings, **options)
            return stack.enter_context(gateway)

        yield start


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    """Call a gateway; the call is over with the test."""
    with ExitStack() as stack:

        def start(gateway: RunningGateway, dialled: str = "desk", **options: Any) -> Caller:
            return stack.enter_context(Caller(tmp_path, gateway.sip_port, dialled, **options))

        yield start


@pytest.fixture(scope="session")
def wide_words(cache: Path) -> WideWords:
    """Return what a caller says (one of `LINES`) as PCM16 16 kHz, in a voice that is not the agent's."""
    return asyncio.run(_render(cache)).__getitem__


@pytest.fixture(scope="session")
def words(wide_words: WideWords) -> Words:
    """Return the same as 8 kHz samples."""
    return lambda text: to_line(wide_words(text))


async def _render(cache: Path) -> dict[str, bytes]:
    pool = SpeechPool(SpeechSection(workers=1), kinds=(JobKind.SPEAK,))
    voice = CachedVoice(CallerVoice(LocalVoice(pool)), SpeechCache(cache / "speech"))
    found = {text: await voice.cached(text) for text in LINES}
    if not all(found.values()):
        await pool.start()
        try:
            found = {text: await voice.speak(text, Urgency.AHEAD) for text in LINES}
        finally:
            await voice.close()
            await pool.stop()
    return {text: speech.pcm for text, speech in found.items() if speech is not None}


@pytest.fixture(scope="session")
def rendered(cache: Path) -> Words:
    """Return what the agent should be heard to say, 8 kHz; it must have been rendered."""

    voice = LocalVoice(SpeechPool(SpeechSection())).name

    def load(text: str) -> Samples:
        speech = asyncio.run(SpeechCache(cache / "speech").get(voice, text))
        assert speech is not None, f"not in the cache: {text}"
        return to_line(speech.pcm)

    return load
