"""The `[console]` section: the web console at `/console`."""

from pydantic import Field

from gateway.config.section import Section


class ConsoleSection(Section):
    """The web console."""

    enabled: bool = True
    """Serve `/console`; the API is there either way."""
    sign_in_hours: float = Field(default=12.0, ge=0.25, le=168)
    """How long a sign-in lasts."""
