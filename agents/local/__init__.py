"""Local models: speech recognition, voice, end of turn, embeddings."""

import os

# Before anything loads ONNX Runtime, which otherwise tells its maker of every process that does (its Privacy.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
