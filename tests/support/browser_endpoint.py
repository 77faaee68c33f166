"""A real browser worker under a real endpoint, for tests that call it with `BrowserPeer`s."""

import sys
from pathlib import Path

from gateway.config import Config
from gateway.endpoints.browser import BrowserEndpoint
from gateway.media.tick import TickListener
from gateway.metrics import Metrics
from gateway.model.endpoint import OfferListener


def browser_config(**webrtc: object) -> Config:
    """Return a configuration for calls over loopback; `webrtc` are keys of that section."""
    return Config.model_validate(
        {
            "gateway": {"log_level": "warning"},
            "webrtc": {"hosts": ["127.0.0.1"], "max_calls": 60, **webrtc},
        }
    )


def browser_endpoint(
    config: Config, file: Path, *, offers: OfferListener, ticks: TickListener
) -> BrowserEndpoint:
    """Return an endpoint over real browser workers; `file` takes their configuration."""
    file.write_text(config.model_dump_json())

    def argv(link_fd: int) -> list[str]:
        command = [sys.executable, "-m", "webrtc", "--link-fd", str(link_fd)]
        return [*command, "--config-json", str(file)]

    workers = [argv] * config.webrtc.workers
    return BrowserEndpoint(workers, offers=offers, ticks=ticks, metrics=Metrics())
