"""Opaque tokens (pages, syncs) that a client can neither read usefully nor forge."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_MAC = 9


class Seal:
    """Wraps a small list of values into base64url text with a checksum only this server can make."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _mac(self, raw: bytes) -> bytes:
        return hmac.new(self._key, raw, hashlib.sha256).digest()[:_MAC]

    def close(self, *values: Any) -> str:
        raw = json.dumps(values, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(raw) + raw).decode().rstrip("=")

    def open(self, token: str) -> list[Any] | None:
        """The values, or None for a token this server did not make."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        mac, raw = sealed[:_MAC], sealed[_MAC:]
        if not hmac.compare_digest(mac, self._mac(raw)):
            return None
        values: list[Any] = json.loads(raw)
        return values
