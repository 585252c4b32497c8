"""What a client wants a contact to be, checked and normalised before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.sandbox.google.book import AddressBook, Contact
from syncd.sandbox.google.etags import opened
from syncd.sandbox.google.labels import MY_CONTACTS
from syncd.sandbox.google.masks import Mask
from syncd.sandbox.google.normalise import Items, normalise
from syncd.sandbox.google.problems import Json, etag_missing, invalid, not_a_contact, stale_etag
from syncd.sandbox.google.schema import WRITE_FIELDS
from syncd.sandbox.google.switches import Switches


@dataclass(frozen=True)
class Draft:
    """Fields to set (empty clears) and the labels to have; None leaves the labels as they are."""

    fields: Mapping[str, Items]
    labels: tuple[str, ...] | None


@dataclass(frozen=True)
class Rules:
    """What the checks need to know: whose book, in which region, by which switches, when."""

    book: AddressBook
    region: str
    switches: Switches
    now: float


_CONTENT = tuple(f for f in WRITE_FIELDS if f != "memberships")


def new_contact(person: Json, rules: Rules) -> Draft:
    """The draft of a create. Raises what Google answers to content it does not take."""
    sent = {f: normalise(f, person[f], rules.region, rules.switches) for f in _CONTENT if f in person}
    fields = {f: items for f, items in sent.items() if items}
    if not person.get("memberships"):
        return Draft(fields, (MY_CONTACTS,))
    labels = _labels(person["memberships"], (), rules)
    if rules.switches.create_adds_my_contacts and MY_CONTACTS not in labels:
        labels = (*labels, MY_CONTACTS)
    return Draft(fields, labels)


def changed_contact(contact: Contact, person: Json, mask: Mask, rules: Rules) -> Draft:
    """The draft of an update: every field of the mask is replaced, or cleared when the body lacks it."""
    if "calendarUrls" in mask and rules.switches.calendar_urls_update_fails:
        raise invalid()
    fields = {f: normalise(f, person.get(f, []), rules.region, rules.switches) for f in _CONTENT if f in mask}
    if "memberships" not in mask:
        return Draft(fields, None)
    return Draft(fields, _labels(person.get("memberships", []), contact.latest.labels, rules))


def _labels(items: Items, current: tuple[str, ...], rules: Rules) -> tuple[str, ...]:
    names = [item.get("contactGroupMembership", {}).get("contactGroupResourceName") for item in items]
    wanted = tuple(dict.fromkeys(name for name in names if name))
    if not wanted:
        raise invalid()
    for name in wanted:
        if name not in current:
            rules.book.labels.joinable(name, rules.now)
    return wanted


def check_etag(contact: Contact, person: Json, switches: Switches, missing_status: str) -> None:
    """Raise unless the body carries the current version, as person.etag, as source etag, or both."""
    read = person.get("etag")
    sources = person.get("metadata", {}).get("sources", [])
    source = next((s["etag"] for s in sources if s.get("type") == "CONTACT" and s.get("etag")), None)
    if not read and not source:
        raise etag_missing(missing_status)
    current = contact.latest.etag
    if read:
        inside, from_list = opened(read)
        if inside != current or (from_list and switches.list_etag_rejected):
            raise stale_etag("etag")
    if source and source != current:
        raise stale_etag("metadata.sources.etag")


def contact_to_change(book: AddressBook, name: str) -> Contact:
    """The living contact of that name; 400 for names of profiles, 404 for the unknown."""
    if not name.startswith("people/c"):
        raise not_a_contact(name)
    return book.named(name)
