"""Calls on single people: get, getBatchGet, create, update, delete, photos."""

from __future__ import annotations

import base64
import binascii

from syncd.sandbox.google.book import Contact
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.draft import changed_contact, check_etag, contact_to_change, new_contact
from syncd.sandbox.google.labels import MY_CONTACTS
from syncd.sandbox.google.masks import PROFILE, parse_mask, parse_sources, required_mask
from syncd.sandbox.google.problems import ApiError, Json, invalid, not_found
from syncd.sandbox.google.render import View, render
from syncd.sandbox.google.schema import WRITE_FIELDS

MAX_GET = 200


def get(call: Call) -> Json:
    return _one(call, f"people/{call.args[0]}", call.view("personFields"))


def get_batch(call: Call) -> Json:
    view = call.view("personFields")
    names = call.many("resourceNames")
    if not 1 <= len(names) <= MAX_GET:
        raise invalid()
    return {"responses": [_response(call, name, view) for name in names]}


def _response(call: Call, name: str, view: View) -> Json:
    try:
        person = _one(call, name, view)
    except ApiError as problem:
        return {"requestedResourceName": name, "httpStatusCode": problem.code, "status": problem.grpc()}
    return {"requestedResourceName": name, "httpStatusCode": 200, "person": person, "status": {}}


def _one(call: Call, name: str, view: View) -> Json:
    """The person as a reader sees it who may be late."""
    user = call.user
    if name in ("people/me", f"people/{user.sub}"):
        return _myself(call, view)
    contact = user.book.find(name)
    upto = user.book.journal.seen(call.now, call.switches.stale_reads)
    version = contact.trail.seen(upto) if contact else None
    if contact is None or version is None or version.deleted:
        raise not_found()
    return render(contact, version, view, call.switches)


def _myself(call: Call, view: View) -> Json:
    """The user's own profile, in the little detail a sync client can want."""
    user = call.user
    source = {"type": "PROFILE", "id": user.sub}
    mark = {"primary": True, "source": source}
    known: Json = {
        "names": [{"metadata": mark, "displayName": user.name, "unstructuredName": user.name}],
        "emailAddresses": [{"metadata": mark, "value": user.email}],
        "metadata": {"sources": [{**source, "etag": "#profile="}], "objectType": "PERSON"},
    }
    shown = {field: known[field] for field in known if field in view.mask and PROFILE in view.sources}
    return {"resourceName": f"people/{user.sub}", "etag": "%EgMBAgM=", **shown}


def create(call: Call) -> Json:
    view = answer_view(call.text("personFields"), call.many("sources"))
    person = call.message("Person", "person")
    draft = new_contact(person, call.rules)
    call.user.book.make_room(1, call.now)
    contact = call.user.book.create(draft.fields, draft.labels or (MY_CONTACTS,), call.now)
    return _fresh(call, contact, view)


def update(call: Call) -> Json:
    name = f"people/{call.args[0]}"
    mask = required_mask(call.text("updatePersonFields"), "updatePersonFields", WRITE_FIELDS)
    view = answer_view(call.text("personFields"), call.many("sources"))
    person = call.message("Person", "person")
    contact = contact_to_change(call.user.book, name)
    check_etag(contact, person, call.switches, call.switches.missing_etag_status)
    draft = changed_contact(contact, person, mask, call.rules)
    call.user.book.update(contact, call.now, fields=draft.fields, labels=draft.labels)
    return _fresh(call, contact, view)


def delete(call: Call) -> Json:
    contact = contact_to_change(call.user.book, f"people/{call.args[0]}")
    call.user.book.delete(contact, call.now)
    return {}


def answer_view(fields: str, sources: list[str], parameter: str = "personFields") -> View:
    """How the answer to a write is shown: everything unless a mask says otherwise."""
    mask = parse_mask(fields, parameter)
    shown = View(sources=parse_sources(sources))
    return View(mask, shown.sources) if mask else shown


def _fresh(call: Call, contact: Contact, view: View) -> Json:
    """What a write answers: never late."""
    return render(contact, contact.latest, view, call.switches)


# Photos


def update_photo(call: Call) -> Json:
    body = call.message("UpdateContactPhotoRequest")
    contact = contact_to_change(call.user.book, f"people/{call.args[0]}")
    _check_image(body.get("photoBytes", ""))
    url = f"https://lh3.googleusercontent.com/contacts/{call.user.world.text(12)}=s100"
    call.user.book.set_photo(contact, url, call.now)
    return _photo_answer(call, contact, body.get("personFields", ""), body.get("sources", []))


def delete_photo(call: Call) -> Json:
    contact = contact_to_change(call.user.book, f"people/{call.args[0]}")
    call.user.book.set_photo(contact, None, call.now)
    return _photo_answer(call, contact, call.text("personFields"), call.many("sources"))


def _check_image(encoded: str) -> None:
    try:
        raw = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise invalid() from exc
    if not raw.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise invalid()


def _photo_answer(call: Call, contact: Contact, fields: str, sources: list[str]) -> Json:
    mask = parse_mask(fields, "personFields")
    return {"person": _fresh(call, contact, View(mask, parse_sources(sources)))} if mask else {}
