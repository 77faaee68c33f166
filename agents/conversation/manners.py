"""What a conversation needs to know of its agent, and the phrases every conversation may need."""

from dataclasses import dataclass

from agents.conversation.small_phrases import AGAIN, FILLERS
from gateway.config import AgentBase, TurnsSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What a conversation needs to know of its agent."""

    turns: TurnsSection
    barge_in: bool
    goodbye: str
    reprompt: str
    filler: str
    history_lines: int = 40

    @classmethod
    def of(
        cls,
        agent: AgentBase,
        turns: TurnsSection,
        *,
        filler: str = FILLERS[0],
        history_lines: int = 40,
    ) -> "Manners":
        """Take what the agent's configuration says."""
        return cls(
            turns=turns,
            barge_in=agent.barge_in,
            goodbye=agent.goodbye,
            reprompt=agent.reprompt,
            filler=filler,
            history_lines=history_lines,
        )

    def phrases(self) -> tuple[str, ...]:
        """Texts worth rendering ahead."""
        return (self.goodbye, self.reprompt, self.filler, FILLERS[-1], AGAIN)
