"""The CRM behind the HTTP: its rows, its users, and what people do in it through the same save handlers."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from syncd.sandbox.creatio.addresses import Addresses
from syncd.sandbox.creatio.auth import Gate
from syncd.sandbox.creatio.careers import Careers
from syncd.sandbox.creatio.communications import Communications
from syncd.sandbox.creatio.errors import Cancelled
from syncd.sandbox.creatio.merging import merge_contacts
from syncd.sandbox.creatio.people import Anniversaries, People
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.render import Renderer
from syncd.sandbox.creatio.rights import User
from syncd.sandbox.creatio.rows import Store, View
from syncd.sandbox.creatio.saving import Actor, Saver
from syncd.sandbox.creatio.schema import CORPORATE, PRIVATE, PUBLIC, SCHEMA
from syncd.sandbox.creatio.seed import EMPLOYEE, SUPERVISOR_CONTACT, SUPERVISOR_USER, seed_rows
from syncd.sandbox.creatio.tags import Tagged, Tags
from syncd.sandbox.wire import Clock

TAG_TYPES = {"private": PRIVATE, "corporate": CORPORATE, "public": PUBLIC}
USER_TYPE = 4
Who = User | str | None


class Crm:
    """A CRM with its people. Every operation is one transaction, stamped by the user named (Supervisor by default)."""

    def __init__(self, clock: Clock, profile: Profile | None = None) -> None:
        self.clock = clock
        self.profile = profile if profile is not None else Profile()
        self.rng = random.Random(self.profile.seed)  # test data, reproducible on purpose
        self.store = Store()
        self.saver = Saver(self.store, self.profile, self.rng)
        self.gate = Gate(self.profile, self.rng)
        self.lock = threading.RLock()
        self._turns = 0
        self._install()

    @property
    def users(self) -> dict[str, User]:
        """The users by login name."""
        return self.gate.users

    def _install(self) -> None:
        communications, addresses = Communications(self.saver), Addresses(self.saver)
        self.saver.handlers = {
            "Contact": People(self.saver, communications, addresses),
            "ContactCommunication": communications,
            "ContactAddress": addresses,
            "ContactCareer": Careers(self.saver),
            "ContactAnniversary": Anniversaries(self.saver),
            "ContactTag": Tags(),
            "ContactInTag": Tagged(self.saver),
        }
        supervisor = User(SUPERVISOR_USER, "Supervisor", "Supervisor", SUPERVISOR_CONTACT)
        self.users["Supervisor"] = supervisor
        with self._saving(supervisor) as actor:
            person = {"Id": SUPERVISOR_CONTACT, "Name": "Supervisor", "GivenName": "Supervisor", "Confirmed": True}
            self.saver.place("Contact", person, actor)
            for entity, row in seed_rows():
                self.saver.place(entity, row, actor)
            self._place_unit(supervisor, actor)

    def _place_unit(self, user: User, actor: Actor) -> None:
        unit = {"Id": user.id, "Name": user.name, "ContactId": user.contact_id, "Active": True}
        self.saver.place("SysAdminUnit", unit | {"SysAdminUnitTypeValue": USER_TYPE}, actor)

    def node_now(self, clock: Clock) -> float:
        """The clock of the application server whose turn it is, in seconds."""
        self._turns += 1
        skews = self.profile.node_skew or (0.0,)
        return clock.now() + skews[self._turns % len(skews)]

    @contextmanager
    def _saving(self, by: Who) -> Iterator[Actor]:
        late = self.profile.late_commit
        with self.lock, self.store.transaction(self.clock.now() + late if late else None):
            yield Actor(self.user(by), self.node_now(self.clock))

    def user(self, who: Who) -> User:
        """A user by name; the Supervisor for None. KeyError when there is none."""
        if isinstance(who, User):
            return who
        return self.users[who or "Supervisor"]

    # people and clients

    def add_user(
        self, name: str, password: str, *, contact_name: str | None = None, email: str = "", **rights: Any
    ) -> User:
        """A system user with an employee contact. `rights` are fields of `User` (`view_any`, `odata`, `insert` …)."""
        with self._saving(None) as actor:
            row = {"Name": contact_name or name, "TypeId": EMPLOYEE} | ({"Email": email} if email else {})
            contact = self.saver.insert("Contact", row, actor)["Id"]
            user = User(self.saver.new_id(), name, password, contact, **rights)
            self._place_unit(user, actor)
            self.users[name] = user
        return user

    def add_client(self, client_id: str, client_secret: str, user: Who = None) -> None:
        """An OAuth client that acts as `user`."""
        self.gate.clients[client_id] = (client_secret, self.user(user))

    # what people do

    def insert(self, entity: str, row: Mapping[str, Any], by: Who = None) -> str:
        """A new row from JSON values; its id, also when a handler silently cancelled the save."""
        values = dict(row)
        values["Id"] = values.get("Id") or self.saver.new_id()
        try:
            with self._saving(by) as actor:
                self.saver.insert(entity, self.saver.decode(SCHEMA[entity], values), actor)
        except Cancelled:
            pass
        return str(values["Id"])

    def patch(self, entity: str, key: str, row: Mapping[str, Any], by: Who = None) -> None:
        """Change columns of a row."""
        try:
            with self._saving(by) as actor:
                self.saver.update(entity, key, self.saver.decode(SCHEMA[entity], row), actor)
        except Cancelled:
            pass

    def delete(self, entity: str, key: str, by: Who = None) -> None:
        with self._saving(by) as actor:
            self.saver.delete(entity, key, actor)

    def add_tag(self, name: str, owner: Who = None, type: str = "private") -> str:  # the column's name
        """A contact tag made by `owner`: private, corporate or public; its id."""
        return self.insert("ContactTag", {"Name": name, "TypeId": TAG_TYPES[type]}, owner)

    def tag(self, contact: str, tag: str, by: Who = None) -> str:
        """Put a contact under a tag (id); a second row when it is there already. The row's id."""
        return self.insert("ContactInTag", {"EntityId": contact, "TagId": tag}, by)

    def untag(self, contact: str, tag: str, by: Who = None) -> int:
        """Take a contact out of a tag; how many rows that were."""
        table = self.store.tables["ContactInTag"]
        with self._saving(by) as actor:
            rows = [key for key in table.linked("EntityId", contact) if table.rows[key]["TagId"] == tag]
            for key in rows:
                self.saver.delete("ContactInTag", key, actor)
        return len(rows)

    def merge(self, survivor: str, loser: str, by: Who = None) -> None:
        """The duplicate search's merge: the loser's rows go to the survivor, the loser is deleted."""
        with self._saving(by) as actor:
            merge_contacts(self.saver, survivor, loser, actor)

    def sql_update(self, entity: str, key: str, row: Mapping[str, Any]) -> None:
        """Change columns as a database script does: no handler, no stamp."""
        with self._saving(None):
            self.saver.alter(entity, key, self.saver.decode(SCHEMA[entity], row))

    def load(self, entity: str, rows: Iterable[Mapping[str, Any]], by: Who = None) -> list[str]:
        """Many rows at once without handlers or validation, for large installations; their ids."""
        with self._saving(by) as actor:
            return [self.saver.place(entity, self.saver.decode(SCHEMA[entity], row), actor) for row in rows]

    # looking

    def contact(self, key: str) -> dict[str, Any] | None:
        """A contact as OData shows it, with `communications`, `addresses` (lists of rows) and `tags` (ids)."""
        with self.lock:
            row = self.store.rows("Contact").get(key)
            if row is None:
                return None
            shown = self._renderer().one(SCHEMA["Contact"], row)
            shown["communications"] = self.children("ContactCommunication", "ContactId", key)
            shown["addresses"] = self.children("ContactAddress", "ContactId", key)
            shown["tags"] = [one["TagId"] for one in self.children("ContactInTag", "EntityId", key)]
            return shown

    def children(self, entity: str, lookup: str, key: str) -> list[dict[str, Any]]:
        """The rows of `entity` whose lookup points at `key`, oldest first, as OData shows them."""
        rows = self.store.tables[entity].oldest_first(lookup, key)
        return self._renderer().rows(SCHEMA[entity], rows)

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every set."""
        with self.lock:
            writer = self._renderer()
            return {name: writer.rows(entity, list(self.store.rows(name).values())) for name, entity in SCHEMA.items()}

    def _renderer(self) -> Renderer:
        return Renderer(View(self.store, float("inf")), self.profile, self.users["Supervisor"], "")
