"""The job columns of a contact and the rows of its career that follow them, both ways."""

from __future__ import annotations

from syncd.sandbox.creatio.saving import Actor, NoHandlers, Saver, now_ticks
from syncd.sandbox.creatio.values import Row

JOB = ("JobTitle", "JobId", "AccountId", "DepartmentId", "DecisionRoleId")


def _rows(saver: Saver, contact: str) -> list[Row]:
    return saver.store.tables["ContactCareer"].oldest_first("ContactId", contact)


def _primary(saver: Saver, contact: str) -> Row | None:
    found = [row for row in _rows(saver, contact) if row.get("Primary")]
    return found[-1] if found else None


def record_career(saver: Saver, old: Row, new: Row, actor: Actor) -> None:
    """A contact was saved: open, fill, close or demote its primary career as its job columns changed."""
    changed = [name for name in JOB if old.get(name) != new.get(name)]
    if not changed:
        return
    primary = _primary(saver, new["Id"])
    job = {name: new.get(name) for name in JOB}
    if not any(job.values()):
        if primary is not None:
            saver.alter("ContactCareer", primary["Id"], {"Primary": False, "Current": False}, actor)
    elif all(not old.get(name) for name in changed) and primary is not None:
        saver.alter("ContactCareer", primary["Id"], job, actor)
    elif not any(all(row.get(n) == job[n] for n in JOB) and row.get("Current") for row in _rows(saver, new["Id"])):
        if primary is not None:
            closed = {"Primary": False, "Current": False, "DueDate": now_ticks(actor)}
            saver.alter("ContactCareer", primary["Id"], closed, actor)
        opened = {"ContactId": new["Id"], "Primary": True, "Current": True, "StartDate": now_ticks(actor)}
        saver.place("ContactCareer", opened | job, actor)


class Careers(NoHandlers):
    """Handlers of ContactCareer: the primary row is the contact's job."""

    def __init__(self, saver: Saver) -> None:
        self._saver = saver

    def after_insert(self, row: Row, actor: Actor) -> None:
        self._mirror(row, actor)

    def after_update(self, old: Row, new: Row, actor: Actor) -> None:
        self._mirror(new, actor)

    def _mirror(self, row: Row, actor: Actor) -> None:
        contact = self._saver.store.rows("Contact").get(row.get("ContactId", ""))
        if not row.get("Primary") or contact is None:
            return
        for other in _rows(self._saver, contact["Id"]):
            if other["Id"] != row["Id"] and other.get("Primary"):
                self._saver.alter("ContactCareer", other["Id"], {"Primary": False})
        job = {name: row.get(name) for name in JOB}
        if any(contact.get(name) != value for name, value in job.items()):
            self._saver.alter("Contact", contact["Id"], job, actor)
