"""The recovery anchor: the marker on a Google contact that outlives our state. `1/<tenant hash>/<crm id>/<intent>`."""

from __future__ import annotations

import hashlib

import msgspec

from syncd.core.contact import RecordId

VERSION = "1"


class Anchor(msgspec.Struct, frozen=True):
    """Which CRM contact a Google contact was made for, and by which intent."""

    tenant: str
    crm_id: RecordId
    intent: str

    def __str__(self) -> str:
        return f"{VERSION}/{self.tenant}/{self.crm_id}/{self.intent}"


def tenant_hash(address: str) -> str:
    """12 hex digits that stand for a CRM's address, however it is spelt."""
    folded = address.strip().lower().rstrip("/")
    return hashlib.blake2b(folded.encode(), digest_size=6).hexdigest()


def parse_anchor(text: str) -> Anchor | None:
    """The anchor, or None where the text is not one of ours (foreign, mistyped, of a later version)."""
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != VERSION or not all(parts):
        return None
    return Anchor(parts[1], RecordId(parts[2]), parts[3])
