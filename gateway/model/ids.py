"""Identifiers we hand out: short, unguessable, safe in URLs, logs and file names."""

import base64
import secrets


def _token() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()


def new_call_id() -> str:
    """Return a fresh call id, `c_` and 16 characters (80 random bits)."""
    return f"c_{_token()}"


def new_room_id() -> str:
    """Return a fresh room id, `r_` and 16 characters (80 random bits)."""
    return f"r_{_token()}"
