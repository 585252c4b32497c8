"""Lists of people: pages that stay consistent, sync tokens, deltas with tombstones, and the traps in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syncd.sandbox.google.book import AddressBook, Contact
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.masks import CONTACT, PROFILE, parse_sources, required_mask
from syncd.sandbox.google.problems import Json, invalid, sync_token_expired
from syncd.sandbox.google.render import View, render, tombstone
from syncd.sandbox.google.schema import OTHER_FIELDS, READ_FIELDS
from syncd.sandbox.google.versions import Version

_CHAINS_KEPT = 64
_SORT_ORDERS = (
    "LAST_MODIFIED_ASCENDING",
    "LAST_MODIFIED_DESCENDING",
    "FIRST_NAME_ASCENDING",
    "LAST_NAME_ASCENDING",
)

Entry = tuple[Contact, Version, tuple[str, ...]]  # the last: names it had before


@dataclass(frozen=True)
class SyncToken:
    """What a sync token stands for: all changes up to `number` are known, by a chain that began at `full_at`."""

    number: int
    full_at: float


@dataclass(frozen=True)
class Chain:
    """One list call and all its pages: what it showed when the first page was asked for."""

    binding: str
    entries: Sequence[Entry]
    number: int
    full_at: float
    total: int


@dataclass(frozen=True)
class Shelf:
    """A list of people: its name (also the key of its items), its book, and the keys of its totals."""

    kind: str
    book: AddressBook
    total_keys: tuple[str, ...]


@dataclass(frozen=True)
class Bound:
    """Which calls a sync token is good for."""

    kind: str
    binding: str
    size: int


@dataclass(frozen=True)
class Asked:
    """The parameters of a list call; all pages of one call, and all calls of one sync token, must agree in them."""

    shelf: Shelf
    view: View
    order: str
    size: int
    wants_token: bool
    sync_token: str

    @classmethod
    def by(cls, call: Call, shelf: Shelf, view: View, order: str) -> Asked:
        return cls(shelf, view, order, call.page_size(100), call.flag("requestSyncToken"), call.text("syncToken"))

    @property
    def binding(self) -> str:
        """What a sync token is bound to."""
        mask, sources = ",".join(sorted(self.view.mask)), ",".join(sorted(self.view.sources))
        return ";".join((self.shelf.kind, mask, sources, self.order, str(self.wants_token)))

    @property
    def whole(self) -> str:
        """What a page token is bound to."""
        return f"{self.binding};{self.size};{self.sync_token}"


def list_connections(call: Call) -> Json:
    if call.args[0] != "me":
        raise invalid()
    order = call.text("sortOrder") or _SORT_ORDERS[0]
    if order not in _SORT_ORDERS:
        raise invalid()
    view = call.view("personFields", in_list=True)
    asked = Asked.by(call, Shelf("connections", call.user.book, ("totalItems", "totalPeople")), view, order)
    if asked.wants_token and "metadata" not in view.mask:
        call.user.world.note("sync-without-metadata", call.user.email, call.now)
    return _page(call, asked)


def list_others(call: Call) -> Json:
    sources = parse_sources(call.many("sources"), (CONTACT,))
    if sources == {PROFILE}:
        raise invalid()
    allowed = READ_FIELDS if PROFILE in sources else OTHER_FIELDS
    view = View(required_mask(call.text("readMask"), "readMask", allowed), sources, in_list=True)
    shelf = Shelf("otherContacts", call.user.others, ("totalSize",))
    return _page(call, Asked.by(call, shelf, view, _SORT_ORDERS[0]))


def _page(call: Call, asked: Asked) -> Json:
    token = call.text("pageToken")
    if token:
        chain_id, chain, at = _resume(call, token, asked.whole)
    else:
        chain = _begin(call, asked)
        chain_id, at = _keep(call, chain), -1 if call.switches.empty_pages else 0
    following = at + asked.size if at >= 0 else 0
    entries = chain.entries[max(0, at - call.switches.overlap_pages) : following]
    reply: Json = {}
    if entries:
        reply[asked.shelf.kind] = [_shown(entry, asked.view, call) for entry in entries]
    if following < len(chain.entries) or at < 0:
        reply["nextPageToken"] = call.user.world.seal.close("page", call.user.sub, chain_id, following)
    elif asked.wants_token:
        reply["nextSyncToken"] = _next_sync_token(call, asked, chain)
    return reply | {key: chain.total for key in asked.shelf.total_keys if chain.total}


def _next_sync_token(call: Call, asked: Asked, chain: Chain) -> str:
    if asked.shelf.kind == "connections":
        call.user.token_until = chain.full_at + call.switches.token_lifetime
    bound = Bound(asked.shelf.kind, asked.binding, asked.size)
    return close_sync_token(call, bound, SyncToken(chain.number, chain.full_at))


def _keep(call: Call, chain: Chain) -> str:
    chains = call.user.chains
    chain_id = call.user.world.text(6)
    chains[chain_id] = chain
    while len(chains) > _CHAINS_KEPT:
        chains.popitem(last=False)
    return chain_id


def _resume(call: Call, token: str, whole: str) -> tuple[str, Chain, int]:
    values = call.user.world.seal.open(token)
    if values is None or values[:2] != ["page", call.user.sub]:
        raise invalid()
    chain_id, at = values[2], values[3]
    chain = call.user.chains.get(chain_id)
    if chain is None or chain.binding != whole:
        raise invalid()
    return chain_id, chain, at


def _begin(call: Call, asked: Asked) -> Chain:
    s, book, wants_token = call.switches, asked.shelf.book, asked.wants_token
    if asked.sync_token:
        since = open_sync_token(call, Bound(asked.shelf.kind, asked.binding, asked.size), asked.sync_token)
        upto = max(book.journal.seen(call.now, s.propagation_delay), since.number)
        return Chain(asked.whole, _delta(book, since.number, upto), upto, since.full_at, book.live)
    if wants_token:
        _note_full_sync(call, asked.shelf)
        call.user.meter.full_sync(call.now)
    upto = book.journal.seen(call.now, s.propagation_delay if wants_token else s.stale_reads)
    entries = _everybody(book, upto, asked.order)
    if CONTACT not in asked.view.sources:
        entries = [entry for entry in entries if entry[1].profile is not None]
    return Chain(asked.whole, entries, upto, call.now, book.live)


def _note_full_sync(call: Call, shelf: Shelf) -> None:
    if shelf.kind == "connections" and call.now < call.user.token_until:
        call.user.world.note("full-sync-while-token-valid", call.user.email, call.now)


def _everybody(book: AddressBook, upto: int, order: str) -> list[Entry]:
    entries: list[Entry] = []
    for contact in book.contacts.values():
        version = contact.trail.seen(upto)
        if version is not None and not version.deleted and not contact.hidden:
            entries.append((contact, version, ()))
    entries.sort(key=_SORT_KEYS[order], reverse=order == "LAST_MODIFIED_DESCENDING")
    return entries


def _name_key(part: str) -> Callable[[Entry], tuple[str, int]]:
    def key(entry: Entry) -> tuple[str, int]:
        names = entry[1].fields.get("names") or [{}]
        return str(names[0].get(part, "")).casefold(), entry[1].stamp

    return key


_SORT_KEYS: dict[str, Callable[[Entry], tuple[str, int]]] = {
    "LAST_MODIFIED_ASCENDING": lambda entry: ("", entry[1].stamp),
    "LAST_MODIFIED_DESCENDING": lambda entry: ("", entry[1].stamp),
    "FIRST_NAME_ASCENDING": _name_key("givenName"),
    "LAST_NAME_ASCENDING": _name_key("familyName"),
}


def _delta(book: AddressBook, after: int, upto: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in book.journal.changed(after, upto):
        contact = book.contacts[number]
        version = contact.trail.seen(upto)
        if version is not None:
            before = tuple(name for at, name in contact.renames if after < at <= upto)
            entries.append((contact, version, before))
    return entries


def _shown(entry: Entry, view: View, call: Call) -> Json:
    contact, version, before = entry
    if version.deleted:
        return tombstone(contact, version, view)
    person = render(contact, version, view, call.switches)
    if before and "metadata" in person:
        person["metadata"]["previousResourceNames"] = list(before)
    return person


def close_sync_token(call: Call, bound: Bound, token: SyncToken) -> str:
    user = call.user
    return user.world.seal.close(
        "sync", bound.kind, user.sub, token.number, token.full_at, user.sync_epoch, _digest(bound.binding), bound.size
    )


def open_sync_token(call: Call, bound: Bound, text: str) -> SyncToken:
    """What the token stands for. Raises 400 for a foreign one, for an old one, and for other parameters."""
    user, s = call.user, call.switches
    values = user.world.seal.open(text)
    if values is None or values[:3] != ["sync", bound.kind, user.sub]:
        raise invalid()
    number, full_at, epoch, digest, size = values[3:]
    if epoch != user.sync_epoch or call.now - full_at > s.token_lifetime:
        raise sync_token_expired(s.expired_code, s.expired_status)
    if digest != _digest(bound.binding) or (s.page_size_bound and size != bound.size):
        raise invalid()
    return SyncToken(number, full_at)


def _digest(binding: str) -> str:
    return hashlib.sha256(binding.encode()).hexdigest()[:12]
