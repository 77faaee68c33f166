"""Signs and checks messages of the generic webhook, as the Standard Webhooks specification has it.

https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over id, time and body, base64, `v1,`.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

TOLERANCE_S = 300.0
"""What is older, or newer, is a replay or a wrong clock."""
_PREFIX = "whsec_"
_ID_MOST = 256


def key_of(secret: str) -> bytes:
    """Return the key of a secret; raises `ValueError` if it is none or too short to be one."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not base64") from error
    if len(key) < 24:
        raise ValueError("the secret is shorter than 24 bytes; make one: openssl rand -base64 32")
    return key


def sign(key: bytes, message_id: str, body: bytes, *, at: float) -> dict[str, str]:
    """Return the headers to send with a body."""
    second = str(int(at))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": second,
        "webhook-signature": "v1," + _digest(key, message_id, second, body),
    }


def is_genuine(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, *, at: float
) -> bool:
    """Whether one of the keys signed this body, lately."""
    message_id = headers.get("webhook-id", "")
    second = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not message_id or len(message_id) > _ID_MOST or "." in message_id:
        return False
    if not (second.isascii() and second.isdecimal() and len(second) <= 12):
        return False
    if abs(at - int(second)) > TOLERANCE_S:
        return False
    wanted = [_digest(key, message_id, second, body).encode() for key in keys]
    is_good = False
    for item in given.split(" ")[:8]:
        version, _, signature = item.partition(",")
        if version == "v1":
            offered = signature.encode("utf-8", "surrogateescape")
            for digest in wanted:
                is_good |= hmac.compare_digest(digest, offered)
    return is_good


def _digest(key: bytes, message_id: str, second: str, body: bytes) -> str:
    # In two pieces: a body may be a whole mail, which need not be copied.
    mac = hmac.new(
        key, f"{message_id}.{second}.".encode("utf-8", "surrogateescape"), hashlib.sha256
    )
    mac.update(body)
    return base64.b64encode(mac.digest()).decode("ascii")
