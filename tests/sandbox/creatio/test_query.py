"""Collection queries: every option with its traps."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.creatio import CreatioSandbox, Profile
from syncd.sandbox.creatio.values import mssql_key
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import EMAIL, NOBODY, Client, asked


@pytest.fixture
def people(crm: CreatioSandbox, clock: Clock) -> list[str]:
    """Thirty contacts a second apart, every third with an account."""
    account = crm.insert("Account", {"Name": "Acme"})
    made = []
    for number in range(30):
        clock.advance(1)
        company = {"AccountId": account} if number % 3 == 0 else {}
        made.append(crm.insert("Contact", {"Name": f"P{number:02} Test", "UsrScore": number} | company))
    return made


def names(rows: list[dict[str, Any]]) -> list[str]:
    """The names of rows."""
    return [row["Name"] for row in rows]


@pytest.mark.parametrize(
    "option", ["$apply=x", "$search=x", "$compute=x", "$deltatoken=x", "$format=json", "$wrong=1", "$top=-1", "$top=x"]
)
def test_option_beyond_the_seven_is_400(api: Client, option: str) -> None:
    """Unknown options and senseless numbers are refused."""
    assert api.odata("GET", f"Contact?{option}").status == 400


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("UsrScore ge 10 and UsrScore lt 13", 3),
        ("UsrScore eq 1 or (UsrScore eq 2 and not (Name eq 'x'))", 2),
        ("startswith(Name,'P0')", 10),
        ("endswith(Name,'9 Test') and contains(Name,'2')", 1),
        ("Account/Name eq 'Acme'", 10),
        ("Account/CreatedBy/Name eq 'Supervisor'", 10),
        ("Name eq 'p05 TEST'", 1),
        ("Name eq 'O''Neil'", 0),
        ("Confirmed eq true and DoNotUseSms eq false and GivenName ne 'Supervisor'", 30),
        ("Email eq null and UsrScore gt 0", 29),
        ("BirthDate eq null and Surname eq 'Test'", 30),
    ],
)
def test_filter_finds_what_it_says(api: Client, people: list[str], where: str, count: int) -> None:
    """Comparisons, logic, functions and navigation up to two steps."""
    assert len(api.rows("Contact", filter=where)) == count


@pytest.mark.parametrize(
    "where",
    [
        "Id in ('a')",
        "tolower(Name) eq 'x'",
        "contains(tolower(Name),'x')",
        "ContactCommunicationCollectionByContact/any(c:c/Number eq 'x')",
        "ModifiedOn gt now()",
        "Name eq",
        "(Name eq 'x'",
        "Name eq 'x",
        "'x' eq Name",
        "Name like 'x'",
        "Nothing eq 'x'",
        "Account/Nothing eq 'x'",
        "Account/Owner/Account/Name eq 'x'",
    ],
)
def test_filter_beyond_the_grammar_is_400(api: Client, where: str) -> None:
    """What a client must not depend on is refused."""
    assert api.refused("Contact", filter=where) == 400


@pytest.mark.parametrize(
    "where",
    [
        "ModifiedOn ge '2026-01-01T00:00:00Z'",
        f"Id eq '{NOBODY}'",
        f"Account/Id eq '{NOBODY}'",
        "Name eq 5",
        f"Name eq {NOBODY}",
        "UsrScore eq 'x'",
        "Confirmed eq 'true'",
        "Account eq 'x'",
    ],
)
def test_literal_of_another_type_is_400_incompatible(api: Client, where: str) -> None:
    """Quoted dates and GUIDs above all."""
    reply = api.odata("GET", asked("Contact", filter=where))
    assert reply.status == 400
    assert "incompatible types" in reply.json()["error"]["message"]


@pytest.mark.parametrize("option", [{"filter": f"ContactId eq {NOBODY}"}, {"orderby": "ContactId"}])
def test_flat_lookup_in_a_query_is_500_column_by_path(api: Client, option: dict[str, str]) -> None:
    """A lookup is filtered and sorted through its navigation, written and selected flat."""
    reply = api.odata("GET", asked("ContactCommunication", **option))
    assert reply.status == 500
    error = reply.json()["error"]
    assert error["message"] == "Column by path ContactId not found in schema ContactCommunication"
    assert error["innererror"]["type"].endswith("ItemNotFoundException")


def test_flat_lookup_in_the_fork_works_breaks_or_tears(api: Client, crm: CreatioSandbox, people: list[str]) -> None:
    """`eq` works in a list and not with a count; `ne` and null tear the reply after status 200."""
    crm.profile.flat_fk = "bpmsoft"
    crm.insert("ContactCommunication", {"ContactId": people[0], "CommunicationTypeId": EMAIL, "Number": "a@b.example"})
    where = f"ContactId eq {people[0]}"
    assert len(api.rows("ContactCommunication", filter=where)) == 1
    assert api.refused("ContactCommunication", filter=where, count="true") == 500
    for torn in (f"ContactId ne {NOBODY}", "ContactId eq null"):
        reply = api.odata("GET", asked("ContactCommunication", filter=torn))
        assert reply.status == 200
        with pytest.raises(ValueError, match=r"."):
            reply.json()


def test_ne_on_a_link_drops_nulls_and_not_eq_keeps_them(api: Client, people: list[str], crm: CreatioSandbox) -> None:
    """`Nav/Id ne` is an inner join."""
    account = crm.contact(people[0])
    assert account is not None
    key = account["AccountId"]
    assert len(api.rows("Contact", filter=f"Account/Id ne {key}")) == 0
    assert len(api.rows("Contact", filter=f"Account/Id ne {NOBODY}")) == 10
    assert len(api.rows("Contact", filter=f"not (Account/Id eq {key})")) == 21
    for null in ("Account eq null", "Account/Id eq null"):
        assert len(api.rows("Contact", filter=null)) == 21
    assert len(api.rows("Contact", filter="Account/Id ne null")) == 10


@pytest.mark.parametrize("digits", [6, 7])
def test_instants_compare_at_full_stored_precision(clock: Clock, digits: int, api: Client, crm: CreatioSandbox) -> None:
    """The stored text used as a bound with `ge` finds its own row, one step later does not."""
    crm.profile.change({"db_fraction": digits})
    clock.advance(0.1234567)
    contact = crm.insert("Contact", {"Name": "Ann Lee"})
    stamp = api.get("Contact", contact)["ModifiedOn"]
    assert len(stamp.partition(".")[2].rstrip("Z")) == digits
    assert names(api.rows("Contact", filter=f"ModifiedOn ge {stamp}")) == ["Ann Lee"]
    assert api.rows("Contact", filter=f"ModifiedOn gt {stamp}") == []
    assert names(api.rows("Contact", filter=f"ModifiedOn eq {stamp}")) == ["Ann Lee"]


def test_time_with_an_unencoded_plus_is_400(api: Client) -> None:
    """A plus in a query is a space."""
    assert api.odata("GET", "Contact?$filter=ModifiedOn%20ge%202026-01-01T00:00:00+00:00").status == 400
    assert api.odata("GET", "Contact?$filter=ModifiedOn%20ge%202026-01-01T00:00:00%2B00:00").status == 200


def test_unordered_rows_come_in_another_order_each_time(api: Client, people: list[str]) -> None:
    """Without $orderby nothing is promised; with a full order pages join."""
    orders = {tuple(names(api.rows("Contact"))) for _ in range(3)}
    assert len(orders) == 3
    pages = [api.rows("Contact", orderby="UsrScore,Id", top=10, skip=skip) for skip in (0, 10, 20, 30)]
    ids = [row["Id"] for page in pages for row in page]
    assert len(ids) == len(set(ids)) == 31


def test_newest_first_is_the_reverse_of_oldest_first(api: Client, people: list[str]) -> None:
    """The incremental reading's order, with a count of everything."""
    page = api.page("Contact", orderby="ModifiedOn desc,Id", top=5, count="true", select="Id,Name")
    assert names(page["value"]) == [f"P{n} Test" for n in (29, 28, 27, 26, 25)]
    assert page["@odata.count"] == 31
    stamp = api.rows("Contact", filter="Name eq 'P20 Test'")[0]["ModifiedOn"]
    later = api.page("Contact", filter=f"ModifiedOn ge {stamp}", orderby="ModifiedOn,Id", top=3, count="true")
    assert (names(later["value"]), later["@odata.count"]) == (["P20 Test", "P21 Test", "P22 Test"], 10)


def test_equal_times_without_a_tie_breaker_shuffle(api: Client, crm: CreatioSandbox) -> None:
    """An order that is not total is no order."""
    crm.load("Contact", [{"Name": f"T{n}", "CreatedOn": "2026-01-01T00:00:00Z"} for n in range(20)])
    orders = {tuple(names(api.rows("Contact", orderby="CreatedOn", top=20))) for _ in range(3)}
    assert len(orders) > 1


@pytest.mark.parametrize("order", ["mssql", "lexical"])
def test_order_by_id_is_the_databases_own(api: Client, crm: CreatioSandbox, people: list[str], order: str) -> None:
    """SQL Server sorts GUIDs by their last group first."""
    crm.profile.change({"guid_order": order})
    ids = [row["Id"] for row in api.rows("Contact", orderby="Id")]
    assert ids == sorted(ids, key=mssql_key if order == "mssql" else str)
    assert ids != sorted(ids, key=str if order == "mssql" else mssql_key)


def test_count_ignores_top_and_honours_the_filter(api: Client, people: list[str]) -> None:
    """As a member and as a plain text that may start with a byte order mark."""
    page = api.page("Contact", count="true", top=0, filter="UsrScore ge 20")
    assert (page["@odata.count"], page["value"]) == (10, [])
    reply = api.odata("GET", asked("Contact/$count", filter="UsrScore ge 20"))
    assert (reply.headers["Content-Type"], reply.data.decode()) == ("text/plain", "\ufeff10")
    api.crm.profile.count_bom = False
    assert api.odata("GET", "Contact/$count").data == b"31"


@pytest.mark.parametrize("link", [False, True])
def test_rows_above_the_limit_are_cut_without_a_mark(
    api: Client, crm: CreatioSandbox, people: list[str], link: bool
) -> None:
    """Only some builds say that there is more."""
    crm.profile.change({"max_rows": 10, "next_link": link})
    page = api.page("Contact", orderby="Id")
    assert len(page["value"]) == 10
    assert ("@odata.nextLink" in page) is link
    assert len(api.rows("Contact", orderby="Id", top=20)) == 10
    if link:
        more = api.send("GET", page["@odata.nextLink"].removeprefix(api.url)).json()
        assert not {row["Id"] for row in more["value"]} & {row["Id"] for row in page["value"]}


def test_select_gives_these_columns_in_the_servers_order(api: Client, people: list[str]) -> None:
    """Unknown names are refused, case matters."""
    page = api.page("Contact", select="AccountId,Id,Name", top=1)
    assert list(page["value"][0]) == ["Id", "Name", "AccountId"]
    assert page["@odata.context"].endswith("$metadata#Contact(Id,Name,AccountId)")
    assert api.refused("Contact", select="Id,Nothing") == 400
    assert api.refused("Contact", select="id") == 400


@pytest.mark.parametrize(("switch", "status"), [("off", 200), ("warn", 200), ("error", 500)])
def test_filtered_column_not_selected_follows_the_switch(
    api: Client, crm: CreatioSandbox, switch: str, status: int
) -> None:
    """Some stands need every filtered column selected; for a navigation, its flat name."""
    crm.profile.change({"select_what_you_filter": switch})
    assert api.refused("Contact", select="Id", filter="Name eq 'x'") == status
    assert crm.warnings == (switch == "warn")
    where = f"Contact/Id eq {NOBODY}"
    assert api.refused("ContactCommunication", select="Id,ContactId", filter=where) == 200


def test_expand_brings_the_linked_row_or_null(api: Client, crm: CreatioSandbox, people: list[str]) -> None:
    """Also through reverse collections; nested options and a third level are refused."""
    crm.patch("Contact", people[0], {"Email": "a@b.example"})
    rows = api.rows(
        "Contact",
        expand="Account,ContactCommunicationCollectionByContact",
        orderby="Name",
        filter="Name ne 'Supervisor'",
    )
    assert rows[0]["Account"]["Name"] == "Acme"
    assert rows[1]["Account"] is None
    assert rows[0]["ContactCommunicationCollectionByContact"][0]["Number"] == "a@b.example"
    assert api.refused("Contact", expand="Account($select=Name)") == 400
    assert api.refused("Contact", expand="Nothing") == 400


def test_nested_expand_where_allowed_ends_at_the_second_level(
    api: Client, crm: CreatioSandbox, people: list[str]
) -> None:
    """`$expand=A($select=…;$expand=B)` works on some versions."""
    crm.profile.nested_expand = "ok"
    where = "Account ne null"
    row = api.rows("Contact", expand="Account($select=Id,Name;$expand=Owner)", filter=where)[0]
    assert list(row["Account"]) == ["Id", "Name", "Owner"]
    assert api.refused("Contact", expand="Account($expand=Owner($expand=Account))") == 400


def test_date_through_a_link_follows_the_switch(api: Client, crm: CreatioSandbox, people: list[str]) -> None:
    """A date filter through navigation is not certain to work."""
    tag = crm.add_tag("Google")
    for contact in people[:5]:
        crm.tag(contact, tag)
    stamp = api.get("Contact", people[3])["ModifiedOn"]
    where = f"Tag/Id eq {tag} and Entity/ModifiedOn ge {stamp}"
    rows = api.rows("ContactInTag", filter=where, orderby="Entity/ModifiedOn,Id")
    assert [row["EntityId"] for row in rows] == people[3:5]
    crm.profile.nav_date_filter = False
    assert api.refused("ContactInTag", filter=where) == 500


def test_indexes_and_scans_find_the_same(api: Client, crm: CreatioSandbox, people: list[str]) -> None:
    """A list of ids comes from an index, the same under `not not` from a scan."""
    wanted = " or ".join(f"Id eq {key}" for key in people[4:9])
    by_index = {row["Id"] for row in api.rows("Contact", filter=wanted)}
    by_scan = {row["Id"] for row in api.rows("Contact", filter=f"not (not ({wanted}))")}
    assert by_index == by_scan == set(people[4:9])


@pytest.mark.parametrize("op", ["gt", "ge", "lt", "le", "eq"])
@pytest.mark.parametrize("count", [30, 4500])
def test_time_bounds_of_an_index_lose_nothing(api: Client, crm: CreatioSandbox, op: str, count: int) -> None:
    """Few rows are sorted, many are walked by the time index; both agree with a scan, in order."""
    crm.load("Contact", ({"Name": f"T{n}"} for n in range(count)))
    stamp = crm.dump()["Contact"][count // 2]["ModifiedOn"]
    where = f"ModifiedOn {op} {stamp}"
    by_index = api.rows("Contact", select="Id,ModifiedOn", filter=where, orderby="ModifiedOn desc,Id")
    by_scan = api.rows("Contact", select="Id,ModifiedOn", filter=f"not (not ({where}))", orderby="ModifiedOn desc,Id")
    assert by_index == by_scan
    assert by_index


def test_case_of_text_follows_the_collation(api: Client, crm: CreatioSandbox, people: list[str]) -> None:
    """Most databases compare text without case, some with it."""
    crm.profile.change({"collation": "cs"})
    assert api.rows("Contact", filter="Name eq 'p05 TEST'") == []


def test_profile_seed_makes_the_order_repeatable(clock: Clock) -> None:
    """Two sandboxes of one seed make the same ids."""
    one, other = (CreatioSandbox(clock, Profile(seed=5)) for _ in range(2))
    assert one.insert("Contact", {"Name": "A"}) == other.insert("Contact", {"Name": "A"})
