"""One address book: contacts with their versions, their labels, the trash, and the journal of what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from syncd.sandbox.google.labels import MY_CONTACTS, Labels
from syncd.sandbox.google.normalise import Items
from syncd.sandbox.google.problems import ApiError, not_found
from syncd.sandbox.google.versions import Journal, Profile, Stamps, Trail, Version
from syncd.sandbox.google.world import World

TRASH_DAYS = 30


@dataclass
class Contact:
    """A contact with its past. `id` is the number of its CONTACT source and outlives a renaming."""

    id: int
    trail: Trail[Version]
    renames: list[tuple[int, str]] = field(default_factory=list)  # (change number, the name it had before)
    hidden: bool = False  # missing from full lists until it changes

    @property
    def latest(self) -> Version:
        return self.trail.latest

    @property
    def source_id(self) -> str:
        return f"{self.id:x}"


class AddressBook:
    """The contacts of one user, or what Google collected as "other contacts". Not locked: the caller holds the lock."""

    def __init__(self, world: World, prefix: str = "people/c") -> None:
        self._world = world
        self._prefix = prefix
        self._stamps = Stamps()
        self._trash: dict[int, float] = {}  # contact id -> when it was deleted, oldest first
        self._names: dict[str, int] = {}
        self.contacts: dict[int, Contact] = {}
        self.journal = Journal()
        self.labels = Labels(world)
        self.live = 0

    # Finding

    def find(self, name: str) -> Contact | None:
        """The contact of that name, or of that name once, living or not."""
        number = self._names.get(name)
        return None if number is None else self.contacts[number]

    def named(self, name: str) -> Contact:
        """The living contact, or 404."""
        contact = self.find(name)
        if contact is None or contact.latest.deleted:
            raise not_found()
        return contact

    def living(self) -> Iterable[Contact]:
        return (c for c in self.contacts.values() if not c.latest.deleted)

    # Changing

    def create(
        self, fields: Mapping[str, Items], labels: tuple[str, ...], now: float, number: int | None = None
    ) -> Contact:
        number = number or self._world.contact_id()
        name = f"{self._prefix}{number}"
        version = Version(name, self._world.contact_etag(), self._stamps.next(now), fields, labels)
        contact = Contact(number, Trail(self.journal.record(now, number), version))
        self.contacts[number] = contact
        self._names[name] = number
        self.live += 1
        self._join(contact, labels)
        return contact

    def update(
        self, contact: Contact, now: float, *, fields: Mapping[str, Items], labels: tuple[str, ...] | None = None
    ) -> Version:
        """Replace these fields (an empty list clears) and, if given, the labels."""
        before = contact.latest
        kept = {f: items for f, items in {**before.fields, **fields}.items() if items}
        wanted = before.labels if labels is None else labels
        same = kept == before.fields and set(wanted) == set(before.labels)
        if same and not self._world.switches.noop_update_bumps:
            return before
        return self._store(contact, replace(before, fields=kept, labels=wanted), now)

    def relabel(self, contact: Contact, labels: tuple[str, ...], now: float) -> None:
        """A membership change made on the group's side; two switches say whether the person shows it."""
        if labels == contact.latest.labels:
            return
        s = self._world.switches
        after = replace(contact.latest, labels=labels)
        self._store(contact, after, now, bump=s.members_modify_bumps, visible=s.label_changes_in_delta)

    def set_photo(self, contact: Contact, url: str | None, now: float) -> Version:
        return self._store(contact, replace(contact.latest, photo=url), now)

    def set_profile(self, contact: Contact, profile: Profile | None, now: float) -> Version:
        return self._store(contact, replace(contact.latest, profile=profile), now)

    def touch(self, contact: Contact, now: float) -> None:
        """A new version with nothing new in it, as Google makes them by itself."""
        self._store(contact, contact.latest, now)

    def delete(self, contact: Contact, now: float) -> None:
        self._store(contact, replace(contact.latest, deleted=True), now)
        self._leave(contact, contact.latest.labels)
        self._trash[contact.id] = now
        self.live -= 1

    def restore(self, contact: Contact, now: float) -> None:
        """Out of the trash again."""
        labels = tuple(n for n in contact.latest.labels if self.labels.live(n)) or (MY_CONTACTS,)
        self._store(contact, replace(contact.latest, deleted=False, labels=()), now)
        self._store(contact, replace(contact.latest, labels=labels), now)
        self._trash.pop(contact.id, None)
        self.live += 1

    def rename(self, contact: Contact, name: str, now: float) -> None:
        """The contact is known by another resource name from now on; its source id stays."""
        old = contact.latest.name
        self._names[name] = contact.id
        self._store(contact, replace(contact.latest, name=name), now)
        contact.renames.append((len(self.journal), old))

    def drop_label(self, resource: str, now: float) -> None:
        """Take a group from all its members; who has no other is kept in My Contacts."""
        for number in list(self.labels.groups[resource].members):
            contact = self.contacts[number]
            rest = tuple(n for n in contact.latest.labels if n != resource) or (MY_CONTACTS,)
            self.relabel(contact, rest, now)

    def _store(
        self, contact: Contact, after: Version, now: float, *, bump: bool = True, visible: bool = True
    ) -> Version:
        before = contact.latest
        if bump:
            after = replace(after, etag=self._world.contact_etag(), stamp=self._stamps.next(now))
        number = self.journal.record(now, contact.id if visible else 0)
        contact.trail.add(number, after, self.journal.seen(now, self._world.horizon()))
        contact.hidden = False
        if after.labels != before.labels:
            self._leave(contact, before.labels)
            self._join(contact, after.labels)
        return after

    def _join(self, contact: Contact, labels: tuple[str, ...]) -> None:
        for name in labels:
            self.labels.groups[name].members[contact.id] = None

    def _leave(self, contact: Contact, labels: tuple[str, ...]) -> None:
        for name in labels:
            self.labels.groups[name].members.pop(contact.id, None)

    # The limit

    def trashed(self, now: float) -> int:
        while self._trash:
            number, since = next(iter(self._trash.items()))
            if now - since <= TRASH_DAYS * 86400:
                break
            del self._trash[number]
        return len(self._trash)

    def make_room(self, count: int, now: float) -> None:
        """Raise what Google says when so many more contacts do not fit."""
        s = self._world.switches
        if self.live + self.trashed(now) + count > s.contact_cap:
            raise ApiError(s.cap_code, s.cap_status, "MY_CONTACTS_OVERFLOW_COUNT")
