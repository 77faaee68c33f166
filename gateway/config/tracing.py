"""Traces of calls for OpenTelemetry."""

from pydantic import Field, field_validator

from gateway.config.section import Section


class TracingSection(Section):
    """Where traces of calls are sent; needs the extra `otel`."""

    otlp_url: str = ""
    """A collector's URL for traces (OTLP over HTTP), such as `http://127.0.0.1:4318/v1/traces`; empty: none."""
    service_name: str = Field(default="offhook", min_length=1, max_length=100)
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of the calls that are traced."""

    @field_validator("otlp_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value
