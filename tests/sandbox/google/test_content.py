"""What becomes of content: refused, stripped, completed, shuffled, cut."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from syncd.sandbox.google.server import GoogleSandbox, User
from tests.sandbox.google.calling import CONTACT, PROFILE, Api, bare, named, source_of


def created(api: Api, person: dict[str, Any]) -> dict[str, Any]:
    """The answer to a create."""
    got = api.post("/v1/people:createContact", person)
    assert got.status == 200, got.body
    answer: dict[str, Any] = got.json
    return answer


@pytest.mark.parametrize("field", ["names", "birthdays", "biographies", "genders"])
def test_second_item_of_a_singleton_is_refused(api: Api, field: str) -> None:
    """A contact has one name, birthday, biography and gender."""
    item = {
        "names": {"givenName": "A"},
        "birthdays": {"date": {"year": 1815, "month": 12, "day": 10}},
        "biographies": {"value": "A"},
        "genders": {"value": "female"},
    }[field]
    got = api.post("/v1/people:createContact", {field: [item, item]})
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")
    assert got.error["message"] == f"Cannot have more than one person.{field} per source."


def test_name_read_from_a_profile_counts_unless_switched(api: Api, google: GoogleSandbox) -> None:
    """Echoing a linked profile's name beside one's own is refused; by switch it is ignored."""
    linked = {"givenName": "B", "metadata": {"source": {"type": "PROFILE", "id": "1"}}}
    both = {"names": [{"givenName": "A"}, linked]}
    assert api.post("/v1/people:createContact", both).status == 400
    google.switches.profile_items_ignored = True
    assert [n["givenName"] for n in created(api, both)["names"]] == ["A"]


@pytest.mark.parametrize("key", ["startDate", "endDate"])
def test_organization_dates_end_in_500_by_default(api: Api, google: GoogleSandbox, ada: User, key: str) -> None:
    """Google cannot write them; the switch lets them through."""
    body = {"organizations": [{"name": "X", key: {"year": 2020, "month": 1, "day": 1}}]}
    got = api.post("/v1/people:createContact", body)
    assert (got.status, got.error["message"]) == (500, "Internal error encountered.")
    assert not ada.contacts
    google.switches.org_dates_500 = False
    assert created(api, body)["organizations"][0][key] == {"year": 2020, "month": 1, "day": 1}


def test_organization_dates_set_by_hand_are_readable(api: Api, ada: User) -> None:
    """The web page can set what the API cannot."""
    name = ada.create({"organizations": [{"name": "X", "startDate": {"year": 2020, "month": 1, "day": 1}}]})
    got = api.get(f"/v1/{name}", {"personFields": "organizations"}).json
    assert got["organizations"][0]["startDate"]["year"] == 2020


@pytest.mark.parametrize(
    ("birthday", "status"),
    [
        ({"date": {"month": 2, "day": 29}}, 200),
        ({"date": {"year": 2023, "month": 2, "day": 29}}, 400),
        ({"date": {"year": 2024, "month": 13, "day": 1}}, 400),
        ({"date": {"year": 2024, "month": 4, "day": 31}}, 400),
        ({"date": {"year": 2024}}, 400),
        ({"text": "10 December"}, 200),
        ({}, 400),
    ],
)
def test_birthday_must_be_a_day(api: Api, birthday: dict[str, Any], status: int) -> None:
    """Month and day must exist, the year may be missing, text alone is taken."""
    assert api.post("/v1/people:createContact", {"birthdays": [birthday]}).status == status


def test_date_without_a_year_comes_back_without_it(api: Api) -> None:
    """Year 0 is no year."""
    got = created(api, {"birthdays": [{"date": {"year": 0, "month": 12, "day": 10}}]})
    assert bare(got["birthdays"]) == [{"date": {"month": 12, "day": 10}}]


def test_computed_leaves_are_ignored_and_computed(api: Api) -> None:
    """displayName, canonicalForm and the like come from Google, whatever is sent."""
    person = {
        "names": [{"givenName": "John", "familyName": "Doe", "displayName": "Wrong", "metadata": {"primary": False}}],
        "phoneNumbers": [{"value": "650 253 0000", "type": "workFax", "canonicalForm": "+1", "formattedType": "x"}],
    }
    got = created(api, person)
    assert got["names"][0]["displayName"] == "John Doe"
    assert bare(got["phoneNumbers"]) == [
        {"value": "650 253 0000", "type": "workFax", "formattedType": "Work Fax", "canonicalForm": "+16502530000"}
    ]


def test_name_is_completed_as_captured(api: Api) -> None:
    """The forms Google derives from the parts of a name."""
    parts = {"givenName": "John", "middleName": "Jay", "familyName": "Doe"}
    name = {**parts, "honorificPrefix": "Dr.", "honorificSuffix": "III"}
    assert bare(created(api, {"names": [name]})["names"]) == [
        {
            **name,
            "displayName": "Dr. John Jay Doe III",
            "displayNameLastFirst": "Doe, Dr. John Jay, III",
            "unstructuredName": "Dr. John Jay Doe III",
        }
    ]


def test_unstructured_name_is_split(api: Api, google: GoogleSandbox) -> None:
    """A name in one piece is taken apart, unless switched off."""
    got = bare(created(api, {"names": [{"unstructuredName": "Ada King Lovelace"}]})["names"])[0]
    assert (got["givenName"], got["middleName"], got["familyName"]) == ("Ada", "King", "Lovelace")
    google.switches.split_unstructured = False
    assert "givenName" not in created(api, {"names": [{"unstructuredName": "Ada King"}]})["names"][0]


def test_phone_belongs_to_the_users_region(api: Api, ada: User) -> None:
    """canonicalForm follows the account's region and is missing for what cannot be dialled."""
    ada.region = "ES"
    numbers = [{"value": "666 12 34 90"}, {"value": "ask Maria"}, {"value": "+1 650-253-0000"}]
    got = bare(created(api, {"phoneNumbers": numbers})["phoneNumbers"])
    forms = {item["value"]: item.get("canonicalForm") for item in got}
    assert forms == {"666 12 34 90": "+34666123490", "ask Maria": None, "+1 650-253-0000": "+16502530000"}


def test_small_completions(api: Api) -> None:
    """Biography, nickname, chat, address and custom types as they come back."""
    person = {
        "biographies": [{"value": "Notes"}],
        "nicknames": [{"value": "Countess", "type": "DEFAULT"}],
        "imClients": [{"username": "ada", "protocol": "googleTalk"}],
        "addresses": [{"streetAddress": "12 St James's Sq", "city": "London", "postalCode": "SW1Y", "country": "UK"}],
        "urls": [{"value": "https://a.test", "type": "homePage"}, {"value": "https://b.test", "type": "my own"}],
        "userDefined": [{"key": "k", "value": "v"}],
    }
    got = created(api, person)
    assert bare(got["biographies"]) == [{"value": "Notes", "contentType": "TEXT_PLAIN"}]
    assert bare(got["nicknames"]) == [{"value": "Countess"}]
    assert bare(got["imClients"])[0]["formattedProtocol"] == "Google Talk"
    assert got["addresses"][0]["formattedValue"] == "12 St James's Sq\nLondon, SW1Y\nUK"
    assert {u["formattedType"] for u in got["urls"]} == {"Home Page", "my own"}
    assert bare(got["userDefined"]) == [{"key": "k", "value": "v"}]


def test_sent_formatted_address_is_kept_beside_changed_parts(api: Api) -> None:
    """Google does not notice that the two disagree."""
    address = {"city": "Paris", "formattedValue": "London"}
    assert bare(created(api, {"addresses": [address]})["addresses"]) == [address]


def test_country_is_completed_only_by_switch(api: Api, google: GoogleSandbox) -> None:
    """The server may fill in country from code and code from country."""
    assert "country" not in created(api, {"addresses": [{"city": "Kyiv", "countryCode": "UA"}]})["addresses"][0]
    google.switches.fill_country = True
    assert created(api, {"addresses": [{"countryCode": "UA"}]})["addresses"][0]["country"] == "Ukraine"
    assert created(api, {"addresses": [{"country": "Germany"}]})["addresses"][0]["countryCode"] == "DE"


def test_strings_are_stripped_and_empty_items_dropped(api: Api, google: GoogleSandbox) -> None:
    """Blank values vanish; other programs' clientData is left as it is."""
    person = {
        "emailAddresses": [{"value": "  a@b.test "}, {"value": " "}, {"type": "work"}],
        "clientData": [{"key": "k", "value": " v "}],
        "organizations": [{"name": ""}],
    }
    got = created(api, person)
    assert bare(got["emailAddresses"]) == [{"value": "a@b.test"}]
    assert bare(got["clientData"]) == [{"key": "k", "value": " v "}]
    assert "organizations" not in got
    google.switches.strip_values = False
    assert created(api, {"emailAddresses": [{"value": " a@b.test"}]})["emailAddresses"][0]["value"] == " a@b.test"


def test_equal_items_become_one_only_by_switch(api: Api, google: GoogleSandbox) -> None:
    """Whether Google drops repetitions is not known."""
    twice = {"emailAddresses": [{"value": "a@b.test"}, {"value": "a@b.test"}]}
    assert len(created(api, twice)["emailAddresses"]) == 2
    google.switches.dedupe_values = True
    assert len(created(api, twice)["emailAddresses"]) == 1


@pytest.mark.parametrize("text", ["Zoë 🦊", "שלום", "nul\x00byte", "é e\u0301", "\U0001f468‍👩"])
def test_every_script_survives(api: Api, text: str) -> None:
    """Names in any script, NUL and both forms of é come back unchanged."""
    assert created(api, {"biographies": [{"value": text}]})["biographies"][0]["value"] == text


def test_items_change_order_with_each_version_and_one_is_primary(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Order means nothing: it is stable for a version, differs between versions, and the primary may be anywhere."""
    name = ada.create({"emailAddresses": [{"value": f"{n}@b.test"} for n in range(7)]})
    orders = set()
    for _ in range(10):
        first = api.get(f"/v1/{name}", {"personFields": "emailAddresses"}).json["emailAddresses"]
        again = api.get(f"/v1/{name}", {"personFields": "emailAddresses"}).json["emailAddresses"]
        assert first == again
        assert [i["value"] for i in first if i["metadata"].get("primary")] == ["0@b.test"]
        orders.add(tuple(i["value"] for i in first))
        ada.touch(name)
    assert len(orders) > 1
    assert [i["value"] for i in ada.contacts[name]["emailAddresses"]] == [f"{n}@b.test" for n in range(7)]
    google.switches.shuffled_items = False
    plain = api.get(f"/v1/{name}", {"personFields": "emailAddresses"}).json["emailAddresses"]
    assert plain[0]["value"] == "0@b.test"


def test_client_chooses_the_primary_once(api: Api) -> None:
    """sourcePrimary makes an item primary; two of them are refused."""
    chosen = {"value": "b@b.test", "metadata": {"sourcePrimary": True}}
    got = created(api, {"emailAddresses": [{"value": "a@b.test"}, chosen]})
    primary = [i for i in got["emailAddresses"] if i["metadata"].get("primary")]
    assert [i["value"] for i in primary] == ["b@b.test"]
    assert api.post("/v1/people:createContact", {"emailAddresses": [chosen, chosen]}).status == 400


def test_profile_adds_a_second_name_only_when_its_source_is_read(api: Api, ada: User) -> None:
    """A linked account mixes into the fields unless only CONTACT is asked for."""
    name = ada.create(named("Ada"))
    ada.link_profile(name, names=[{"givenName": "Augusta"}], birthdays=[{"date": {"month": 12, "day": 10}}])
    query = {"personFields": "names,birthdays,metadata"}
    mixed = api.get(f"/v1/{name}", query).json
    assert [n["givenName"] for n in mixed["names"]] == ["Ada", "Augusta"]
    assert mixed["birthdays"][0]["metadata"]["source"]["type"] == "PROFILE"
    assert [s["type"] for s in mixed["metadata"]["sources"]] == ["CONTACT", "PROFILE"]
    assert mixed["metadata"]["sources"][1]["profileMetadata"]["userTypes"] == ["GOOGLE_USER"]
    alone = api.get(f"/v1/{name}", {**query, "sources": CONTACT}).json
    assert [n["givenName"] for n in alone["names"]] == ["Ada"]
    assert "birthdays" not in alone
    other = api.get("/v1/people/me/connections", {**query, "sources": PROFILE}).json["connections"][0]
    assert [n["givenName"] for n in other["names"]] == ["Augusta"]


def test_list_cuts_at_a_hundred_and_get_does_not(api: Api, ada: User) -> None:
    """Writing back what a list showed would lose the rest."""
    many = [{"value": f"{n}@b.test"} for n in range(150)]
    phones = [{"value": f"+1 650 253 {n:04d}"} for n in range(101)]
    name = ada.create({"emailAddresses": many, "phoneNumbers": phones})
    query = {"personFields": "emailAddresses,phoneNumbers"}
    listed = api.get("/v1/people/me/connections", query).json["connections"][0]
    whole = api.get(f"/v1/{name}", query).json
    assert (len(listed["emailAddresses"]), len(listed["phoneNumbers"])) == (100, 100)
    assert (len(whole["emailAddresses"]), len(whole["phoneNumbers"])) == (150, 101)


def test_photo_must_be_an_image_and_bumps_the_version(api: Api, ada: User) -> None:
    """JPEG and PNG by their first bytes; the placeholder goes, the etag changes, the answer is empty without a mask."""
    name = ada.create(named("A"))
    before = api.get(f"/v1/{name}", {"personFields": "photos,metadata"}).json
    assert before["photos"][0]["default"] is True
    for wrong in ("%%%", base64.b64encode(b"GIF89a").decode(), ""):
        assert api.write("PATCH", f"/v1/{name}:updateContactPhoto", {"photoBytes": wrong}).status == 400
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n...").decode()
    assert api.write("PATCH", f"/v1/{name}:updateContactPhoto", {"photoBytes": image}).json == {}
    after = api.get(f"/v1/{name}", {"personFields": "photos,metadata"}).json
    assert "default" not in after["photos"][0]
    assert source_of(after)["etag"] != source_of(before)["etag"]
    gone = api.write("DELETE", f"/v1/{name}:deleteContactPhoto", None, {"personFields": "photos"}).json
    assert gone["person"]["photos"][0]["default"] is True


def test_calendar_urls_fail_in_updates_by_switch(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Some saw updates of calendarUrls refused."""
    name = ada.create(named("A"))
    body = {"etag": api.get(f"/v1/{name}", {"personFields": "names"}).json["etag"], "calendarUrls": [{"url": "u"}]}
    google.switches.calendar_urls_update_fails = True
    query = {"updatePersonFields": "calendarUrls"}
    assert api.write("PATCH", f"/v1/{name}:updateContact", body, query).status == 400
    google.switches.calendar_urls_update_fails = False
    assert api.write("PATCH", f"/v1/{name}:updateContact", body, query).status == 200
