"""A user of the sandbox: an address book, and everything that person can do in Google Contacts by hand."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import replace
from typing import Any

from syncd.sandbox.google import payload
from syncd.sandbox.google.book import AddressBook, Contact
from syncd.sandbox.google.draft import Draft, Rules, changed_contact, new_contact
from syncd.sandbox.google.labels import MY_CONTACTS
from syncd.sandbox.google.normalise import normalise
from syncd.sandbox.google.problems import Json
from syncd.sandbox.google.quota import Meter
from syncd.sandbox.google.render import raw, render_group
from syncd.sandbox.google.schema import GROUP_FIELDS, SINGLETONS
from syncd.sandbox.google.versions import Profile, Version
from syncd.sandbox.google.world import World
from syncd.sandbox.wire import Clock


class User:
    """State of one Google account. The methods act as the person at the web page: no quota, no etag, no faults."""

    def __init__(self, world: World, clock: Clock, sub: str, email: str, name: str = "") -> None:
        self.world = world
        self.sub = sub
        self.email = email
        self.name = name or email.partition("@")[0]
        self.lock = threading.RLock()
        self.book = AddressBook(world)
        self.others = AddressBook(world, "otherContacts/c")
        self.meter = Meter(world.switches)
        self.chains: OrderedDict[str, Any] = OrderedDict()  # pages being read, see listing.py
        self.sync_epoch = 0  # raised to expire every sync token at once
        self.token_until = 0.0  # when the newest sync token for contacts expires
        self.search_index: dict[str, list[tuple[Contact, Version]]] = {}  # what searches see, see search.py
        self.in_flight = 0  # writes being carried out
        self.recent_posts: deque[tuple[float, bytes]] = deque(maxlen=8)  # when, and a hash of what
        self._clock = clock
        self._region: str | None = None

    @property
    def region(self) -> str:
        """Where phone numbers without a country code belong."""
        return self._region or self.world.switches.region

    @region.setter
    def region(self, region: str) -> None:
        self._region = region

    # Looking

    @property
    def contacts(self) -> dict[str, Json]:
        """Every living contact as it truly is, by resource name; memberships are group resource names."""
        with self.lock:
            return {c.latest.name: raw(c) for c in self.book.living()}

    @property
    def groups(self) -> dict[str, Json]:
        """Every living group, by resource name, with `members` as resource names of contacts."""
        with self.lock:
            labels, book = self.book.labels, self.book
            shown = {}
            for group in labels.groups.values():
                if not group.latest.deleted:
                    group_json = render_group(group, group.latest, frozenset(GROUP_FIELDS), book.live)
                    members = [book.contacts[n].latest.name for n in group.members]
                    shown[group.resource] = {**group_json, "members": members}
            return shown

    def group_named(self, name: str) -> str | None:
        """The resource name of the living group with this name."""
        with self.lock:
            found = (g for g in self.book.labels.groups.values() if not g.latest.deleted and g.latest.name == name)
            return next((g.resource for g in found), None)

    # Contacts

    def create(self, person: Json) -> str:
        """Add a contact; the new resource name."""
        with self.lock:
            draft = new_contact(payload.bind(person, "Person", "person"), self._rules())
            contact = self.book.create(draft.fields, draft.labels or (MY_CONTACTS,), self._now())
            return contact.latest.name

    def edit(self, resource: str, **fields: list[Json]) -> None:
        """Replace whole fields; an empty list clears one. Memberships are given as in the API."""
        with self.lock:
            contact = self.book.named(resource)
            person = payload.bind(fields, "Person", "person")
            self._apply(contact, changed_contact(contact, person, frozenset(fields), self._rules()))

    def delete(self, resource: str) -> None:
        with self.lock:
            self.book.delete(self.book.named(resource), self._now())

    def restore(self, resource: str) -> None:
        """Take a contact out of the trash."""
        with self.lock:
            contact = self.book.find(resource)
            if contact is not None and contact.latest.deleted:
                self.book.restore(contact, self._now())

    def merge(self, survivor: str, loser: str) -> None:
        """What "Merge duplicates" does: fields united in the survivor, the loser deleted, no pointer between them."""
        with self.lock:
            kept, gone = self.book.named(survivor), self.book.named(loser)
            fields = {f: list(items) for f, items in kept.latest.fields.items()}
            for field, items in gone.latest.fields.items():
                own = fields.setdefault(field, [])
                if field in SINGLETONS:
                    fields[field] = own or list(items)
                else:
                    own += [item for item in items if field == "clientData" or item not in own]
            labels = tuple(dict.fromkeys(kept.latest.labels + gone.latest.labels))
            self._apply(kept, Draft(fields, labels))
            self.book.delete(gone, self._now())

    def rename_resource(self, resource: str, new: str | None = None) -> str:
        """Give a contact another resource name, as when it is linked with a profile; the new name."""
        with self.lock:
            contact = self.book.named(resource)
            name = new or f"people/c{self.world.contact_id()}"
            self.book.rename(contact, name, self._now())
            return name

    def touch(self, resource: str) -> None:
        """Google makes a new version of a contact nobody edited."""
        with self.lock:
            self.book.touch(self.book.named(resource), self._now())

    def hide_from_list(self, resource: str) -> None:
        """The contact is missing from full lists, though `get` knows it, until it changes."""
        with self.lock:
            self.book.named(resource).hidden = True

    def link_profile(self, resource: str, **fields: list[Json]) -> None:
        """Link a Google account to the contact; its fields show when the PROFILE source is read. None unlinks."""
        with self.lock:
            contact = self.book.named(resource)
            shown = {f: normalise(f, items, self.region, self.world.switches) for f, items in fields.items()}
            profile = Profile(str(self.world.contact_id()), shown) if shown else None
            self.book.set_profile(contact, profile, self._now())

    # Labels

    def add_to_group(self, resource: str, group: str) -> None:
        with self.lock:
            contact = self.book.named(resource)
            self.book.labels.named(group)
            labels = contact.latest.labels
            if group not in labels:
                self.book.relabel(contact, (*labels, group), self._now())

    def remove_from_group(self, resource: str, group: str) -> None:
        """Take off a label; a contact without any is kept in My Contacts."""
        with self.lock:
            contact = self.book.named(resource)
            rest = tuple(n for n in contact.latest.labels if n != group)
            self.book.relabel(contact, rest or (MY_CONTACTS,), self._now())

    def create_group(self, name: str, *, legacy: bool = False) -> str:
        """Make a label; its resource name. A legacy one can be hidden from contactGroups.list by a switch."""
        with self.lock:
            group = self.book.labels.create(name, (), self._now())
            group.legacy = legacy
            return group.resource

    def rename_group(self, group: str, name: str) -> None:
        with self.lock:
            self.book.labels.change(self.book.labels.named(group), self._now(), name=name, client_data=None)

    def delete_group(self, group: str) -> None:
        """Delete the label and keep the contacts."""
        with self.lock:
            self.book.drop_label(self.book.labels.named(group).resource, self._now())
            self.book.labels.delete(self.book.labels.groups[group], self._now())

    # Other contacts

    def add_other(self, person: Json) -> str:
        """Google collects somebody as an "other contact"; the resource name."""
        with self.lock:
            draft = new_contact(payload.bind(person, "Person", "person"), self._rules())
            return self.others.create(draft.fields, (), self._now()).latest.name

    def promote_other(self, resource: str) -> str:
        """The user saves an other contact: it vanishes there and appears among the contacts under the same number."""
        with self.lock:
            other = self.others.named(resource)
            contact = self.book.create(other.latest.fields, (MY_CONTACTS,), self._now(), other.id)
            self.others.delete(other, self._now())
            return contact.latest.name

    def expire_sync_tokens(self) -> None:
        with self.lock:
            self.sync_epoch += 1
            self.token_until = 0.0

    def _apply(self, contact: Contact, draft: Draft) -> None:
        self.book.update(contact, self._now(), fields=draft.fields, labels=draft.labels)

    def _rules(self) -> Rules:
        by_hand = replace(self.world.switches, org_dates_500=False, calendar_urls_update_fails=False)
        return Rules(self.book, self.region, by_hand, self._now())

    def _now(self) -> float:
        return self._clock.now()
