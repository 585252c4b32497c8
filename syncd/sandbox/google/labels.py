"""A user's contact groups: the eight Google brings along, and the labels people make."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from syncd.sandbox.google.problems import ApiError, Json, invalid, not_found
from syncd.sandbox.google.versions import GroupVersion, Journal, Stamps, Trail
from syncd.sandbox.google.world import World

MY_CONTACTS = "contactGroups/myContacts"
EVERYONE = "contactGroups/all"
_SYSTEM = {
    "myContacts": "My Contacts",
    "starred": "Starred",
    "friends": "Friends",
    "family": "Family",
    "coworkers": "Coworkers",
    "all": "All Contacts",
    "blocked": "Blocked",
    "chatBuddies": "Chat contacts",
}
_ADDABLE = frozenset({MY_CONTACTS, "contactGroups/starred"})


@dataclass
class Group:
    """A group with its past; `members` are contact ids in the order they came."""

    resource: str
    number: int
    trail: Trail[GroupVersion]
    born: float
    formatted: str | None = None  # set for system groups only
    legacy: bool = False  # made by the old Contacts API: may be missing from the list
    members: dict[int, None] = field(default_factory=dict)

    @property
    def system(self) -> bool:
        return self.formatted is not None

    @property
    def latest(self) -> GroupVersion:
        return self.trail.latest

    @property
    def addable(self) -> bool:
        return not self.system or self.resource in _ADDABLE


class Labels:
    """The groups of one user by resource name; deleted ones stay, marked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stamps = Stamps()
        self.journal = Journal()
        self.groups: dict[str, Group] = {}
        self.by_number: dict[int, Group] = {}
        for short, formatted in _SYSTEM.items():
            self._add(f"contactGroups/{short}", GroupVersion(short, "", 0), 0.0, formatted)

    def _add(self, resource: str, version: GroupVersion, now: float, formatted: str | None = None) -> Group:
        number = len(self.groups) + 1
        change = 0 if formatted is not None else self.journal.record(now, number)
        group = Group(resource, number, Trail(change, version), now, formatted)
        self.groups[resource] = self.by_number[number] = group
        return group

    def _folded(self, name: str) -> str:
        trimmed = name.strip()
        return trimmed.casefold() if self._world.switches.group_names_fold_case else trimmed

    def live(self, resource: str) -> Group | None:
        group = self.groups.get(resource)
        return None if group is None or group.latest.deleted else group

    def named(self, resource: str) -> Group:
        """The live group, or 404."""
        group = self.live(resource)
        if group is None:
            raise not_found()
        return group

    def joinable(self, resource: str, now: float) -> Group:
        """The live group if a contact may be put there now; 404 while it is too young, 400 for most of Google's own."""
        group = self.named(resource)
        if not group.system and now - group.born < self._world.switches.group_visibility_delay:
            raise not_found()
        if not group.addable:
            raise invalid()
        return group

    def create(self, name: str, client_data: tuple[Json, ...], now: float) -> Group:
        name = self._free_name(name, None)
        version = GroupVersion(name, self._world.group_etag(), self._stamps.next(now), client_data)
        return self._add(f"contactGroups/{self._world.group_id()}", version, now)

    def change(self, group: Group, now: float, *, name: str | None, client_data: tuple[Json, ...] | None) -> None:
        after = group.latest
        if name is not None:
            after = replace(after, name=self._free_name(name, group.resource))
        if client_data is not None:
            after = replace(after, client_data=client_data)
        self._store(group, after, now)

    def delete(self, group: Group, now: float) -> None:
        self._store(group, replace(group.latest, deleted=True), now)
        group.members.clear()

    def _store(self, group: Group, after: GroupVersion, now: float) -> None:
        after = replace(after, etag=self._world.group_etag(), stamp=self._stamps.next(now))
        number = self.journal.record(now, group.number)
        group.trail.add(number, after, self.journal.seen(now, self._world.horizon()))

    def _free_name(self, name: str, owner: str | None) -> str:
        name = name.strip()
        if not name:
            raise invalid()
        others = (g.latest for g in self.groups.values() if g.resource != owner)
        if any(not g.deleted and self._folded(g.name) == self._folded(name) for g in others):
            raise ApiError(409, "ALREADY_EXISTS", "Contact group name already exists.")
        return name
