"""The tables of the People API against Google's own discovery document, as the client library ships it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import googleapiclient
import pytest

from adapters.google.leaves import ALWAYS, LEAVES, PLAIN_LISTS, SHAPES, check_custom, partial_person, person_fields
from syncd.core.errors import ConfigError


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The messages of people:v1."""
    path = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / "people.v1.json"
    found: dict[str, Any] = json.loads(path.read_text())["schemas"]
    return found


@pytest.mark.parametrize("place", sorted(LEAVES))
def test_every_writable_leaf_is_known(schemas: dict[str, Any], place: str) -> None:
    """A leaf that is not in the table would be lost when its list is rebuilt."""
    message = schemas[schemas["Person"]["properties"][place]["items"]["$ref"]]["properties"]
    writable = {name for name, leaf in message.items() if not leaf.get("readOnly") and name != "metadata"}
    assert set(LEAVES[place]) == writable


def test_every_unit_has_its_place() -> None:
    """Each shape names a field and leaves that exist."""
    for shape in SHAPES.values():
        assert set(shape.parts) <= set(LEAVES[shape.place])
        assert not shape.label or shape.label in LEAVES[shape.place]


def test_mask_is_constant_and_names_metadata() -> None:
    """Deletions show only where metadata is asked for, and a sync token holds for one mask alone."""
    assert person_fields(()) == ",".join(ALWAYS)
    assert {"metadata", "memberships", "clientData"} <= set(ALWAYS)
    assert person_fields(("nicknames", "userDefined:A", "interests")) == ",".join((*ALWAYS, "interests", "nicknames"))
    assert "displayName" not in partial_person(()).replace("emailAddresses(value,type,displayName", "")


@pytest.mark.parametrize("key", ["UsrLoyalty", "userDefined:", "names", "photos", ""])
def test_custom_key_that_names_nothing_is_a_configuration_error(key: str) -> None:
    """Said at once, with what may stand there."""
    with pytest.raises(ConfigError, match="no such field"):
        check_custom((key,))


def test_custom_keys_that_google_can_hold_pass() -> None:
    """List fields and user-defined keys."""
    check_custom((*sorted(PLAIN_LISTS), "userDefined:Loyalty"))
