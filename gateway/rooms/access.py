"""What may pass in a room by each channel: rules for agents, and a mute that holds for everybody."""

from dataclasses import dataclass

OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAccess:
    """The rules of one channel of one room; the default lets everything pass."""

    can_read: bool = True
    """Agents get what the person says or writes there. Without it that stands in the timeline and nobody answers; a
    call is refused."""
    can_write: bool = True
    """Agents and the fallback may send there; a call is refused without it, since an agent could not speak."""
    is_muted: bool = False
    """Nothing is sent there by anybody, not even what waits in the outbox; calls are neither taken nor made."""

    def may_write(self, by: str) -> bool:
        """Whether a message may be sent; `by` is what `Letter.by` says."""
        if self.is_muted:
            return False
        return self.can_write or by.partition(":")[0] == OPERATOR

    @property
    def may_converse(self) -> bool:
        """Whether an agent may be asked for an answer at all."""
        return self.can_read and self.can_write and not self.is_muted


OPEN = ChannelAccess()
