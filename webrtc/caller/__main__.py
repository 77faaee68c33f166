"""`python -m webrtc.caller`: start the calling worker; `offhook rehearse` does this, with the link inherited."""

import argparse
import asyncio
import faulthandler
import logging
import sys

from gateway import log
from gateway.config import Config
from gateway.link.sockets import inherited_link


def main(arguments: list[str] | None = None) -> int:
    """Run the worker until its parent is gone; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m webrtc.caller", description=__doc__)
    parser.add_argument("--link-fd", type=int, required=True, help="the media link's socket")
    parser.add_argument("--config-json", required=True, help="file with the configuration as JSON")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    with open(options.config_json, "rb") as file:
        config = Config.model_validate_json(file.read())
    log.set_up(config.gateway, process="caller")
    try:
        # Heavy and possibly missing: only once the arguments are known to be right.
        from webrtc.caller.worker import CallerWorker
    except ImportError as error:
        logging.getLogger("webrtc.caller").error(
            "aiortc is missing or broken", extra={"reason": str(error)}
        )
        return 1

    async def serve() -> None:
        await CallerWorker(inherited_link(options.link_fd)).run()

    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
