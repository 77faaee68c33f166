"""What the embedded models run on tells nobody of it: no account, no key, no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "module", ["agents.local.onnx", "agents.hearing.hub", "agents.speech.models"]
)
def test_loading_the_models_library_leaves_no_trace(module, tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "ORT_DISABLE_TELEMETRY" and not name.startswith("XDG_")
    }
    program = f"import {module}, sys; assert 'onnxruntime' in sys.modules"

    subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"HOME": str(tmp_path)},
        cwd=ROOT,
        check=True,
        timeout=60,
    )

    # Where it keeps the number of this machine, and what it has not sent yet.
    assert list(tmp_path.rglob("*onnxruntime*")) == []
