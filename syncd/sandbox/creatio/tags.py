"""Rules of contact tags: who may make, retype and assign the shared ones. Tags never touch the contact."""

from __future__ import annotations

from syncd.sandbox.creatio.errors import Refused
from syncd.sandbox.creatio.rights import SECURITY
from syncd.sandbox.creatio.saving import Actor, NoHandlers, Saver
from syncd.sandbox.creatio.schema import PRIVATE
from syncd.sandbox.creatio.values import Row


def _require_manager(actor: Actor, kind: str | None) -> None:
    if kind != PRIVATE and not actor.user.manage_tags:
        raise Refused(403, "Current user does not have permissions to manage corporate and public tags.", SECURITY)


class Tags(NoHandlers):
    """Handlers of ContactTag."""

    def before_insert(self, row: Row, actor: Actor) -> None:
        _require_manager(actor, row.get("TypeId"))

    def before_update(self, old: Row, changes: Row, actor: Actor) -> None:
        kind = old.get("TypeId")
        if "TypeId" in changes and changes["TypeId"] != kind:
            if kind != PRIVATE:
                raise Refused(500, "The type of a corporate or public tag cannot be changed.", SECURITY)
            _require_manager(actor, changes["TypeId"])


class Tagged(NoHandlers):
    """Handlers of ContactInTag."""

    def __init__(self, saver: Saver) -> None:
        self._saver = saver

    def before_insert(self, row: Row, actor: Actor) -> None:
        tag = self._saver.store.rows("ContactTag").get(row.get("TagId") or "")
        if tag is not None:
            _require_manager(actor, tag.get("TypeId"))
