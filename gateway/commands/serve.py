"""`offhook serve`: runs the gateway until it is told to stop."""

import argparse
import asyncio
import logging

from gateway import log
from gateway.config import file as config_file

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    config, source = config_file.load(options.config)
    log.set_up(config.gateway)
    logger.info("configuration read", extra={"file": str(source or "built-in defaults")})
    # The composition root brings in everything; it is wanted only from here on.
    from gateway.app.serve import serve

    asyncio.run(serve(config, options.config))
    return 0
