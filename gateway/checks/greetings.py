"""Whether recorded greetings can be played, and to their end before the agent listens."""

from collections.abc import Iterator

from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import AgentBase, Config
from gateway.errors import AssetError
from gateway.media.wav import read_wav
from gateway.model.endpoint import PLAYOUT_LIMIT_MS
from gateway.model.frame import duration_ms

SUBJECT = "greetings"


def check_greetings(config: Config) -> list[Finding]:
    """Return what is to be said of the files that agents greet with."""
    found: list[Finding] = []
    for name, agent in config.agents.items():
        found += _file(f"agents.{name}.greeting_file", agent, config.greeting.gate_deadline_s)
    return found


def _file(key: str, agent: AgentBase, deadline_s: float) -> Iterator[Finding]:
    if agent.greeting_file is None:
        return
    try:
        length_ms = duration_ms(read_wav(agent.greeting_file))
    except AssetError as error:
        remedy = "correct the path or the file, make it readable for the gateway's user, or remove the key"
        yield fail(SUBJECT, f"{key} {error}", remedy)
        return
    told = f"{key} lasts {length_ms / 1000:.0f} s"
    if length_ms > PLAYOUT_LIMIT_MS:
        yield fail(SUBJECT, told, f"shorten it to {PLAYOUT_LIMIT_MS // 1000} s")
    elif length_ms >= deadline_s * 1000:
        yield warn(
            SUBJECT,
            f"{told}, but the agent listens after {deadline_s:g} s at the latest, heard or not",
            f"set greeting.gate_deadline_s to {length_ms / 1000 + 10:.0f} or more",
        )
    else:
        yield ok(SUBJECT, told)
