"""Rows as records: no server needed."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.creatio.mapping import Body, Lens, family_first, full_name, record
from adapters.creatio.odata import NULL_DATE, ZERO_GUID
from adapters.creatio.slots import BUSINESS, EMAIL, FACEBOOK, FAX, HOME, MOBILE, OTHER_PHONE, ROW_SLOTS, SKYPE, WEB
from syncd.core.contact import FIELD_MASK, Field, Instant, Record

ID = "7f3b869f-34f3-4f20-ab4d-7480a5fdf647"
STAMP = "2026-11-22T17:21:02.332303Z"
EXTENSION = "e9d91e45-8d92-4e38-95a0-ef8aa28c9e7a"
LEGAL = "770bf68c-4b6e-df11-b988-001d60e938c6"
NAMES = {
    ("Account", "acc"): "Acme",
    ("Department", "dep"): "Sales",
    ("City", "ber"): "Berlin",
    ("Country", "de"): "Germany",
}


def contact(**columns: Any) -> dict[str, Any]:
    """A contact's row, empty but for its name."""
    empty = dict.fromkeys(("Name", "Surname", "GivenName", "MiddleName", "JobTitle", "Notes", "Email", "Skype"), "")
    links = dict.fromkeys(("AccountId", "DepartmentId", "OwnerId"), ZERO_GUID)
    return {"Id": ID, "ModifiedOn": STAMP, "BirthDate": NULL_DATE, **empty, **links, "Name": "Bob Brown", **columns}


def row(id: str, kind: str, number: str, **columns: Any) -> dict[str, Any]:
    """A communication row."""
    return {
        "Id": id, "ContactId": ID, "CommunicationTypeId": kind, "Number": number, "ModifiedOn": STAMP, "Primary": False,
        "NonActual": False, **columns,
    }  # fmt: skip


def read(communications: list[dict[str, Any]] | None = None, addresses: list[dict[str, Any]] | None = None,
         lens: Lens | None = None, **columns: Any) -> Record:  # fmt: skip
    """The record of these rows."""
    body = Body(contact(**columns), communications or [], addresses or [])
    return record(body, lambda set_, key: NAMES.get((set_, key), ""), lens or Lens())


def said(found: Record, field: Field) -> list[tuple[tuple[str, ...], str]]:
    """Values and labels of a field."""
    return [(unit.value, unit.label) for unit in found.units if unit.field is field]


def test_empty_contact_has_its_name_and_nothing_else() -> None:
    """Zero GUIDs, null dates and empty texts are no values."""
    found = read()
    assert [u.field for u in found.units] == [Field.NAME]
    assert found.mask == FIELD_MASK


def test_contact_with_only_a_full_name_has_it_as_given_name() -> None:
    """Nothing is cut into parts by guessing."""
    assert said(read(), Field.NAME) == [(("Bob Brown", "", ""), "")]
    parts = read(GivenName="Bob", MiddleName="M", Surname="Brown")
    assert said(parts, Field.NAME) == [(("Bob", "M", "Brown"), "")]


def test_job_birthday_and_notes() -> None:
    """Lookups by name; a date without leading zeros; notes as they are, HTML too."""
    found = read(
        AccountId="acc", DepartmentId="dep", JobTitle="Boss", BirthDate="1980-05-01T00:00:00Z", Notes="<p>x</p>"
    )
    assert said(found, Field.JOB) == [(("Acme", "Boss", "Sales"), "")]
    assert said(found, Field.BIRTHDAY) == [(("1980", "5", "1"), "")]
    assert said(found, Field.NOTES) == [(("<p>x</p>",), "")]


def test_company_text_counts_where_no_account_is_linked() -> None:
    """`company = "text"`."""
    lens = Lens((), "UsrCompany")
    assert said(read(lens=lens, UsrCompany="Tiny Ltd"), Field.JOB) == [(("Tiny Ltd", "", ""), "")]
    assert said(read(lens=lens, UsrCompany="Tiny Ltd", AccountId="acc"), Field.JOB) == [(("Acme", "", ""), "")]


def test_every_communication_type_has_its_slot() -> None:
    """And keeps its row id and time."""
    rows = [row(f"r{n}", kind, f"v{n}") for n, kind in enumerate(ROW_SLOTS)]
    found = read(rows)
    units = {u.native: u for u in found.units if u.native}
    assert {(units[f"r{n}"].field, units[f"r{n}"].label) for n in range(len(rows))} == set(ROW_SLOTS.values())
    assert all(u.stamp == Instant(1795368062332303) for u in units.values())
    assert said(read([row("a", FAX, "1")]), Field.PHONE) == [(("1",), "workFax")]
    assert said(read([row("a", OTHER_PHONE, "1")]), Field.PHONE) == [(("1",), "other")]
    assert said(read([row("a", FACEBOOK, "f")]), Field.URL) == [(("f",), "facebook")]
    assert said(read([row("a", WEB, "w")]), Field.URL) == [(("w",), "homePage")]
    assert said(read([row("a", SKYPE, "s")]), Field.IM) == [(("s",), "skype")]


def test_foreign_types_and_past_numbers_are_kept_aside() -> None:
    """They are no units, so nothing ever changes or sends them; they are remembered, so that nothing is put twice."""
    found = read(
        [row("a", EXTENSION, "12"), row("b", EMAIL, "old@x.test", NonActual=True), row("c", EMAIL, "new@x.test")]
    )
    assert said(found, Field.EMAIL) == [(("new@x.test",), "")]
    assert said(found, Field.PHONE) == []
    assert found.extra is not None
    assert found.extra["idle"] == [["a", EXTENSION, "12", "type"], ["b", EMAIL, "old@x.test", "past"]]


def test_one_primary_of_a_type_the_contact_s_column_deciding() -> None:
    """Older builds leave several rows flagged."""
    rows = [
        row("a", EMAIL, "a@x.test", Primary=True),
        row("b", EMAIL, "b@x.test", Primary=True),
        row("m", MOBILE, "1", Primary=True),
    ]
    primaries = {u.native for u in read(rows, Email="a@x.test").units if u.primary}
    assert primaries == {"a", "m"}


def test_addresses_have_labels_names_and_types() -> None:
    """Business is work, Home is home, all else is other and keeps its type."""
    places = [
        {"Id": "1", "AddressTypeId": BUSINESS, "Address": "Main 1", "CityId": "ber", "CountryId": "de", "Zip": "10115"},
        {"Id": "2", "AddressTypeId": HOME, "Address": "Side 2"},
        {"Id": "3", "AddressTypeId": LEGAL, "Address": "Law 3"},
        {"Id": "4", "AddressTypeId": LEGAL},
    ]
    found = read(addresses=[{"ModifiedOn": STAMP, "Primary": False, **p} for p in places])
    assert said(found, Field.ADDRESS) == [
        (("Main 1", "Berlin", "", "10115", "Germany"), "work"),
        (("Side 2", "", "", "", ""), "home"),
        (("Law 3", "", "", "", ""), "other"),
    ]
    assert found.units[-1].extra is not None
    assert found.units[-1].extra["type"] == LEGAL


def test_version_moves_with_any_row_and_with_their_number() -> None:
    """A removed row changes it too."""
    one = read([row("a", EMAIL, "a@x.test")])
    newer = read([row("a", EMAIL, "a@x.test", ModifiedOn="2026-11-23T00:00:00Z")])
    two = read([row("a", EMAIL, "a@x.test"), row("b", EMAIL, "b@x.test")])
    assert len({one.version, newer.version, two.version}) == 3
    assert newer.stamp > one.stamp


@pytest.mark.parametrize(
    ("name", "order"),
    [("Bob Brown", False), ("Brown Bob", True), ("Dr. Bob Brown", None), ("Brown, Bob", None), ("x", None)],
)
def test_order_of_names_is_learned_from_contacts(name: str, order: bool | None) -> None:
    """Sites differ in which name comes first."""
    assert family_first(contact(Name=name, GivenName="Bob", Surname="Brown")) is order


def test_full_name_leaves_out_what_is_empty() -> None:
    """No double spaces, also in other scripts and without one of the parts."""
    assert full_name(("Łukasz", "", "Żak"), family_first=False) == "Łukasz Żak"
    assert full_name(("太郎", "", "山田"), family_first=True) == "山田 太郎"
    assert full_name((" Иван ", "Иванович", "Иванов"), family_first=True) == "Иванов Иван Иванович"


def test_hidden_company_is_not_read_and_not_emptied() -> None:
    """A linked account that is not shown has no name; that must not look as if the company were removed."""
    found = read(AccountId="secret", JobTitle="Boss")
    assert said(found, Field.JOB) == []
    assert "job" not in found.mask
    hidden = [{"Id": "1", "ModifiedOn": STAMP, "Address": "Main 1", "CityId": "secret"}]
    assert "address" not in read(addresses=hidden).mask
