"""The table of messages against the description of the API that Google's own client carries."""

from __future__ import annotations

import importlib.resources
import json
import re
from functools import cache
from typing import Any

import pytest

from syncd.sandbox.google.routes import METHODS
from syncd.sandbox.google.schema import MESSAGES, READ_FIELDS, WRITE_FIELDS


@cache
def described() -> dict[str, Any]:
    """Google's discovery document of the People API."""
    folder = importlib.resources.files("googleapiclient") / "discovery_cache" / "documents"
    found: dict[str, Any] = json.loads((folder / "people.v1.json").read_text())
    return found


KINDS = {"string": "string", "integer": "int", "boolean": "bool"}


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_message_has_the_leaves_google_describes(message: str) -> None:
    """Every leaf by name, kind, repetition and choices."""
    wanted = described()["schemas"][message]["properties"]
    ours = MESSAGES[message]
    assert set(ours) == set(wanted)
    for name, leaf in ours.items():
        spec = wanted[name]
        inner = spec.get("items") or spec.get("additionalProperties") or spec
        assert leaf.repeated == (spec.get("type") == "array"), name
        assert leaf.mapped == ("additionalProperties" in spec), name
        if leaf.kind == "enum":
            assert list(leaf.choices) == inner["enum"], name
        elif leaf.kind in MESSAGES:
            assert inner["$ref"] == leaf.kind, name
        else:
            assert KINDS[inner["type"]] == leaf.kind, name


def test_output_only_leaves_of_items_are_marked() -> None:
    """What Google computes in an item is ignored when sent, and nothing else is."""
    skipped = {"Person", "ContactGroup"}  # they carry etag and metadata, which are read though they are output
    for message in MESSAGES.keys() - skipped:
        wanted = described()["schemas"][message]["properties"]
        ours = {name for name, leaf in MESSAGES[message].items() if leaf.read_only}
        theirs = {name for name, spec in wanted.items() if spec.get("readOnly")}
        assert theirs <= ours, message


def test_masks_are_those_of_the_documentation() -> None:
    """29 fields to read, 24 to write."""
    assert (len(READ_FIELDS), len(WRITE_FIELDS)) == (29, 24)
    parameters = described()["resources"]["people"]["methods"]["updateContact"]["parameters"]
    for name, fields in (("updatePersonFields", WRITE_FIELDS), ("personFields", READ_FIELDS)):
        assert set(re.findall(r"\* (\w+)", parameters[name]["description"])) == set(fields)


def _methods(node: dict[str, Any]) -> dict[str, Any]:
    found = {m["id"]: m for m in node.get("methods", {}).values()}
    for inner in node.get("resources", {}).values():
        found |= _methods(inner)
    return found


def test_every_call_google_describes_is_routed_with_its_parameters() -> None:
    """No call is missing, none is invented, and each takes exactly its query."""
    theirs = _methods(described())
    ours = {_described_id(m.api): m for m in METHODS}
    assert set(ours) == set(theirs)
    standard = described()["parameters"].keys()
    for name, method in ours.items():
        spec = theirs[name]
        query = {k for k, v in spec["parameters"].items() if v["location"] == "query"}
        assert method.verb == spec["httpMethod"], name
        assert method.allowed == query | standard, name
        for scopes in method.access.scopes:
            assert set(scopes) <= set(spec["scopes"]), name


def _described_id(api: str) -> str:
    return f"people.{api}"
