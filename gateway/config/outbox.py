"""The configuration of the outbox, through which every message goes: `[outbox]`."""

from pydantic import Field, model_validator

from gateway.config.section import Section


class OutboxSection(Section):
    """How messages are sent, tried again and given up."""

    tries: int = Field(default=10, ge=1, le=50)
    """Most tries for one message; then it is a dead letter, which can be replayed."""
    first_retry_s: float = Field(default=2.0, ge=0.05, le=600)
    """Pause after the first try that failed; it doubles with each further one."""
    longest_retry_s: float = Field(default=900.0, ge=0.05, le=86_400)
    settle_s: float = Field(default=15.0, ge=0, le=600)
    """How long after a lost answer the provider is asked, or the message sent again."""
    burst: int = Field(default=6, ge=1, le=1_000)
    """So many messages may go to one person at once."""
    interval_s: float = Field(default=4.0, ge=0, le=3_600)
    """Then one in so many seconds."""
    waiting_most: int = Field(default=50_000, ge=10, le=1_000_000)
    """Most messages that wait; further ones are refused."""

    @model_validator(mode="after")
    def _rising(self) -> "OutboxSection":
        if self.longest_retry_s < self.first_retry_s:
            raise ValueError("longest_retry_s must not be below first_retry_s")
        return self
