"""The secret that signs the tokens of browser calls: from a configured file, or made at the first start."""

from gateway.config import Config
from gateway.secret_file import SecretFile

SECRET_FILE = "webrtc-secret"
SHORTEST = 32
"""Characters; HS256 wants a key as long as its hash (RFC 7518 section 3.2)."""


def of(config: Config) -> SecretFile:
    """Return where the secret is."""
    return SecretFile(
        what="the secret for tokens",
        key="webrtc.token_secret_file",
        configured=config.webrtc.token_secret_file,
        made=config.gateway.data_dir / SECRET_FILE,
        shortest=SHORTEST,
    )
