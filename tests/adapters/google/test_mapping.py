"""Persons of the People API as records: what becomes a unit, what is kept beside, what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.google.mapping import (
    former_ids,
    id_of,
    instant,
    is_deleted,
    record_id,
    resource_of,
    to_record,
)
from syncd.core.contact import Field, Instant, Record, RecordId, Unit

HEX, RESOURCE = RecordId("47c21a010c6b30c8"), "people/c5170723913980391624"
CONTACT = {"source": {"type": "CONTACT", "id": HEX}}


def a_person(**fields: Any) -> dict[str, Any]:
    """A person as captured from the API, with these fields."""
    source = {"type": "CONTACT", "id": HEX, "etag": "#Zm4YfTizA7M=", "updateTime": "2023-02-24T16:40:20.181599Z"}
    return {"resourceName": RESOURCE, "etag": "%Eig", "metadata": {"sources": [source]}, **fields}


def a_record(custom: tuple[str, ...] = (), *, listed: bool = False, **fields: Any) -> Record:
    """The record of such a person."""
    record = to_record(a_person(**fields), custom, listed=listed)
    assert record is not None
    return record


def only(record: Record, field: Field) -> Unit:
    """The one unit of that field."""
    found = [u for u in record.units if u.field is field]
    assert len(found) == 1
    return found[0]


def test_captured_person_gives_its_ids_version_and_stamp() -> None:
    """The contact source names the record; the resource name says the same number in decimal."""
    record = a_record()
    assert (record.id, record.version, record.stamp) == (HEX, "#Zm4YfTizA7M=", Instant(1677256820181599))
    assert (resource_of(HEX), id_of(RESOURCE)) == (RESOURCE, HEX)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-02-24T16:40:20Z", 1677256820000000),
        ("2023-02-24T16:40:20.1Z", 1677256820100000),
        ("2023-02-24T16:40:20.181Z", 1677256820181000),
        ("2023-02-24T16:40:20.181599123Z", 1677256820181599),
        ("2023-02-24T17:40:20+01:00", 1677256820000000),
        ("2023-02-24T16:40:20", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_update_time_of_any_precision_is_read(text: str, expected: int) -> None:
    """Times have 0 to 9 fraction digits; one without a zone is not guessed."""
    assert instant(text) == expected


def test_profile_items_are_not_the_contacts() -> None:
    """What a linked Google profile says of itself never becomes a unit."""
    record = a_record(
        names=[
            {"metadata": {"source": {"type": "PROFILE", "id": "1"}, "primary": True}, "givenName": "Profile"},
            {"metadata": CONTACT, "givenName": "Own"},
        ]
    )
    assert only(record, Field.NAME).value == ("Own", "", "")


def test_person_without_contact_source_is_no_record() -> None:
    """A profile that turns up among persons is not a contact."""
    person = {"resourceName": "people/1234", "metadata": {"sources": [{"type": "PROFILE", "id": "1234"}]}}
    assert to_record(person, ()) is None


def test_job_is_the_current_organization() -> None:
    """The current organization counts, then the primary one; the others are kept for the way back."""
    record = a_record(
        organizations=[
            {"name": "Old", "metadata": {"primary": True}},
            {"name": "Now", "title": "Boss", "current": True, "costCenter": "7"},
        ]
    )
    assert only(record, Field.JOB).value == ("Now", "Boss", "")
    assert record.extra is not None
    assert record.extra["rest"] == {"organizations": [{"name": "Old"}]}


def test_job_choice_does_not_follow_the_order_of_items() -> None:
    """Google shuffles items; the same organizations give the same job."""
    items = [{"name": "B"}, {"name": "A"}, {"name": "C"}]
    jobs = {only(a_record(organizations=o), Field.JOB).value for o in (items, items[::-1])}
    assert len(jobs) == 1


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ({"date": {"year": 1980, "month": 2, "day": 9}}, ("1980", "2", "9")),
        ({"date": {"month": 2, "day": 29}}, ("", "2", "29")),
        ({"date": {"year": 0, "month": 2, "day": 29}}, ("", "2", "29")),
    ],
)
def test_birthday_keeps_a_missing_year_missing(item: dict[str, Any], value: tuple[str, ...]) -> None:
    """No year is ever invented."""
    assert only(a_record(birthdays=[item]), Field.BIRTHDAY).value == value


def test_birthday_that_is_text_alone_is_kept_beside() -> None:
    """A text is no date; it is neither a unit nor lost."""
    record = a_record(birthdays=[{"text": "in spring"}])
    assert not record.units
    assert record.extra is not None
    assert record.extra["rest"] == {"birthdays": [{"text": "in spring"}]}


def test_custom_labels_and_foreign_types_are_kept_verbatim() -> None:
    """A label is the user's own word."""
    record = a_record(
        phoneNumbers=[{"value": "1", "type": "Boat ⛵"}, {"value": "2", "type": "googleVoice"}, {"value": "3"}],
        imClients=[{"username": "ada", "protocol": "jabber", "type": "home"}],
    )
    assert [u.label for u in record.units] == ["Boat ⛵", "googleVoice", "", "jabber"]


def test_address_without_parts_is_read_by_its_text() -> None:
    """An address that nobody split into parts is still an address; one with parts never carries the text along."""
    record = a_record(
        addresses=[
            {"formattedValue": "1 Main St\nTown", "type": "home"},
            {"streetAddress": "2 Side St", "formattedValue": "2 Side St", "poBox": "9", "type": "work"},
        ]
    )
    whole, split = record.units
    assert whole.value == ("1 Main St\nTown", "", "", "", "")
    assert split.value == ("2 Side St", "", "", "", "")
    assert split.extra == {"google": {"poBox": "9"}}


def test_user_defined_gives_one_unit_per_key() -> None:
    """Every key is a unit; a second value of one key is kept beside, whatever the order."""
    items = [{"key": "Loyalty", "value": "gold"}, {"key": "Size", "value": "XL"}, {"key": "Size", "value": "L"}]
    for order in (items, items[::-1]):
        record = a_record(("userDefined:Loyalty",), userDefined=order)
        found = {u.label: u.value[0] for u in record.units}
        assert found == {"userDefined:Loyalty": "gold", "userDefined:Size": "L"}
        assert record.mask[-1] == "custom:userDefined:Loyalty"
        assert record.extra is not None
        assert record.extra["rest"] == {"userDefined": [{"key": "Size", "value": "XL"}]}


def test_plain_list_is_read_when_asked_for() -> None:
    """`nicknames` is a custom slot with the value of its first item, and only where an account maps it."""
    nicknames = [{"value": "Ace"}, {"value": "Addie", "metadata": {"primary": True}}]
    assert not a_record(nicknames=nicknames).units
    record = a_record(("nicknames",), nicknames=nicknames)
    assert [(u.label, u.value) for u in record.units] == [("nicknames", ("Addie",))]


def test_groups_and_anchors_are_told_by_the_record() -> None:
    """Scopes are the groups of the contact, anchors the values under our key alone."""
    record = a_record(
        memberships=[
            {"contactGroupMembership": {"contactGroupId": "b", "contactGroupResourceName": "contactGroups/b"}},
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/a"}},
            {"domainMembership": {"inViewerDomain": True}},
        ],
        clientData=[{"key": "syncd", "value": "1/t/c/i"}, {"key": "other", "value": "x"}],
    )
    assert record.scopes == ("contactGroups/a", "contactGroups/b")
    assert record.anchors == ("1/t/c/i",)


def test_list_cut_at_a_hundred_is_not_in_the_mask() -> None:
    """A hundred items from a list may be the first of many: the field was not read whole. A point read is whole."""
    mails = [{"value": f"{i}@x.org"} for i in range(100)]
    assert "email" not in a_record(listed=True, emailAddresses=mails).mask
    assert "email" in a_record(listed=False, emailAddresses=mails).mask
    assert "email" in a_record(listed=True, emailAddresses=mails[:99]).mask


def test_deletion_and_former_names_are_read() -> None:
    """A trace of a deletion has an id; a rename has the old one."""
    gone = {"resourceName": RESOURCE, "metadata": {"sources": [{"type": "CONTACT", "id": HEX}], "deleted": True}}
    assert is_deleted(gone)
    assert record_id(gone) == HEX
    assert record_id({"resourceName": RESOURCE}) == HEX
    person = a_person()
    person["metadata"]["previousResourceNames"] = ["people/c10", RESOURCE, "people/777"]
    assert former_ids(person) == (RecordId("a"),)


def test_output_only_leaves_never_enter_a_record() -> None:
    """What Google derives from other leaves is neither stored nor ever sent back."""
    record = a_record(
        names=[{"givenName": "A", "displayName": "A", "displayNameLastFirst": "A", "unstructuredName": "A"}],
        phoneNumbers=[{"value": "1", "canonicalForm": "+1", "formattedType": "x", "metadata": CONTACT}],
        urls=[{"value": ""}, {"type": "home"}],
    )
    assert all(u.extra is None for u in record.units)
    assert len(record.units) == 2
    assert record.extra is not None
    assert "rest" not in record.extra
