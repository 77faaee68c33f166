"""Tests; a package, so that no installed package of this name is taken instead."""

import os

# As in `agents/local`: some tests load ONNX Runtime without it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
