"""`python -m telephony`: start the SIP worker; the gateway does this, with the link inherited."""

import argparse
import faulthandler
import logging
import os
import sys
from pathlib import Path

from gateway import log
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.link.sockets import inherited_link
from telephony.native_output import NativeOutput


def main(arguments: list[str] | None = None) -> int:
    """Run the worker until the gateway is gone; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m telephony", description=__doc__)
    parser.add_argument("--link-fd", type=int, required=True, help="the media link's socket")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config-fd", type=int, help="descriptor of the configuration as JSON")
    source.add_argument("--config-json", help="file with the configuration as JSON")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    with open(options.config_json or options.config_fd, "rb") as file:
        config = Config.model_validate_json(file.read())
    log.set_up(config.gateway, process="telephony")
    logger = logging.getLogger("telephony")
    link = inherited_link(options.link_fd)
    output = NativeOutput()
    output.open()
    try:
        # Heavy and possibly missing: only once the arguments are known to be right.
        from telephony.worker import Worker

        config_file = Path(options.config_json) if options.config_json else None
        Worker(config, link, config_file=config_file).run()
    except GatewayError as error:
        logger.error("sip worker failed", extra={"reason": str(error)})
        return 1
    except ImportError as error:
        logger.error("pjsua2 is missing or broken", extra={"reason": str(error)})
        return 1
    finally:
        output.close()
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stderr.flush()
    # Native threads that the library left behind must not meet a half dismantled interpreter.
    os._exit(status)
