"""Calls that we have asked an endpoint to place, from the asking until their leg is there."""

from dataclasses import dataclass, replace

from gateway.config import AgentBase
from gateway.model.events import Offered

WAITING_MOST = 500
"""Asked for and without a leg; the dialler's own limits are far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """What the gateway knows of a call that it places; the endpoint only knows a target."""

    call_id: str
    number: str
    """Ours, the one that is shown: the call belongs to its room with the person."""
    person: str
    """Who is called."""
    agent: str
    ring_s: float
    max_call_s: int
    greeting: str = ""
    """Said instead of the agent's own greeting; empty: the agent's own."""
    purpose: str = ""
    """Why we call, for the agent."""

    def as_offered(self, offered: Offered) -> Offered:
        """Return the offer as the rest of the gateway is to know it."""
        return replace(
            offered,
            caller=self.number,
            callee=self.person,
            agent=self.agent,
            max_call_s=self.max_call_s,
        )

    def settings(self, agent: AgentBase) -> AgentBase:
        """Return the agent's settings for this call."""
        if not self.greeting:
            return agent
        return agent.model_copy(update={"greeting": self.greeting, "greeting_file": None})


class PlacedCalls:
    """Filled by the dialler, emptied by the registry, both on the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, PlacedCall] = {}

    def expect(self, call: PlacedCall) -> None:
        """Have the leg of this call taken when it comes. Raises `RuntimeError` with too many waiting."""
        if len(self._waiting) >= WAITING_MOST:
            raise RuntimeError("too many calls wait for their leg")
        self._waiting[call.call_id] = call

    def take(self, call_id: str) -> PlacedCall | None:
        """Return the call whose leg has come, once; None for one that nobody waits for (any more)."""
        return self._waiting.pop(call_id, None)
