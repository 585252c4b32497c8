"""Calls on what only some accounts have: copying an "other contact", and the directory a consumer account lacks."""

from __future__ import annotations

from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.labels import MY_CONTACTS
from syncd.sandbox.google.masks import required_mask
from syncd.sandbox.google.people import answer_view
from syncd.sandbox.google.problems import ApiError, Json
from syncd.sandbox.google.render import render
from syncd.sandbox.google.schema import COPY_FIELDS


def copy_other(call: Call) -> Json:
    """A new contact in My Contacts with the copied fields; the other contact stays."""
    body = call.message("CopyOtherContactToMyContactsGroupRequest")
    mask = required_mask(body.get("copyMask", ""), "copyMask", COPY_FIELDS)
    view = answer_view(body.get("readMask", ""), body.get("sources", []), "readMask")
    other = call.user.others.named(f"otherContacts/{call.args[0]}")
    call.user.book.make_room(1, call.now)
    fields = {f: items for f, items in other.latest.fields.items() if f in mask}
    contact = call.user.book.create(fields, (MY_CONTACTS,), call.now)
    return render(contact, contact.latest, view, call.switches)


def no_directory(_: Call) -> Json:
    """Every account here is a consumer account."""
    raise ApiError(400, "FAILED_PRECONDITION", "Must be a G Suite domain user.")
