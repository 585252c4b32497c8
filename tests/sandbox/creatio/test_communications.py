"""Communications and the contact columns that mirror them, in the builds L, M and C."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.sandbox.creatio import CreatioSandbox
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import EMAIL, FAX, MOBILE, Client

HOME = COMMUNICATION_TYPES["Home phone"]
Bumped = Callable[[], bool]


@pytest.fixture(params=["L", "M", "C"])
def build(request: pytest.FixtureRequest, crm: CreatioSandbox) -> str:
    """Each build in turn."""
    crm.profile.change({"comm": request.param})
    return str(request.param)


@pytest.fixture
def contact(crm: CreatioSandbox) -> str:
    """A contact without any row."""
    return crm.insert("Contact", {"Name": "Ann Lee"})


@pytest.fixture
def bumped(api: Client, clock: Clock, contact: str) -> Bumped:
    """Whether the contact's stamp moved since the last call."""
    last = [api.get("Contact", contact)["ModifiedOn"]]
    clock.advance(1)

    def check() -> bool:
        was, last[0] = last[0], api.get("Contact", contact)["ModifiedOn"]
        clock.advance(1)
        return bool(last[0] > was)

    return check


def numbers(crm: CreatioSandbox, contact: str) -> list[tuple[str, bool, bool]]:
    """(number, Primary, the old primary flag), oldest first."""
    rows = crm.children("ContactCommunication", "ContactId", contact)
    return [(row["Number"], row["Primary"], row["IsCreatedBySynchronization"]) for row in rows]


def test_new_row_of_a_mirrored_type_shows_on_the_contact(api: Client, build: str, contact: str, bumped: Bumped) -> None:
    """The first e-mail is primary everywhere, mirrored and a bump."""
    api.communicate(contact, EMAIL, "a@x.example")
    assert api.get("Contact", contact)["Email"] == "a@x.example"
    assert bumped()


def test_second_row_takes_over_in_the_old_builds_only(
    api: Client, crm: CreatioSandbox, build: str, contact: str, clock: Clock
) -> None:
    """L, M: the newest is primary, and the older row keeps `Primary` too. C: the first stays."""
    for number in ("1", "2"):
        clock.advance(1)
        api.communicate(contact, MOBILE, number)
    assert api.get("Contact", contact)["MobilePhone"] == ("1" if build == "C" else "2")
    expected = [("1", True, False), ("2", False, False)] if build == "C" else [("1", True, False), ("2", True, True)]
    assert numbers(crm, contact) == expected


def test_primary_sent_last_is_primary_in_every_build(
    api: Client, build: str, contact: str, crm: CreatioSandbox
) -> None:
    """The portable way: secondary rows first, the primary one last."""
    api.communicate(contact, EMAIL, "b@x.example")
    api.communicate(contact, EMAIL, "a@x.example", Primary=True)
    assert api.get("Contact", contact)["Email"] == "a@x.example"
    if build == "C":
        assert [primary for _, primary, _ in numbers(crm, contact)].count(True) == 1


def test_old_builds_may_demote_for_real(api: Client, crm: CreatioSandbox, contact: str) -> None:
    """A switch for sites whose older rows lose `Primary`."""
    crm.profile.legacy_demotes_primary = True
    api.communicate(contact, MOBILE, "1")
    api.communicate(contact, MOBILE, "2")
    assert sum(primary for _, primary, _ in numbers(crm, contact)) == 1


def test_row_of_no_column_bumps_only_in_the_base_build(api: Client, build: str, contact: str, bumped: Bumped) -> None:
    """A fax: L bumps on every save."""
    fax = api.communicate(contact, FAX, "1")
    assert bumped() is (build == "L")
    api.patch("ContactCommunication", fax, {"Number": "2"})
    assert bumped() is (build == "L")
    api.delete("ContactCommunication", fax)
    assert bumped() is (build == "L")


def test_changed_secondary_number_bumps_as_the_build_does(
    api: Client, build: str, contact: str, bumped: Bumped, clock: Clock
) -> None:
    """L bumps, M for e-mails only, C not: the contact's stamp cannot be relied on."""
    primary_last: list[tuple[str, dict[str, bool]]] = [("1", {}), ("2", {"Primary": True})]
    phones, mails = [], []
    for number, more in primary_last:
        clock.advance(1)
        phones.append(api.communicate(contact, MOBILE, number, **more))
        mails.append(api.communicate(contact, EMAIL, number, **more))
    bumped()
    api.patch("ContactCommunication", phones[0], {"Number": "11"})
    assert bumped() is (build == "L")
    api.patch("ContactCommunication", mails[0], {"Number": "11"})
    assert bumped() is (build in "LM")
    row = api.get("Contact", contact)
    assert (row["MobilePhone"], row["Email"]) == ("2", "2")


def test_changed_primary_number_shows_on_the_contact(api: Client, build: str, contact: str, bumped: Bumped) -> None:
    """In every build, with a bump."""
    row = api.communicate(contact, MOBILE, "1")
    bumped()
    api.patch("ContactCommunication", row, {"Number": "2"})
    assert (api.get("Contact", contact)["MobilePhone"], bumped()) == ("2", True)


def test_exact_duplicate_leaves_one_row(api: Client, crm: CreatioSandbox, build: str, contact: str) -> None:
    """L, M: the other row is deleted. C: the save is cancelled, the answer looks like a success, the id is nowhere."""
    first = api.communicate(contact, EMAIL, "a@x.example")
    second = api.communicate(contact, EMAIL, "a@x.example")
    kept, gone = (first, second) if build == "C" else (second, first)
    assert api.get("ContactCommunication", kept)["Number"] == "a@x.example"
    assert api.odata("GET", f"ContactCommunication({gone})").status == 404
    assert len(numbers(crm, contact)) == 1


@pytest.mark.parametrize("status", ["201", "400", "500"])
def test_cancelled_duplicate_answers_as_the_switch_says(
    api: Client, crm: CreatioSandbox, contact: str, status: str
) -> None:
    """How a cancelled save is answered is not known."""
    crm.profile.change({"comm": "C", "cancelled_duplicate": status})
    row = {"ContactId": contact, "CommunicationTypeId": EMAIL, "Number": "a@x.example"}
    assert api.odata("POST", "ContactCommunication", row).status == 201
    assert api.odata("POST", "ContactCommunication", row).status == int(status)


def test_change_to_a_duplicate_is_cancelled_in_c(api: Client, crm: CreatioSandbox, contact: str) -> None:
    """The row keeps its number behind a 204."""
    crm.profile.comm = "C"
    api.communicate(contact, EMAIL, "a@x.example")
    other = api.communicate(contact, EMAIL, "b@x.example")
    api.patch("ContactCommunication", other, {"Number": "a@x.example"})
    assert api.get("ContactCommunication", other)["Number"] == "b@x.example"


def test_deleted_primary_promotes_as_the_build_does(
    api: Client, crm: CreatioSandbox, build: str, contact: str, clock: Clock
) -> None:
    """L: the column is emptied and nobody promoted. M: e-mails only. C: the newest actual row."""
    mails, phones = [], []
    for number in ("1", "2", "3"):
        clock.advance(1)
        mails.append(api.communicate(contact, EMAIL, number))
        phones.append(api.communicate(contact, MOBILE, number))
    top = 0 if build == "C" else 2
    api.delete("ContactCommunication", mails[top])
    api.delete("ContactCommunication", phones[top])
    row = api.get("Contact", contact)
    assert (row["Email"], row["MobilePhone"]) == {"L": ("", ""), "M": ("2", ""), "C": ("3", "3")}[build]


def test_deleted_secondary_leaves_no_trace(api: Client, build: str, contact: str, bumped: Bumped, clock: Clock) -> None:
    """Not the contact's stamp, nothing."""
    rows = []
    for number in ("1", "2"):
        clock.advance(1)
        rows.append(api.communicate(contact, MOBILE, number))
    bumped()
    api.delete("ContactCommunication", rows[1 if build == "C" else 0])
    assert not bumped()


def test_blanked_contact_column_leaves_the_row(api: Client, crm: CreatioSandbox, build: str, contact: str) -> None:
    """The mirror diverges; a value is removed by deleting its row."""
    api.communicate(contact, EMAIL, "a@x.example")
    api.patch("Contact", contact, {"Email": ""})
    assert api.get("Contact", contact)["Email"] == ""
    assert [number for number, _, _ in numbers(crm, contact)] == ["a@x.example"]


def test_changed_contact_column_changes_or_makes_the_primary_row(
    api: Client, crm: CreatioSandbox, build: str, contact: str
) -> None:
    """Not LinkedIn, which only follows its rows."""
    api.patch("Contact", contact, {"Email": "a@x.example", "LinkedIn": "in/ann"})
    assert [(number, primary) for number, primary, _ in numbers(crm, contact)] == [("a@x.example", True)]
    api.patch("Contact", contact, {"Email": "b@x.example"})
    assert [number for number, _, _ in numbers(crm, contact)] == ["b@x.example"]


def test_changed_type_moves_between_the_columns(api: Client, build: str, contact: str) -> None:
    """The old column is emptied, the new one filled, the foreign type name forgotten."""
    row = api.communicate(contact, MOBILE, "1", ExternalCommunicationType="mobile")
    api.patch("ContactCommunication", row, {"CommunicationTypeId": HOME})
    shown = api.get("Contact", contact)
    assert (shown["MobilePhone"], shown["HomePhone"]) == ("", "1")
    assert api.get("ContactCommunication", row)["ExternalCommunicationType"] == ""


def test_no_longer_actual_row_gives_way_in_the_newer_builds(
    api: Client, build: str, contact: str, clock: Clock
) -> None:
    """L does nothing; M and C look for the next e-mail."""
    rows = []
    for number in ("1", "2"):
        clock.advance(1)
        rows.append(api.communicate(contact, EMAIL, number))
    shown, other = ("1", "2") if build == "C" else ("2", "1")
    api.patch("ContactCommunication", rows[int(shown) - 1], {"NonActual": True})
    assert api.get("Contact", contact)["Email"] == (shown if build == "L" else other)


@pytest.mark.parametrize(("switch", "shown"), [("flag", "2"), ("mirror", "1")])
def test_primary_flag_patched_in_the_old_builds_follows_the_switch(
    api: Client, crm: CreatioSandbox, contact: str, switch: str, shown: str
) -> None:
    """It demotes nobody, and whether it mirrors is not known."""
    crm.profile.change({"legacy_primary_patch": switch})
    first = api.communicate(contact, MOBILE, "1")
    api.communicate(contact, MOBILE, "2")
    crm.sql_update("ContactCommunication", first, {"Primary": False})
    api.patch("ContactCommunication", first, {"Primary": True})
    assert api.get("Contact", contact)["MobilePhone"] == shown
    assert [primary for _, primary, _ in numbers(crm, contact)] == [True, True]


def test_primary_flag_patched_in_c_demotes_and_mirrors(api: Client, crm: CreatioSandbox, contact: str) -> None:
    """One primary row of a type."""
    crm.profile.comm = "C"
    api.communicate(contact, MOBILE, "1")
    second = api.communicate(contact, MOBILE, "2")
    api.patch("ContactCommunication", second, {"Primary": True})
    assert api.get("Contact", contact)["MobilePhone"] == "2"
    assert [primary for _, primary, _ in numbers(crm, contact)] == [False, True]
