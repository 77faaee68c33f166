"""Who may import whom: read from every import statement, so that knowledge flows one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "telephony", "webrtc", "agents")

SHARED = (
    "gateway.model",
    "gateway.media",
    "gateway.config",
    "gateway.directories",
    "gateway.log",
    "gateway.errors",
)
ALLOWED = {
    "telephony": ("telephony", *SHARED, "gateway.link"),
    "webrtc": ("webrtc", *SHARED, "gateway.link"),
    "agents": ("agents", *SHARED),
    "gateway": ("gateway",),
}
"""Package → what of ours it may import."""

ROOT_OF_COMPOSITION = "gateway/app/"
"""The only folder of the gateway that knows the agents."""

ONLY_IN = {
    "pjsua2": {
        "telephony/ua.py",
        "telephony/account.py",
        "telephony/call.py",
        "telephony/media_port.py",
        "telephony/engine.py",
    },
    "aiortc": {"webrtc/peer.py", "webrtc/ice.py", "webrtc/caller/line.py"},
    "aioice": {"webrtc/ice.py"},
    "av": {"webrtc/caller/line.py"},
    "audioop": set(),
    # Whose package sees to it that ONNX Runtime tells nobody.
    "onnxruntime": {
        "agents/local/onnx.py",
        "agents/local/piper_model.py",
        "agents/local/smart_turn.py",
    },
    "pylibsrtp": {"webrtc/peer.py"},
}
"""Library → the files that may import it: everything else is testable without."""

HEAVY = ("onnxruntime", "ctranslate2", "tokenizers", "safetensors", "soxr", "sanotts", "torch")
"""Speech libraries: never in the process that answers calls, except where `agents` runs voice activity."""

SQLITE_WORDS = {"gateway/store/sqlite.py"}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            # `from gateway import log` imports gateway.log.
            module = node.module or ""
            if module in PACKAGES:
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def within(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_file_imports_only_what_its_package_may(path):
    file, package = name(path), name(path).partition("/")[0]
    allowed = ALLOWED[package]
    if file.startswith(ROOT_OF_COMPOSITION):
        allowed = (*allowed, "agents")

    wrong = [
        f"{file}:{line}: {package} may not import {module}"
        for line, module in imports(path)
        if within(module, PACKAGES) and not within(module, (*allowed, "gateway.__version__"))
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_to_few_files(library):
    users = {
        name(path)
        for path in sources()
        if any(within(module, (library,)) for _, module in imports(path))
    }

    assert users == ONLY_IN[library]


def test_the_gateway_knows_no_heavy_library():
    wrong = [
        f"{name(path)}:{line}: {module}"
        for path in sources()
        if name(path).startswith("gateway/")
        for line, module in imports(path)
        if within(module, HEAVY)
    ]

    assert not wrong, "\n".join(wrong)


def test_the_vocabulary_needs_the_standard_library_only():
    allowed = ("gateway.model",)
    third_party = ("numpy", "aiohttp", "pydantic", "sqlalchemy", "prometheus_client", "asyncio")
    wrong = [
        f"{name(path)}:{line}: {module}"
        for path in sorted((ROOT / "gateway/model").rglob("*.py"))
        for line, module in imports(path)
        if within(module, third_party) or (within(module, PACKAGES) and not within(module, allowed))
    ]

    assert not wrong, "\n".join(wrong)


def test_one_file_knows_which_database_it_is():
    users = {
        name(path)
        for path in sources()
        if "PRAGMA" in path.read_text(encoding="utf-8")
        or any(module == "sqlite3" for _, module in imports(path))
    }

    assert users == SQLITE_WORDS


def test_the_package_itself_imports_nothing():
    assert list(imports(ROOT / "gateway/__init__.py")) == []
