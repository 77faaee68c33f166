"""Recording of calls: which format, what the caller is told, how long files are kept."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from gateway.config.section import Section


class RecordingMode(StrEnum):
    """Whether calls to a number are recorded."""

    OFF = "off"
    ANNOUNCE = "announce"
    """The announcement is part of the greeting; recording begins when all of it was heard."""
    OPT_IN = "opt_in"
    """Recording begins when the caller asks for it, by a key or in words."""


class RecordingFormat(StrEnum):
    """Format of the files; the caller is on the left, the agent on the right."""

    WAV = "wav"
    OPUS = "opus"


class RecordingSection(Section):
    """Recording of calls; which numbers are recorded says each `[[numbers]]`."""

    format: RecordingFormat = RecordingFormat.WAV
    """`wav` takes 230 MB an hour and next to no time; `opus` a tenth of the room, a core for 70 calls at once, and the
    extra `recording`."""
    files_dir: Path | None = None
    """By default `recordings` in the data directory."""
    announcement: str = "This call is recorded."
    """Said before the greeting. Empty: the agents' greetings say it themselves."""
    opt_in_prompt: str = "To have this call recorded, press one, or say: record this call."
    """Said after the greeting. Empty: the agents' greetings say it themselves."""
    opt_in_key: str = "1"
    """The key that asks for recording, within 15 s of the greeting and not amid a number; empty: none."""
    opt_in_words: tuple[str, ...] = ("record this call", "you may record", "please record")
    """Words of which one, anywhere in what the caller says, asks for recording."""
    opt_in_refusals: tuple[str, ...] = (
        *("not", "don't", "dont", "never", "no", "nothing"),
        *("nobody", "without", "stop", "cannot", "can't"),
    )
    """Words of which one, anywhere in the same sentence, means that it was not asked for."""
    pause_key: str = ""
    """The key (* or #) that pauses recording and goes on with it, for card numbers; empty: none."""
    keep_days: int = Field(default=90, ge=0, le=36_500)
    """Files are deleted so long after their call; 0: never."""
    min_free_mb: int = Field(default=1024, ge=0)
    """With less room on the disk recording stops and calls go on."""

    @field_validator("opt_in_key", "pause_key")
    @classmethod
    def _key(cls, value: str) -> str:
        if value and value not in tuple("0123456789*#ABCD"):
            raise ValueError("must be one key of a telephone (0-9, *, #), or empty")
        return value

    @field_validator("pause_key")
    @classmethod
    def _no_digit(cls, value: str) -> str:
        if value.isdigit():
            raise ValueError("pause_key must be * or #, or empty: card numbers have digits")
        return value

    @model_validator(mode="after")
    def _keys_differ(self) -> "RecordingSection":
        if self.pause_key and self.pause_key == self.opt_in_key:
            raise ValueError("pause_key and opt_in_key must differ")
        return self
