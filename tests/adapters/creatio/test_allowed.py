"""What the client can express at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import adapters.creatio
from adapters.creatio.budget import batches_of
from adapters.creatio.parts import CHANGES, DELETIONS, INSERTS, Part
from syncd.core.errors import ContractBroken

ID = "7f3b869f-34f3-4f20-ab4d-7480a5fdf647"
SOURCES = sorted(Path(adapters.creatio.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("set_", ["Contact", "Account", "ContactTag", "Tag", "ContactCareer", "City", "SysAdminUnit"])
def test_deleting_anything_but_rows_cannot_be_said(set_: str) -> None:
    """No contact, account or tag can be deleted: there is no such request."""
    with pytest.raises(ContractBroken):
        Part("1", "DELETE", set_, ID)


@pytest.mark.parametrize("set_", ["Account", "ContactTag", "ContactInTag", "SysAdminUnit", "City"])
def test_changing_foreign_objects_cannot_be_said(set_: str) -> None:
    """Only contacts and their details are changed."""
    with pytest.raises(ContractBroken):
        Part("1", "PATCH", set_, ID, {"Name": "x"})


@pytest.mark.parametrize("set_", ["City", "Country", "SysAdminUnit", "ContactCareer", "TagInRecords"])
def test_inserting_elsewhere_cannot_be_said(set_: str) -> None:
    """Lookups and system tables are not written."""
    with pytest.raises(ContractBroken):
        Part("1", "POST", set_, body={"Name": "x"})


def test_lists_are_what_they_are() -> None:
    """Growing one of these lists is a decision; this test is where it is noticed."""
    assert {"ContactCommunication", "ContactAddress", "ContactInTag", "TagInRecord"} == DELETIONS
    assert {"Contact", "ContactCommunication", "ContactAddress"} == CHANGES
    assert CHANGES | DELETIONS | {"ContactTag", "Tag", "Account"} == INSERTS


def test_writes_have_one_way_out() -> None:
    """Only the client sends, and only a `Part` carries a writing verb."""
    senders = [p.name for p in SOURCES if re.search(r"_transport\.send\(|\btransport\.send\(", p.read_text())]
    assert senders == ["client.py", "session.py"]
    verbs = [p.name for p in SOURCES if re.search(r'"(DELETE|PATCH)"', p.read_text())]
    assert verbs == ["changes.py", "parts.py", "sending.py"]


def test_malformed_part_is_refused() -> None:
    """A DELETE without a key would address the whole set."""
    for method, key, body in (("DELETE", "", None), ("PATCH", "", {}), ("POST", ID, {})):
        with pytest.raises(ContractBroken):
            Part("1", method, "ContactAddress", key, body)  # type: ignore[arg-type]  # the loop's strings are literals


def test_groups_are_not_torn_by_the_size_of_a_batch() -> None:
    """Three contacts of four parts each in batches of ten; one of twelve in groups of its own."""
    parts = [Part(f"g{g}.{n}", "DELETE", "ContactAddress", ID, group=f"g{g}") for g in range(3) for n in range(4)]
    assert [len(batch) for batch in batches_of(parts, 10)] == [8, 4]
    big = [Part(f"g.{n}", "DELETE", "ContactAddress", ID, group="g") for n in range(12)]
    assert [len(batch) for batch in batches_of(big, 10)] == [10, 2]
    assert len({part.group for batch in batches_of(big, 10) for part in batch}) == 2
