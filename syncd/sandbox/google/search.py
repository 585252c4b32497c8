"""Search as Google does it: in a cache that only an empty query fills, so never right after a write."""

from __future__ import annotations

from syncd.sandbox.google.book import AddressBook
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.masks import CONTACT, required_mask
from syncd.sandbox.google.problems import Json, invalid
from syncd.sandbox.google.render import View, render
from syncd.sandbox.google.versions import Version

_DEFAULT, _MOST = 10, 30
_SEARCHED = {
    "names": ("displayName",),
    "nicknames": ("value",),
    "emailAddresses": ("value",),
    "phoneNumbers": ("value", "canonicalForm"),
    "organizations": ("name",),
}
_OTHER_FIELDS = ("emailAddresses", "metadata", "names", "phoneNumbers")


def search_contacts(call: Call) -> Json:
    return _search(call, "contacts", call.user.book, call.view("readMask", (CONTACT,)))


def search_others(call: Call) -> Json:
    mask = required_mask(call.text("readMask"), "readMask", _OTHER_FIELDS)
    return _search(call, "otherContacts", call.user.others, View(mask, frozenset({CONTACT})))


def _search(call: Call, kind: str, book: AddressBook, view: View) -> Json:
    size = min(call.number("pageSize") or _DEFAULT, _MOST)
    if size < 0:
        raise invalid()
    query = call.text("query").casefold().strip()
    if not query:
        call.user.search_index[kind] = [(c, c.latest) for c in book.living()]
        return {}
    found = [entry for entry in call.user.search_index.get(kind, []) if _matches(entry[1], query)][:size]
    results = [{"person": render(contact, version, view, call.switches)} for contact, version in found]
    return {"results": results} if results else {}


def _matches(version: Version, query: str) -> bool:
    """Prefix of a word in the fields that are searched."""
    texts = (
        str(item.get(leaf, "")).casefold()
        for field, leaves in _SEARCHED.items()
        for item in version.fields.get(field, [])
        for leaf in leaves
    )
    return any(text.startswith(query) or f" {query}" in text for text in texts)
