"""`python -m gateway` is `offhook`."""

import sys

from gateway.cli import main

sys.exit(main())
