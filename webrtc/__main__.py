"""`python -m webrtc`: start the browser worker; the gateway does this, with the link inherited."""

import argparse
import asyncio
import faulthandler
import logging
import sys

from gateway import log
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.link.sockets import inherited_link


def main(arguments: list[str] | None = None) -> int:
    """Run the worker until the gateway is gone; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m webrtc", description=__doc__)
    parser.add_argument("--link-fd", type=int, required=True, help="the media link's socket")
    parser.add_argument("--config-json", required=True, help="file with the configuration as JSON")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    with open(options.config_json, "rb") as file:
        config = Config.model_validate_json(file.read())
    log.set_up(config.gateway, process="webrtc")
    logger = logging.getLogger("webrtc")
    # They tell of every check and packet; what matters of it we tell ourselves.
    for name in ("aioice", "aiortc"):
        logging.getLogger(name).setLevel(logging.WARNING)
    link = inherited_link(options.link_fd)
    try:
        # Heavy and possibly missing: only once the arguments are known to be right.
        from webrtc.worker import Worker
    except ImportError as error:
        logger.error("aiortc is missing or broken", extra={"reason": str(error)})
        return 1

    async def serve() -> None:
        await Worker(config, link).run()

    try:
        asyncio.run(serve())
    except GatewayError as error:
        logger.error("browser worker failed", extra={"reason": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
