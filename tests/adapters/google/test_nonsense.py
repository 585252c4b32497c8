"""Replies of any shape: whatever a server sends, what leaves the adapter is a value or one of our errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.google.adapter import GooglePeople
from adapters.google.client import PeopleClient
from adapters.google.denial import denial_of, error_of
from adapters.google.leaves import LEAVES
from adapters.google.mapping import former_ids, is_deleted, record_id, to_record
from adapters.http import HandlerTransport, Reply
from syncd.core.contact import Field, Record, RecordId, ScopeId, Unit
from syncd.core.errors import SyncError
from syncd.core.ports import Enter, Outcome, ScopeWish, Update
from tests.adapters.google.conftest import change, person, read
from tests.adapters.google.test_mapping import a_record

NAMES = [
    *LEAVES, "metadata", "sources", "type", "id", "etag", "updateTime", "primary", "source", "connections", "responses",
    "person", "status", "code", "httpStatusCode", "requestedResourceName", "resourceName", "memberships", "value",
    "date",
    "contactGroupMembership", "contactGroupResourceName", "createdPeople", "updateResult", "contactGroups", "error",
    "name", "groupType", "memberCount", "memberResourceNames", "notFoundResourceNames", "nextPageToken", "totalItems",
    "nextSyncToken", "details", "contactErrors", "reason", "message", "@type", "previousResourceNames", "deleted",
    "canNotRemoveLastContactGroupResourceNames", "people/c10",
]  # fmt: skip
WORDS = ["CONTACT", "a", "people/c10", "", "x", "USER_CONTACT_GROUP", "Creatio", "BatchCreateContactsErrorDetails"]
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(WORDS)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
)
OBJECT = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)


class _Token:
    def bearer(self) -> str:
        return "t"

    def renewed(self, refused: str) -> str:
        return "u"


def remote_that_answers(status: int, body: Any) -> GooglePeople:
    """An adapter whose server says this to everything."""
    transport = HandlerTransport(lambda *_: Reply(status, {}, json.dumps(body).encode()))
    return GooglePeople(PeopleClient(transport, _Token(), sleep=lambda _: None), sub="1")


@settings(max_examples=300, deadline=None)
@given(OBJECT)
def test_person_of_any_shape_is_a_record_or_none(body: dict[str, Any]) -> None:
    """Nothing in a person can break a whole list."""
    record = to_record(body, ("nicknames", "userDefined:K"), listed=True)
    assert record is None or isinstance(record, Record)
    record_id(body), is_deleted(body), former_ids(body)


@settings(max_examples=300, deadline=None)
@given(st.integers(300, 599), JSON)
def test_error_of_any_shape_has_a_meaning(status: int, body: Any) -> None:
    """An error reply is always one of our kinds."""
    assert isinstance(error_of(denial_of(status, {}, json.dumps(body).encode(), 0.0)), SyncError)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([200, 200, 204, 302, 400, 401, 403, 404, 409, 429, 500]), JSON)
def test_only_values_and_our_errors_leave_the_adapter(status: int, body: Any) -> None:
    """Every call, over any answer; a mutation has an outcome for each of its writes."""
    remote = remote_that_answers(status, body)
    update = Update(a_record(), (change(None, Unit(Field.PHONE, ("1",))),))
    for act in (
        lambda: read(remote),
        lambda: read(remote, {"token": "t", "params": "x", "full_at": 0}),
        lambda: remote.fetch([RecordId("a")]),
        lambda: remote.resolve(ScopeWish("Creatio")),
        lambda: remote.scope(ScopeId("contactGroups/a")),
        lambda: remote.list_members(ScopeId("contactGroups/a")),
    ):
        try:
            act()
        except SyncError:
            continue
    for call in ((person("A"), person("B")), (update,), (Enter(RecordId("a"), ScopeId("contactGroups/a")),)):
        try:
            outcomes: tuple[Outcome, ...] = remote.send(call)
        except SyncError:
            continue
        assert len(outcomes) == len(call)


@pytest.mark.parametrize("body", [{}, [], None, "text", 0])
def test_empty_answer_to_a_create_is_unknown(body: object) -> None:
    """A success that shows nothing is not believed."""
    (outcome,) = remote_that_answers(200, body).send((person("A"),))
    assert type(outcome).__name__ == "Unknown"
