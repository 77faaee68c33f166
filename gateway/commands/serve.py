"""`offhook serve`: runs the gateway until it is told to stop."""

import argparse
import asyncio
import faulthandler
import logging
import os

from gateway import log
from gateway.config import file as config_file

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    # The service manager's watchdog ends us with SIGABRT: then the log tells where every thread stood.
    faulthandler.enable()
    config, source = config_file.load(options.config)
    log.set_up(config.gateway)
    logger.info("configuration read", extra={"file": str(source or "built-in defaults")})
    # What is made from here on holds what people said, and secrets: it is for nobody else on this machine.
    os.umask(0o077)
    # The composition root brings in everything; it is wanted only from here on.
    from gateway.app.serve import serve

    asyncio.run(serve(config, options.config))
    return 0
