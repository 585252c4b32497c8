"""The client layer can delete group memberships and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.google import client
from adapters.google.adapter import GooglePeople
from adapters.google.client import PeopleClient

SOURCES = sorted(Path(client.__file__).parent.glob("*.py"))


def test_client_has_exactly_the_listed_calls() -> None:
    """A new call is added here on purpose, or not at all."""
    calls = {name for name in vars(PeopleClient) if not name.startswith("_")}
    assert calls == {
        "requests", "clock", "wall", "by_server", "error_of",
        "list_connections", "get_person", "get_people", "list_groups", "get_group",
        "create_group", "create_contacts", "update_contacts", "modify_members",
    }  # fmt: skip


def test_api_methods_in_reach_are_these_nine() -> None:
    """The library's resource objects, which know deletions, are not kept: only these methods of theirs."""
    api = client._api(client.ENDPOINT)  # noqa: SLF001 -- what is in reach is the claim
    assert {method.__name__ for method in api} == {"method"}
    bound = {field: str(getattr(api, field)(**_arguments(field)).methodId) for field in api._fields}
    assert set(bound.values()) == {
        "people.people.connections.list", "people.people.get", "people.people.getBatchGet",
        "people.people.batchCreateContacts", "people.people.batchUpdateContacts", "people.contactGroups.list",
        "people.contactGroups.get", "people.contactGroups.create", "people.contactGroups.members.modify",
    }  # fmt: skip


def _arguments(field: str) -> dict[str, str]:
    names = {
        "list_connections": "people/me", "get_person": "people/c1", "get_group": "contactGroups/a",
        "modify_members": "contactGroups/a",
    }  # fmt: skip
    return {"resourceName": names[field]} if field in names else {}


def test_no_source_line_names_a_deletion() -> None:
    """Neither a method nor an HTTP verb that deletes occurs anywhere in the adapter."""
    assert len(SOURCES) > 8
    for path in SOURCES:
        text = path.read_text()
        assert not re.search(r"deleteContact|batchDelete|DeletePhoto|deletePhoto|deleteContacts|\.delete\b", text), path
        assert "DELETE" not in text, path


def test_remote_has_no_method_that_deletes() -> None:
    """Nor does the adapter."""
    assert not [name for name in dir(GooglePeople) if "delete" in name or "remove" in name]
