"""What may be asked of the server: reads, and the few writes this client can express. Nothing else has words here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from adapters.creatio.odata import Query, guid
from syncd.core.errors import ContractBroken

INSERTS: Final = frozenset(
    {
        *("Contact", "ContactCommunication", "ContactAddress", "ContactInTag", "TagInRecord"),
        *("ContactTag", "Tag", "Account"),
    }
)
"""Sets into which rows may be put; tags and accounts only where the operator's settings make them."""

CHANGES: Final = frozenset({"Contact", "ContactCommunication", "ContactAddress"})
"""Sets whose rows may be changed."""

DELETIONS: Final = frozenset({"ContactCommunication", "ContactAddress", "ContactInTag", "TagInRecord"})
"""Sets whose rows may be deleted: details and tag rows. Never a contact, an account or a tag."""

_ALLOWED: Final = {"POST": INSERTS, "PATCH": CHANGES, "DELETE": DELETIONS}


@dataclass(frozen=True)
class Entity:
    """One row read by its id."""

    set: str
    key: str
    select: tuple[str, ...] = ("Id",)

    def __str__(self) -> str:
        return f"{self.set}({guid(self.key)})?$select={','.join(self.select)}"


Read = Query | Entity


@dataclass(frozen=True)
class Part:
    """One write, as a part of a batch. Parts of one `group` are carried out together or not at all.

    `ContractBroken` for anything that is not on the lists above.
    """

    id: str
    method: Literal["POST", "PATCH", "DELETE"]
    set: str
    key: str = ""
    body: dict[str, Any] | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if self.set not in _ALLOWED.get(self.method, ()):
            raise ContractBroken(f"{self.method} {self.set} is not something syncd does")
        if (self.method == "POST") == bool(self.key) or (self.method == "DELETE") != (self.body is None):
            raise ContractBroken(f"{self.method} {self.set} is malformed")

    def encoded(self) -> dict[str, Any]:
        """The part in a JSON batch."""
        head = {"Accept": "application/json", "Prefer": "continue-on-error"}
        url = f"{self.set}/{guid(self.key)}" if self.key else self.set
        shown: dict[str, Any] = {"id": self.id, "method": self.method, "url": url, "headers": head}
        if self.body is not None:
            head["Content-Type"] = "application/json"
            shown["body"] = self.body
        if self.group:
            shown["atomicityGroup"] = self.group
        return shown


def encoded_read(id: str, read: Read) -> dict[str, Any]:
    """A read in a JSON batch."""
    head = {"Accept": "application/json", "Prefer": "continue-on-error"}
    return {"id": id, "method": "GET", "url": str(read), "headers": head}
