"""Who may see and do what: the users of this Creatio and their rights. No sessions, no tokens here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.sandbox.creatio.errors import Refused
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rows import View
from syncd.sandbox.creatio.schema import PRIVATE, SCHEMA
from syncd.sandbox.creatio.values import Row

SECURITY = "Terrasoft.Common.SecurityException"


@dataclass
class User:
    """A system user. `unreadable` names objects, `hidden` ids of records taken away from this user."""

    id: str
    name: str
    password: str
    contact_id: str
    view_any: bool = True
    odata: bool = True
    insert: bool = True
    update: bool = True
    delete: bool = True
    manage_tags: bool = True
    active: bool = True
    password_expired: bool = False
    unreadable: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    failed_logins: int = 0


Seen = Callable[[Row], bool]


def can_read(user: User, entity: str, profile: Profile) -> bool:
    """Whether the object may be read at all. Refused when the answer to a denied read is 403."""
    if SCHEMA[entity].system and not profile.system_tables:
        raise Refused(403, f"Access to the system object {entity} is denied.", SECURITY)
    if entity not in user.unreadable:
        return True
    if profile.deny_read == "403":
        raise Refused(403, f"Current user does not have sufficient permissions to read {entity}.", SECURITY)
    return False


def seen_rows(user: User, entity: str, profile: Profile, view: View) -> Seen | None:
    """A test for the rows of `entity` this user sees; None when it sees all of them."""
    tests: list[Seen] = []
    if user.hidden:
        owner = {"ContactInTag": "EntityId"}.get(entity, "ContactId")
        hidden = user.hidden
        tests.append(lambda row: row["Id"] not in hidden and row.get(owner) not in hidden)
    if entity in ("ContactTag", "ContactInTag") and not (user.view_any and profile.foreign_private_tags):
        tests.append(_tag_test(user, entity, view))
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)


def _tag_test(user: User, entity: str, view: View) -> Seen:
    tags = view.rows("ContactTag")

    def own(tag: Row | None) -> bool:
        return tag is not None and (tag.get("TypeId") != PRIVATE or tag.get("CreatedById") == user.contact_id)

    return own if entity == "ContactTag" else lambda row: own(tags.get(row["TagId"]))


def require_write(user: User, action: str, entity: str, profile: Profile) -> None:
    """Refused unless the user may insert, update or delete rows of `entity`."""
    if SCHEMA[entity].system:
        raise Refused(403, f"Modification of the system object {entity} is denied.", SECURITY)
    if not getattr(user, action) or entity in user.unreadable:
        raise Refused(
            profile.denied_write_status, f"Current user does not have permissions to {action} {entity}.", SECURITY
        )
