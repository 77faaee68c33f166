"""A secret that an operator may put into a file, and that is made at the first start if he does not."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError

_MADE_BYTES = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """Where one secret is."""

    what: str
    """For messages, with its article: `the API token`."""
    key: str
    """The configuration key that names a file."""
    configured: Path | None
    made: Path
    """The file that is made if none is configured, readable by its owner only."""
    shortest: int
    """Characters; shorter ones are refused."""

    def ensure(self) -> str:
        """Return the secret, made if there is none. Raises `ConfigError`."""
        try:
            return self.read()
        except FileNotFoundError:
            return self._make()

    def read(self) -> str:
        """Return the secret of an installation that has started before.

        Raises `ConfigError` if it cannot be used, `FileNotFoundError` if none was made yet.
        """
        path = self.configured or self.made
        try:
            secret = path.read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            if self.configured is None:
                raise
            raise ConfigError(f"{self.key} {path} does not exist; create it") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{self.what} {path} cannot be read; it must be ASCII text that the user running "
                "this may read (run it as the user of the gateway)"
            ) from error
        return self.checked(secret, str(path))

    def checked(self, secret: str, source: str) -> str:
        """Return the secret if it can be used. Raises `ConfigError` naming its source."""
        is_plain = secret.isascii() and secret.isprintable() and " " not in secret
        if len(secret) < self.shortest or not is_plain:
            raise ConfigError(
                f"{source} does not hold a usable secret; put at least {self.shortest} ASCII characters "
                "without spaces there, such as the output of `openssl rand -hex 32`"
            )
        return secret

    def _make(self) -> str:
        secret = secrets.token_urlsafe(_MADE_BYTES)
        try:
            self.made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(self.made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secret + "\n")
        except FileExistsError:
            # Another process of ours made it between our look and our try.
            return self.read()
        except OSError as error:
            raise ConfigError(
                f"cannot make {self.what} {self.made}: {error.strerror}; give the user of the gateway "
                f"write access to gateway.data_dir, or set {self.key}"
            ) from error
        return secret
