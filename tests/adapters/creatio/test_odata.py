"""OData as text: literals, queries, instants, error envelopes."""

from __future__ import annotations

import uuid

import pytest

from adapters.creatio.odata import (
    MAX_QUERY,
    NULL_DATE,
    Answer,
    Query,
    any_of,
    by_ids,
    earlier,
    fault,
    guid,
    instant,
    kind_of,
    link,
    message_of,
    moment,
    string,
)
from adapters.creatio.slots import ADDRESS, COMMUNICATION, CONTACT
from syncd.core.errors import ContractBroken, MissingRight, NeedsHuman, RateLimited, SyncError, Unavailable

ID = "7f3b869f-34f3-4f20-ab4d-7480a5fdf647"


def test_string_with_quote_is_doubled() -> None:
    """A name cannot end the literal it stands in."""
    assert string("O'Neil' or true") == "'O''Neil'' or true'"


@pytest.mark.parametrize("text", ["", "x", ID + "'", f"guid'{ID}'", f"{ID} or true"])
def test_text_that_is_no_guid_never_becomes_a_literal(text: str) -> None:
    """Ids are checked before they enter a filter."""
    with pytest.raises(ContractBroken):
        guid(text)


def test_guid_literal_is_bare_and_lower_case() -> None:
    """No quotes, no `guid'…'`."""
    assert any_of("Contact/Id", [ID.upper()]) == f"Contact/Id eq {ID}"


def test_query_is_encoded_with_percent_20() -> None:
    """Spaces, plus signs and ampersands survive the way to the server."""
    text = str(Query("Account", ("Id", "Name"), f"Name eq {string('A & B + C')}", "Name,Id", top=5))
    assert (
        text
        == "Account?$select=Id,Name&$filter=Name%20eq%20'A%20%26%20B%20%2B%20C'&$orderby=Name,Id&$top=5&$count=true"
    )


@pytest.mark.parametrize(
    "columns", [CONTACT, COMMUNICATION, ADDRESS, (*CONTACT, *(f"UsrColumn{n}" for n in range(40)))]
)
def test_id_lists_stay_below_the_server_s_query_limit(columns: tuple[str, ...]) -> None:
    """However many columns are read, no query string exceeds what IIS takes, and no id is lost."""
    ids = [str(uuid.UUID(int=n)) for n in range(100)]
    queries = list(by_ids("ContactCommunication", columns, "Contact/Id", ids))
    assert all(len(str(q).partition("?")[2]) <= MAX_QUERY for q in queries)
    assert sum(q.where.count(" eq ") for q in queries) == 100


def test_31_ids_fit_into_one_list_of_details() -> None:
    """The figure that budgets rest on."""
    ids = [str(uuid.UUID(int=n)) for n in range(31)]
    assert len(list(by_ids("ContactAddress", ADDRESS, "Contact/Id", ids))) == 1


@pytest.mark.parametrize(
    ("raw", "micros"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.123456Z", 123_456),
        ("1970-01-01T00:00:00.1234567Z", 123_456),
        ("1970-01-01T00:00:00.9999999Z", 999_999),
        (NULL_DATE, 0),
        ("", 0),
    ],
)
def test_instant_of_any_precision_is_cut_never_rounded(raw: str, micros: int) -> None:
    """0 to 7 digits; a rounded-up stamp would miss its own row."""
    assert instant(raw) == micros


def test_moments_of_different_precision_compare_as_text() -> None:
    """`…02Z` is before `…02.000001Z`."""
    assert moment("2026-11-22T17:21:02Z") < moment("2026-11-22T17:21:02.000001Z") < moment("2026-11-22T17:21:02.1Z")


@pytest.mark.parametrize("raw", ["2026-11-22T17:21:02", "2026-11-22T17:21:02+03:00", "yesterday"])
def test_instant_without_utc_is_refused(raw: str) -> None:
    """A zone is never guessed."""
    with pytest.raises(ContractBroken):
        moment(raw)


def test_earlier_crosses_midnight_and_keeps_the_null_date() -> None:
    """The overlap of a watermark."""
    assert earlier("2026-01-01T00:00:00.5Z", 300) == "2025-12-31T23:55:00.500000Z"
    assert earlier(NULL_DATE, 300) == NULL_DATE


@pytest.mark.parametrize("value", ["00000000-0000-0000-0000-000000000000", "", None])
def test_null_lookup_is_no_link(value: str | None) -> None:
    """The zero GUID is null."""
    assert link(value) == ""


ODATA = {
    "error": {"code": "", "message": "m", "innererror": {"message": "deep", "type": "Terrasoft.Common.DbException"}}
}
WEB_API = {"Message": "An error has occurred.", "ExceptionMessage": "deep", "ExceptionType": "System.DbException"}
HTML = "<html><head><title>Bad  gateway</title></head></html>"


@pytest.mark.parametrize(("body", "text", "kind"), [(ODATA, "deep", "DbException"), (WEB_API, "deep", "DbException")])
def test_error_envelopes_are_all_understood(body: object, text: str, kind: str) -> None:
    """OData's and Web API's."""
    assert text in message_of(body)
    assert kind_of(body) == kind


def test_error_page_is_understood() -> None:
    """A page's title is its message."""
    assert message_of(HTML) == "Bad  gateway"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(403, ODATA), MissingRight),
        (Answer(404, {"Message": "No HTTP resource was found"}), NeedsHuman),
        (Answer(400, {"error": {"message": "Could not find a property named 'UsrX' on type 'C'."}}), NeedsHuman),
        (Answer(500, {"error": {"message": "Column by path UsrX not found in schema Contact"}}), NeedsHuman),
        (Answer(429, "", 30.0), RateLimited),
        (Answer(500, ODATA), Unavailable),
        (Answer(503, HTML), Unavailable),
        (Answer(400, ODATA), ContractBroken),
    ],
)
def test_refused_reading_says_what_to_do(answer: Answer, error: type[SyncError]) -> None:
    """Each refusal becomes the error named for what the caller must do."""
    assert type(fault(answer, "Contact")) is error


def test_error_names_no_value() -> None:
    """A server's message may quote a person's data; ours does not."""
    body = {"error": {"message": "duplicate key (bob@x.test)", "innererror": {"message": "bob@x.test", "type": "X.Y"}}}
    assert "bob" not in str(fault(Answer(500, body), "Contact"))


@pytest.mark.parametrize("body", [{}, {"value": 1}, "text", None, {"value": [], "@odata.count": None}])
def test_list_without_rows_or_count_is_no_empty_list(body: object) -> None:
    """`{}` is not “no contacts”."""
    with pytest.raises((Unavailable, ContractBroken, TypeError)):
        Answer(200, body).rows(Query("Contact", ("Id",)))


def test_seventh_digit_of_a_moment_means_nothing() -> None:
    """A POST echoes seven digits of a time that is stored with six."""
    assert moment("2026-11-22T17:21:02.1234567Z") == moment("2026-11-22T17:21:02.123456Z")
