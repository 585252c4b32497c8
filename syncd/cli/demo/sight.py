"""What each side holds, read from the two servers at the moment of asking: small tables, with no judgement of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli.demo.stage import EMAIL, MOBILE, WORK, Player, Stage

NOTHING = "–"
KINDS = {"E-mail": EMAIL, "Mobile": MOBILE, "Work phone": WORK}
GOOGLE_KINDS = {"Mobile": "mobile", "Work phone": "work"}


@dataclass(frozen=True)
class Sight:
    """A small table: a heading and one for each column, and rows by their first cell."""

    heading: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]

    def differs(self, before: Sight | None, row: str, column: int) -> bool:
        """Whether this cell was another one before. Without a before nothing counts as changed."""
        if before is None:
            return False
        old = before.rows.get(row)
        return self.rows[row][column] != (NOTHING if old is None else old[column])

    def as_json(self) -> list[dict[str, str]]:
        """One object a row."""
        return [{self.heading: name, **dict(zip(self.columns, row, strict=True))} for name, row in self.rows.items()]


# ------------------------------------------------------------------------------------------------- where contacts are


def places(stage: Stage, player: Player, names: Sequence[str] = ()) -> Sight:
    """Where each contact is found: under the player's tag, in the player's group. Without names all that are there."""
    wanted = list(names) or sorted({*_named(stage.tagged(player)), *(name_of(p) for p in _grouped(stage, player))})
    rows = {name: (crm_place(stage, player, name), google_place(stage, player, name)) for name in wanted}
    return Sight("contact", (f"CRM ({_whose(player)} tag)", f"{_whose(player)} Google"), rows)


def crm_place(stage: Stage, player: Player, name: str) -> str:
    """Whether the CRM has the contact, under the player's tag or without it; and how often."""
    contacts = crm_contacts(stage, name)
    tagged = [c for c in contacts if stage.tags[player.account] in c["tags"]]
    if not contacts:
        return NOTHING
    return _often("tagged" if tagged else "there, without the tag", len(contacts))


def google_place(stage: Stage, player: Player, name: str) -> str:
    """Whether the player's Google has the contact, in the group or outside; and how often."""
    contacts = google_contacts(stage, player, name)
    if not contacts:
        return NOTHING
    inside = contacts.keys() & stage.grouped(player).keys()
    return _often("in the group" if inside else "there, not in the group", len(contacts))


def _whose(player: Player) -> str:
    return f"{player.name.partition(' ')[0]}'s"


def _often(place: str, times: int) -> str:
    return place if times == 1 else f"{place}, {times} TIMES"


def _named(contacts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [str(contact["Name"]) for contact in contacts.values()]


def _grouped(stage: Stage, player: Player) -> list[dict[str, Any]]:
    return list(stage.grouped(player).values())


# ------------------------------------------------------------------------------------------------- what contacts say


def values(stage: Stage, name: str, fields: Sequence[str], players: Sequence[Player]) -> Sight:
    """What a contact says in the CRM and in the Google of each player, field by field."""
    columns = ("CRM", *(f"{_whose(player)} Google" for player in players))
    rows = {
        field: (crm_value(stage, name, field), *(google_value(stage, player, name, field) for player in players))
        for field in fields
    }
    return Sight(name, columns, rows)


def crm_value(stage: Stage, name: str, field: str) -> str:
    """A field of a CRM contact as its page shows it."""
    contact = next(iter(crm_contacts(stage, name)), None)
    if contact is None:
        return NOTHING
    if field not in KINDS:
        return str(contact["JobTitle"] or NOTHING)
    numbers = [row["Number"] for row in contact["communications"] if row["CommunicationTypeId"] == KINDS[field]]
    return ", ".join(sorted(numbers)) or NOTHING


def google_value(stage: Stage, player: Player, name: str, field: str) -> str:
    """A field of a Google contact as the phone shows it."""
    person = next(iter(google_contacts(stage, player, name).values()), None)
    if person is None:
        return NOTHING
    if field == "Job title":
        return ", ".join(str(job.get("title", "")) for job in person.get("organizations", ())) or NOTHING
    if field == "E-mail":
        return ", ".join(sorted(item["value"] for item in person.get("emailAddresses", ()))) or NOTHING
    kind = GOOGLE_KINDS[field]
    numbers = [item["value"] for item in person.get("phoneNumbers", ()) if item.get("type") == kind]
    return ", ".join(sorted(numbers)) or NOTHING


# ------------------------------------------------------------------------------------------------- finding them


def crm_contacts(stage: Stage, name: str) -> list[dict[str, Any]]:
    """The CRM contacts of that name, in nobody's or anybody's scope."""
    ids = [row["Id"] for row in stage.crm.dump()["Contact"] if row["Name"] == name]
    return [contact for i in ids if (contact := stage.crm.contact(i)) is not None]


def google_contacts(stage: Stage, player: Player, name: str) -> dict[str, dict[str, Any]]:
    """The player's Google contacts of that name, by resource name."""
    contacts = stage.google.user(player.email).contacts
    return {resource: person for resource, person in contacts.items() if name_of(person) == name}


def name_of(person: Mapping[str, Any]) -> str:
    """The name a phone shows."""
    return str((person.get("names") or [{}])[0].get("displayName", ""))
