"""Calls on many contacts at once: either all are carried out or none, with the reason of each that stood in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from syncd.sandbox.google.book import Contact
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.draft import Draft, changed_contact, check_etag, contact_to_change, new_contact
from syncd.sandbox.google.labels import MY_CONTACTS
from syncd.sandbox.google.masks import Mask, parse_mask, parse_sources, required_mask
from syncd.sandbox.google.problems import ApiError, Json, invalid
from syncd.sandbox.google.quota import READ
from syncd.sandbox.google.render import View, render
from syncd.sandbox.google.schema import WRITE_FIELDS

T = TypeVar("T")

MAX_WRITE = 200
MAX_DELETE = 500


def batch_create(call: Call) -> Json:
    body = call.message("BatchCreateContactsRequest")
    people = [item.get("contactPerson", {}) for item in body.get("contacts", [])]
    if not 1 <= len(people) <= MAX_WRITE:
        raise invalid()
    view = _answer_view(call, body)
    keyed = ((str(i), lambda person=person: new_contact(person, call.rules)) for i, person in enumerate(people))
    drafts = _all_or_nothing("Create", keyed)
    call.user.book.make_room(len(drafts), call.now)
    made = [call.user.book.create(d.fields, d.labels or (MY_CONTACTS,), call.now) for d in drafts]
    if view is None:
        return {}
    return {"createdPeople": [_success(call, contact, contact.latest.name, view) for contact in made]}


def batch_update(call: Call) -> Json:
    body = call.message("BatchUpdateContactsRequest")
    people = body.get("contacts", {})
    if not 1 <= len(people) <= MAX_WRITE:
        raise invalid()
    mask = required_mask(body.get("updateMask", ""), "updateMask", WRITE_FIELDS)
    view = _answer_view(call, body)
    keyed = (
        (name, lambda name=name, person=person: _change(call, name, person, mask)) for name, person in people.items()
    )
    changes = _all_or_nothing("Update", keyed)
    for contact, draft in changes:
        call.user.book.update(contact, call.now, fields=draft.fields, labels=draft.labels)
    if view is None:
        return {}
    shown = {name: _success(call, c, name, view) for name, (c, _) in zip(people, changes, strict=True)}
    return {"updateResult": shown}


def batch_delete(call: Call) -> Json:
    names = call.message("BatchDeleteContactsRequest").get("resourceNames", [])
    if not 1 <= len(names) <= MAX_DELETE:
        raise invalid()
    contacts: dict[int, Contact] = {}
    for name in names:
        try:
            contact = contact_to_change(call.user.book, name)
        except ApiError as problem:
            if problem.code != 404 or call.switches.batch_delete_unknown_404:
                raise
            continue
        contacts[contact.id] = contact
    for contact in contacts.values():
        call.user.book.delete(contact, call.now)
    return {}


def _change(call: Call, name: str, person: Json, mask: Mask) -> tuple[Contact, Draft]:
    if person.get("resourceName", name) != name:
        raise invalid()
    contact = contact_to_change(call.user.book, name)
    check_etag(contact, person, call.switches, call.switches.missing_etag_batch_status)
    return contact, changed_contact(contact, person, mask, call.rules)


def _answer_view(call: Call, body: Json) -> View | None:
    """How the answer is shown; None for an empty mask, which saves the read."""
    mask = parse_mask(body.get("readMask", ""), "readMask")
    if not mask:
        return None
    call.charge(READ)
    return View(mask, parse_sources(body.get("sources", [])))


def _all_or_nothing(verb: str, keyed: Iterable[tuple[str, Callable[[], T]]]) -> list[T]:
    """Every draft, or one error that names each item that failed."""
    drafts: list[T] = []
    problems: dict[str, ApiError] = {}
    for key, attempt in keyed:
        try:
            drafts.append(attempt())
        except ApiError as problem:
            problems[key] = problem
    if problems:
        first = next(iter(problems.values()))
        kind = f"type.googleapis.com/google.people.v1.Batch{verb}ContactsErrorDetails"
        detail = {"@type": kind, "contactErrors": {key: problem.grpc() for key, problem in problems.items()}}
        raise ApiError(first.code, first.status, first.message, [detail])
    return drafts


def _success(call: Call, contact: Contact, name: str, view: View) -> Json:
    person = render(contact, contact.latest, view, call.switches)
    return {"httpStatusCode": 200, "person": person, "requestedResourceName": name, "status": {}}
