"""Changes as bodies: lists are rebuilt whole, what was not touched stays, what was not read is never sent."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.google.body import CannotSend, created, updated
from adapters.google.mapping import to_record
from syncd.core.contact import Field, Record, ScopeId, Unit
from syncd.core.ports import Create
from syncd.core.step import Change
from tests.adapters.google.conftest import change
from tests.adapters.google.test_mapping import HEX, RESOURCE, a_person, a_record


def phone(number: str, label: str = "work", *, primary: bool = False) -> Unit:
    """A phone unit."""
    return Unit(Field.PHONE, (number,), label, primary)


def body(record: Record, *changes: Change) -> dict[str, Any]:
    """The fields that the update sends; the mask names exactly these."""
    mask, person = updated(record, changes)
    assert set(mask) == person.keys() - {"resourceName", "etag", "metadata"}
    return {field: person[field] for field in mask}


def test_update_carries_both_etags_it_was_planned_against() -> None:
    """Google refuses the update when either is old."""
    _, person = updated(a_record(), [change(None, phone("1"))])
    assert (person["resourceName"], person["etag"]) == (RESOURCE, "%Eig")
    assert person["metadata"] == {"sources": [{"type": "CONTACT", "id": HEX, "etag": "#Zm4YfTizA7M="}]}


def test_one_changed_item_leaves_the_others_as_they_were() -> None:
    """Labels, subfields and items that syncd cannot read come back unchanged."""
    record = a_record(
        emailAddresses=[
            {"value": "a@x.org", "type": "My own label", "displayName": "Ada"},
            {"value": "b@x.org", "type": "work"},
            {"displayName": "no address"},
        ]
    )
    old = Unit(Field.EMAIL, ("b@x.org",), "work")
    new = Unit(Field.EMAIL, ("c@x.org",), "work")
    assert body(record, change(old, new)) == {
        "emailAddresses": [
            {"value": "a@x.org", "type": "My own label", "displayName": "Ada"},
            {"value": "c@x.org", "type": "work"},
            {"displayName": "no address"},
        ]
    }


def test_item_is_found_by_value_and_label_not_by_place() -> None:
    """Two items with one value are told apart by their label; a label that moved is still found by value."""
    record = a_record(phoneNumbers=[{"value": "1", "type": "home"}, {"value": "1", "type": "work"}])
    removed = body(record, change(phone("1", "work"), None))
    assert removed == {"phoneNumbers": [{"value": "1", "type": "home"}]}
    by_value = body(record, change(phone("1", "pager"), None))
    assert by_value == {"phoneNumbers": [{"value": "1", "type": "work"}]}


def test_last_item_removed_clears_the_field() -> None:
    """The field is named and empty, so it is cleared: it was read whole."""
    assert body(a_record(phoneNumbers=[{"value": "1"}]), change(phone("1", ""), None)) == {"phoneNumbers": []}


def test_two_changes_of_one_contact_go_in_one_body() -> None:
    """Changes to one field are carried out together, changes to others beside them."""
    record = a_record(phoneNumbers=[{"value": "1", "type": "work"}, {"value": "2", "type": "home"}])
    swapped = [change(phone("1"), phone("2")), change(phone("2", "home"), phone("1", "home"))]
    found = body(record, *swapped, change(None, Unit(Field.NOTES, ("hi",))))
    assert found == {
        "biographies": [{"value": "hi", "contentType": "TEXT_PLAIN"}],
        "phoneNumbers": [{"value": "2", "type": "work"}, {"value": "1", "type": "home"}],
    }


def test_removal_of_what_is_gone_already_changes_nothing() -> None:
    """An item that is not there any more is not an error."""
    record = a_record(phoneNumbers=[{"value": "1"}])
    assert body(record, change(phone("9"), None)) == {"phoneNumbers": [{"value": "1"}]}


def test_addition_of_what_is_there_already_makes_no_second() -> None:
    """An addition is idempotent."""
    record = a_record(phoneNumbers=[{"value": "1", "type": "work"}])
    assert body(record, change(None, phone("1"))) == {"phoneNumbers": [{"value": "1", "type": "work"}]}


def test_name_keeps_honorifics_and_phonetics() -> None:
    """A title in front of a name is not ours to drop, not even when the name is removed."""
    record = a_record(names=[{"givenName": "J", "honorificPrefix": "Dr.", "phoneticGivenName": "jay"}])
    old = Unit(Field.NAME, ("J", "", ""))
    kept = {"honorificPrefix": "Dr.", "phoneticGivenName": "jay"}
    renamed = body(record, change(old, Unit(Field.NAME, ("John", "", "Doe"))))
    assert renamed == {"names": [{**kept, "givenName": "John", "familyName": "Doe"}]}
    assert body(record, change(old, None)) == {"names": [kept]}


def test_unsplit_name_is_replaced_by_its_parts() -> None:
    """The whole text is not sent with parts: they would contradict each other."""
    record = a_record(names=[{"unstructuredName": "Ada L"}])
    found = body(record, change(Unit(Field.NAME, ("Ada L", "", "")), Unit(Field.NAME, ("Ada", "", "L"))))
    assert found == {"names": [{"givenName": "Ada", "familyName": "L"}]}


def test_job_keeps_the_rest_of_its_organization_and_the_others() -> None:
    """Job description and other organizations survive a change of company, and of all of them."""
    record = a_record(
        organizations=[{"name": "A", "current": True, "jobDescription": "d"}, {"name": "School", "type": "school"}]
    )
    old, new = Unit(Field.JOB, ("A", "", "")), Unit(Field.JOB, ("B", "Boss", ""))
    school = {"name": "School", "type": "school"}
    moved = body(record, change(old, new))["organizations"]
    assert moved == [{"name": "B", "title": "Boss", "current": True, "jobDescription": "d"}, school]
    assert body(record, change(old, None))["organizations"] == [{"current": True, "jobDescription": "d"}, school]


def test_organization_with_dates_is_refused() -> None:
    """Google answers 500 to them and loses them when they are left out: such a job is not touched."""
    dated = {"name": "A", "startDate": {"year": 2020, "month": 1, "day": 1}}
    for items in ([dated], [{"name": "B", "current": True}, dated]):
        record = a_record(organizations=items)
        job = next(u for u in record.units if u.field is Field.JOB)
        with pytest.raises(CannotSend, match="organization_dates"):
            updated(record, [change(job, Unit(Field.JOB, ("C", "", "")))])
        assert body(record, change(None, phone("1"))) == {"phoneNumbers": [{"value": "1", "type": "work"}]}


def test_birthday_without_year_is_sent_without_year() -> None:
    """And the text that may say something else is not sent along."""
    record = a_record(birthdays=[{"date": {"month": 1, "day": 2}, "text": "Jan 2"}])
    old, new = Unit(Field.BIRTHDAY, ("", "1", "2")), Unit(Field.BIRTHDAY, ("", "1", "3"))
    assert body(record, change(old, new)) == {"birthdays": [{"date": {"month": 1, "day": 3}}]}


def test_singleton_never_gets_a_second_item() -> None:
    """A birthday that was text alone gives way to a date; cleared, it stays as it was."""
    record = a_record(birthdays=[{"text": "in spring"}])
    date = Unit(Field.BIRTHDAY, ("1980", "1", "3"))
    assert body(record, change(None, date)) == {"birthdays": [{"date": {"year": 1980, "month": 1, "day": 3}}]}
    assert body(record, change(date, None)) == {"birthdays": [{"text": "in spring"}]}


def test_address_keeps_its_other_leaves_and_drops_a_country_code_that_is_no_longer_true() -> None:
    """Post box and extended address stay; the code goes with the country it spoke of; the whole text is never sent."""
    record = a_record(
        addresses=[
            {"streetAddress": "S", "country": "Spain", "countryCode": "ES", "poBox": "9", "formattedValue": "S, Spain"},
            {"formattedValue": "only text"},
        ]
    )
    old = Unit(Field.ADDRESS, ("S", "", "", "", "Spain"))
    same = body(record, change(old, Unit(Field.ADDRESS, ("T", "", "", "", "Spain"))))["addresses"]
    text = {"formattedValue": "only text"}
    assert same == [{"streetAddress": "T", "country": "Spain", "countryCode": "ES", "poBox": "9"}, text]
    moved = body(record, change(old, Unit(Field.ADDRESS, ("S", "", "", "", "Italy"))))["addresses"]
    assert moved == [{"streetAddress": "S", "country": "Italy", "poBox": "9"}, text]


def test_new_primary_is_the_only_one_and_the_first() -> None:
    """Google has one primary item per field; syncd says which."""
    record = a_record(phoneNumbers=[{"value": "1", "metadata": {"primary": True}}, {"value": "2"}])
    found = body(record, change(phone("2", ""), phone("2", "", primary=True)))["phoneNumbers"]
    assert found == [{"value": "2", "metadata": {"primary": True, "sourcePrimary": True}}, {"value": "1"}]


def test_custom_slots_are_written_by_key() -> None:
    """One key is changed; other keys, second values and other nicknames stay."""
    record = a_record(
        ("userDefined:Size", "nicknames"),
        userDefined=[{"key": "Size", "value": "L"}, {"key": "Size", "value": "XL"}, {"key": "Hat", "value": "7"}],
        nicknames=[{"value": "Ace", "metadata": {"primary": True}, "type": "SHORT_NAME"}, {"value": "Addie"}],
    )
    size = Unit(Field.CUSTOM, ("L",), "userDefined:Size")
    found = body(
        record,
        change(size, Unit(Field.CUSTOM, ("M",), "userDefined:Size")),
        change(Unit(Field.CUSTOM, ("Ace",), "nicknames"), Unit(Field.CUSTOM, ("Al",), "nicknames")),
    )
    assert {(i["key"], i["value"]) for i in found["userDefined"]} == {("Size", "M"), ("Size", "XL"), ("Hat", "7")}
    assert found["nicknames"] == [{"value": "Al", "type": "SHORT_NAME"}, {"value": "Addie"}]


def test_field_that_was_not_read_whole_is_refused() -> None:
    """A mask never clears what was not read: a cut list, an unmapped slot, a record without its native part."""
    cut = to_record(a_person(emailAddresses=[{"value": f"{i}@x"} for i in range(100)]), (), listed=True)
    assert cut is not None
    mail, slot = Unit(Field.EMAIL, ("n@x",)), Unit(Field.CUSTOM, ("v",), "userDefined:K")
    bare = Record(HEX, "#1", (), ("email",))
    for record, unit in ((cut, mail), (a_record(), slot), (bare, mail)):
        with pytest.raises(CannotSend, match="not_read_whole"):
            updated(record, [change(None, unit)])


def test_native_rest_of_another_system_is_not_sent() -> None:
    """What the CRM keeps beside its units means nothing to Google."""
    unit = Unit(Field.ADDRESS, ("S", "", "", "", ""), "work", native="row", extra={"type": "guid", "poBox": "x"})
    assert body(a_record(), change(None, unit)) == {"addresses": [{"streetAddress": "S", "type": "work"}]}


def test_create_is_born_with_anchor_and_groups() -> None:
    """My Contacts is said explicitly: a contact with a label alone would not be in it."""
    units = (Unit(Field.NAME, ("Zoë", "", "Ñ 🙂")), phone("1"), phone("2", "home", primary=True))
    skype = Unit(Field.IM, ("z",), "skype")
    create = Create("i", None, "1/t/c/i", (*units, skype), (ScopeId("contactGroups/g"),))
    assert created(create) == {
        "names": [{"givenName": "Zoë", "familyName": "Ñ 🙂"}],
        "phoneNumbers": [
            {"value": "2", "type": "home", "metadata": {"primary": True, "sourcePrimary": True}},
            {"value": "1", "type": "work"},
        ],
        "imClients": [{"username": "z", "protocol": "skype"}],
        "clientData": [{"key": "syncd", "value": "1/t/c/i"}],
        "memberships": [
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/g"}},
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/myContacts"}},
        ],
    }
