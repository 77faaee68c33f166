"""What recognition returns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one stretch of speech."""

    text: str
    """Empty when nothing was said, as far as the recogniser can tell."""
    no_speech: float = 0.0
    """Probability, 0…1, that there was no speech at all."""
    log_probability: float = 0.0
    """Mean natural log-probability per token; nearer 0 is surer, below -1 is a guess."""

    @property
    def is_empty(self) -> bool:
        return not self.text
